"""Workers that are let go at a version's boundary."""

import pytest

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.plan import Outcome
from chainrule.wire.errors import Fenced


def test_a_worker_that_is_dismissed_does_its_share_of_this_version_and_none_of_the_next(two, toy):
    state, first, second, work = two
    state.dismiss(second)
    assert state.take_work(second, 0.0).nodes == (Node(2, 4),)
    for worker, node in ((second, Node(2, 4)), (first, Node(0, 2))):
        assert tuple(state.members) == (first, second)
        partial = toy.partial_of(state.parameters.flat, work, node)
        assert state.push(worker, 1, 0, node, partial, 0.0)[0] is Outcome.APPLIED
    assert tuple(state.members) == (first,)
    assert state.take_work(first, 0.0).nodes == (Node(0, 4),)
    assert state.take_work(second, 0.0) is None


def test_a_worker_that_goes_before_it_is_let_go_takes_nobody_along(two, toy):
    state, first, second, work = two
    state.dismiss(second)
    state.leave(second)
    third = state.join(0.0)
    for node in (Node(0, 2), Node(2, 4)):
        state.push(first, 1, 0, node, toy.partial_of(state.parameters.flat, work, node), 0.0)
    assert (state.version, tuple(state.members)) == (1, (first, third))


def test_all_may_be_dismissed_and_the_next_who_comes_goes_on(two, toy):
    state, first, second, work = two
    for worker, node in ((first, Node(0, 2)), (second, Node(2, 4))):
        state.dismiss(worker)
        state.push(worker, 1, 0, node, toy.partial_of(state.parameters.flat, work, node), 0.0)
    assert len(state.members) == 0
    assert state.take_work(state.join(0.0), 0.0).nodes == (Node(0, 4),)


def test_workers_that_are_dismissed_go_at_the_next_version_and_are_not_fenced(toy, threads):
    coordinator = Coordinator(toy.new_state(steps=40, steps_per_epoch=4))
    first, second, third = [coordinator.join(f"w{i}") for i in (1, 2, 3)]
    coordinator.dismiss(["w2", "w3"])
    waiting = [threads.submit(toy.next_message, coordinator, worker) for worker in (second, third)]
    assert coordinator.next_report().workers == 3
    work, weights = toy.work_of(coordinator, first)
    assert work.nodes == (Node(0, 4),)
    coordinator.push(first, 1, 0, Node(0, 4), toy.partial_of(weights, work, Node(0, 4)))
    assert [waiter.result(10) for waiter in waiting] == [None, None]
    assert coordinator.next_report().workers == 1
    assert [coordinator.refusal(1, worker) is None for worker in (first, second, third)] == [False, True, True]
    assert isinstance(coordinator.refusal(2, second), Fenced)
    with pytest.raises(Fenced):
        coordinator.heartbeat(1, second)


def test_a_worker_that_is_dismissed_before_it_has_joined_goes_all_the_same(toy):
    coordinator = Coordinator(toy.new_state(shards=2))
    coordinator.dismiss(["late"])
    first, late = coordinator.join("first"), coordinator.join("late")
    work, weights = toy.work_of(coordinator, first)
    coordinator.push(first, 1, 0, Node(0, 2), toy.partial_of(weights, work, Node(0, 2)))
    assert toy.next_message(coordinator, late) is None
    assert toy.work_of(coordinator, first)[0].nodes == (Node(0, 2),)
