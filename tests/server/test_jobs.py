from itertools import product

import pytest

from chainrule.server.jobs import MOVES, Move, after
from chainrule.wire.errors import JobNotRunning
from chainrule.wire.job import JobState


@pytest.mark.parametrize(("state", "move"), list(product(JobState, Move)))
def test_a_move_leads_where_the_table_says_or_raises(state, move):
    if move in MOVES[state]:
        assert after(state, move) is MOVES[state][move]
    else:
        with pytest.raises(JobNotRunning, match=f"{state}.*too late to {move}"):
            after(state, move)


def test_a_final_state_is_left_by_nothing():
    assert {state for state in JobState if not MOVES[state]} == {state for state in JobState if state.final}


def test_every_state_that_is_not_final_can_end_in_each_way_a_user_or_an_error_asks_for():
    for state in JobState:
        if not state.final:
            assert {Move.CANCEL, Move.FAIL} <= set(MOVES[state])


def test_every_state_can_be_reached_from_the_queue():
    reached, edge = set(), {JobState.QUEUED}
    while edge:
        reached |= edge
        edge = {after for state in edge for after in MOVES[state].values()} - reached
    assert reached == set(JobState)


def test_what_a_user_asks_for_again_leaves_the_job_where_it_is():
    assert after(JobState.PAUSED, Move.PAUSE) is JobState.PAUSED
    for state in (JobState.QUEUED, JobState.STARTING, JobState.RUNNING):
        assert after(state, Move.RESUME) is state
        assert after(state, Move.PAUSE) is JobState.PAUSED


def test_another_number_of_workers_leaves_every_job_that_has_not_ended_where_it_is():
    for state in JobState:
        if not state.final:
            assert after(state, Move.SCALE) is state
