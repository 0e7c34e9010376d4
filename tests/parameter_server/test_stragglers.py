"""Workers that are far slower than the others: what they owe is computed elsewhere too, and the bits are the same."""

import pytest

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.plan import Outcome


@pytest.fixture
def overtaken(two, toy):
    """A state at version 0 whose second worker is late: the first one, who was fast, has its node too."""
    state, fast, slow, work = two
    state.take_work(slow, 0.0)
    state.push(fast, 1, 0, Node(0, 2), toy.partial_of(state.parameters.flat, work, Node(0, 2)), 1.0)
    assert state.take_work(fast, 1.0) is None
    assert state.next_look() == 3.0
    assert state.overtake(3.0) == {slow: 3.0}
    assert state.take_work(fast, 3.0).nodes == (Node(2, 4),)
    return state, fast, slow, work


@pytest.mark.parametrize("first", ["fast", "slow"])
def test_of_two_who_compute_a_node_the_first_answer_counts(overtaken, toy, first):
    state, fast, slow, work = overtaken
    workers, theta = (fast, slow) if first == "fast" else (slow, fast), state.parameters.flat.copy()
    outcomes = []
    for worker in workers:
        partial = toy.partial_of(theta, work, Node(2, 4))
        outcomes.append(state.push(worker, 1, 0, Node(2, 4), partial, 4.0)[0])
    assert outcomes == ["applied", "stale"]
    assert state.version == 1


def test_of_two_answers_at_one_version_the_second_is_a_duplicate(toy):
    state = toy.new_state(shards=3)
    fast, slow, slowest = (state.join(0.0) for _ in range(3))
    state.start_at(0)
    works = {worker: state.take_work(worker, 0.0) for worker in (fast, slow, slowest)}
    theta = state.parameters.flat.copy()

    def push(worker, shard, now):
        partial = toy.partial_of(theta, works[worker], Node(shard, shard + 1))
        return state.push(worker, 1, 0, Node(shard, shard + 1), partial, now)[0]

    push(fast, 0, 1.0)
    state.overtake(3.0)
    assert state.take_work(fast, 3.0).nodes == (Node(1, 2),)
    assert [push(fast, 1, 4.0), push(slow, 1, 5.0)] == ["applied", "duplicate"]
    assert state.version == 0


def test_who_was_overtaken_is_asked_again_at_the_version_after_its_late_answer(overtaken, toy):
    state, fast, slow, work = overtaken
    theta = state.parameters.flat.copy()
    state.push(fast, 1, 0, Node(2, 4), toy.partial_of(theta, work, Node(2, 4)), 4.0)
    assert state.take_work(slow, 4.0) is None
    alone = state.take_work(fast, 4.0)
    assert alone.nodes == (Node(0, 4),)
    stranger = toy.partial_of(theta, work, Node(2, 4))
    assert state.push(slow, 0, 0, Node(2, 4), stranger, 5.0)[0] is Outcome.STALE  # of a generation before
    assert state.push(slow, 1, 0, Node(2, 4), stranger, 10.0)[0] is Outcome.STALE
    assert state.take_work(slow, 10.0) is None
    state.push(fast, 1, 1, Node(0, 4), toy.partial_of(state.parameters.flat, alone, Node(0, 4)), 11.0)
    assert state.take_work(slow, 11.0) is not None


def test_the_next_look_is_at_the_next_end_of_a_lease_where_nobody_is_late(toy):
    state = toy.new_state()
    workers = state.join(0.0), state.join(1.0)
    assert state.next_look() == 5.0
    for worker in workers:
        state.leave(worker)
    assert state.next_look() is None
