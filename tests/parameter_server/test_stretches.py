"""When workers take steps among themselves, and what becomes of them: through the state, by times that a test sets."""

import numpy as np
import pytest

from chainrule.data.shard_tree import Node
from chainrule.nn import Update
from chainrule.parameter_server import stretches
from chainrule.parameter_server.plan import Outcome
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Sums
from chainrule.wire.stretched import DIGEST_BYTES, Seconds, StretchStep

NONE = np.zeros(3, np.float32)


def told(count, nodes=1, loss=1.0):
    return [StretchStep((Sums(loss, 2.0),) * nodes, (bytes(DIGEST_BYTES),) * nodes, b"", Seconds(1, 0, 0, 0))] * count


def take_a_step(state, toy, began, seconds):
    """Take a step in the usual way, by the workers that there are."""
    version = state.version
    works = {worker: state.take_work(worker, began) for worker in state.members}
    for worker, work in works.items():
        for node in work.nodes if work else ():
            partial = toy.partial_of(state.parameters.flat, work, node)
            state.push(worker, 1, version, node, partial, began + seconds)
    state.stretches.stepped(began + seconds)


@pytest.fixture
def begun(toy):
    """A state of long epochs and two workers; `begin()` takes one step in the usual way and begins a stretch."""

    def begin(seconds=0.01, able=(1, 2), **changes):
        state = toy.new_state(**{"steps": 100, "steps_per_epoch": 50, "validates": False} | changes)
        for _ in range(2):
            state.join(0.0)
        state.start_at(0)
        take_a_step(state, toy, 0.0, seconds)
        state.begin_stretch(able, seconds)
        return state

    return begin


def test_behind_a_step_in_the_usual_way_comes_a_stretch_of_half_a_second(begun):
    state = begun()
    works = [state.take_work(worker, 1.0) for worker in (1, 2)]
    assert [work.version for work in works] == [1, 1]
    assert [work.stretch.seat for work in works] == [0, 1]
    assert {work.stretch.until for work in works} == {1 + int(stretches.SECONDS / 0.01)}
    assert works[0].stretch.nodes == (Node(0, 2), Node(2, 4))


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": 0.2},
        {"able": (1,)},
        {"steps": 5},
        {"steps_per_epoch": 4, "validates": True},
        {"steps_per_epoch": 1, "validates": True},
    ],
    ids=["slow steps", "a worker of another host", "few steps are left", "a short epoch", "each step is validated"],
)
def test_without_enough_usual_steps_there_is_none(begun, changes):
    assert begun(**changes).stretches.present is None


@pytest.mark.parametrize("change", ["a worker leaves", "a worker dies", "a worker joins"])
def test_before_a_stretch_the_same_workers_have_taken_a_step_with_the_same_shards(begun, toy, change):
    """Where shards are dealt anew a step takes another time, and who gets some may have to fetch them first."""
    state = begun(able=())
    if change == "a worker joins":
        state.join(0.0)
    elif change == "a worker dies":
        state.leave(2)
    else:
        state.dismiss(2)
    for version in (1, 2, 3):
        state.begin_stretch((1, 2, 3), 1.0)
        assert (state.stretches.present is None) is (version < 3)
        if version < 3:
            take_a_step(state, toy, 1.0, 0.01)


def test_the_pace_of_a_stretch_makes_the_next_one_shorter_and_one_can_always_be_tried(begun, toy):
    state = begun(steps=1000, steps_per_epoch=500)
    for seconds, expected in [(1.0, 25), (0.04, 50), (99.0, stretches.LEAST_STEPS)]:
        stretch = state.stretches.present
        count, began = stretch.until - stretch.version, stretch.began
        for worker in (1, 2):
            state.finish_stretch(worker, stretch.number, told(count))
        state.commit(stretch, NONE, {}, began + seconds)
        take_a_step(state, toy, began + seconds, 0.01)
        state.begin_stretch((1, 2), began + seconds)
        assert state.stretches.present.until - state.version == pytest.approx(expected, abs=1)


def test_epochs_that_are_validated_end_a_stretch_and_others_do_not(begun):
    assert begun(steps_per_epoch=20, validates=True).stretches.present.until == 20
    assert begun(steps_per_epoch=20).stretches.present.until == 51


def test_the_last_step_is_one_in_the_usual_way(begun):
    assert begun(steps=20).stretches.present.until == 19


def test_an_update_that_looks_at_all_weights_is_the_servers(begun, toy, monkeypatch):
    monkeypatch.setattr(Update, "element_wise", False)
    assert begun().stretches.present is None


def test_a_stretch_counts_when_both_have_told(begun):
    state = begun()
    number, until = state.stretches.present.number, state.stretches.present.until
    assert state.finish_stretch(1, number, told(until - 1)) is None
    assert state.version == 1
    stretch = state.finish_stretch(2, number, told(until - 1, loss=3.0))
    steps = state.commit(stretch, np.float32([1, 2, 3]), {"velocity": np.float32([4, 5, 6])}, 0.2)
    assert [step.version for step in steps] == list(range(1, until))
    assert {step.training for step in steps} == {Sums(4.0, 4.0)}
    assert state.version == until
    assert state.parameters.flat.tolist() == [1, 2, 3]
    assert state.slots["velocity"].tolist() == [4, 5, 6]
    state.begin_stretch((1, 2), 1.0)
    assert state.stretches.present is None  # before the next one somebody may come or go


def test_one_that_ends_at_once_changes_nothing(begun):
    state = begun()
    before, number = state.parameters.flat.tobytes(), state.stretches.present.number
    state.finish_stretch(1, number, [])
    assert state.commit(state.finish_stretch(2, number, []), NONE, {}, 0.2) == []
    assert (state.version, state.parameters.flat.tobytes()) == (1, before)
    assert state.take_work(1, 1.0).stretch is None


@pytest.mark.parametrize("end", [lambda state: state.leave(2), lambda state: state.expire(99.0)])
def test_where_a_worker_is_lost_the_steps_are_taken_again(begun, end):
    state = begun()
    stretch = state.stretches.present
    state.take_work(1, 1.0)
    state.finish_stretch(2, stretch.number, told(3))
    state.members.beat(1, 98.0)
    end(state)
    assert state.stretches.present is None
    assert state.finish_stretch(1, stretch.number, told(3)) is None
    work = state.take_work(1, 1.0)
    assert (work.version, work.stretch) == (1, None)
    assert sum(node.hi - node.lo for node in work.nodes) == 4


def test_workers_that_do_not_agree_take_the_steps_again(begun):
    state = begun()
    number = state.stretches.present.number
    state.finish_stretch(1, number, told(3))
    assert state.finish_stretch(2, number, told(2)) is None
    assert state.stretches.present is None
    assert state.version == 1


def test_a_late_stretch_is_given_up_and_the_next_one_waits_for_more_steps(begun, toy):
    state = begun()
    deadline = state.stretches.present.deadline
    assert state.next_look() <= deadline
    for worker in (1, 2):
        state.members.beat(worker, deadline)
    state.finish_stretch(1, state.stretches.present.number, told(3))
    assert state.overdue(deadline - 0.01) == set()
    assert state.stretches.present is not None
    assert state.overdue(deadline) == {2}
    for version in (1, 2, 3):
        state.begin_stretch((1, 2), deadline)
        assert (state.stretches.present is None) is (version < 3)
        if version < 3:
            take_a_step(state, toy, deadline, 0.01)
    assert state.stretches.present.until == 3 + int(stretches.SECONDS / 0.01 / stretches.LATE), "it is shorter, too"


def test_a_push_does_not_count_in_a_stretch(begun, toy):
    state = begun()
    work = state.take_work(1, 1.0)
    node = work.nodes[0]
    partial = toy.partial_of(state.parameters.flat, work, node)
    assert state.push(1, 1, 1, node, partial, 1.0) == (Outcome.FENCED, None)


@pytest.mark.parametrize("steps", [told(1000), told(2, nodes=2)])
def test_what_is_told_must_fit(begun, steps):
    state = begun()
    with pytest.raises(ShapeMismatch, match="other steps"):
        state.finish_stretch(1, state.stretches.present.number, steps)


def test_a_dismissed_worker_stays_to_the_end_of_its_stretch(begun):
    state = begun()
    stretch = state.stretches.present
    state.dismiss(2)
    for worker in (1, 2):
        done = state.finish_stretch(worker, stretch.number, told(3))
    state.commit(done, NONE, {}, 0.2)
    assert list(state.members) == [1]
