from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.phases import PHASES, Seconds, Stopwatch

MOMENTS = st.integers(0, 1000).map(lambda moment: moment / 16)  # whose sums are exact


def test_the_time_of_two_workers_is_split():
    watch = Stopwatch(100.0)
    watch.arrived(1, 106.0, Seconds(compute=3.0, serialise=1.0))
    watch.arrived(2, 108.0, Seconds(compute=5.0, serialise=2.0))
    lap = watch.completed(109.0, 112.0)
    assert lap.seconds == 12.0
    assert lap.phases == dict(zip(PHASES, (4.0, 1.5, 1.5, 1.0, 1.0, 3.0), strict=True))


def test_several_partials_of_a_worker_are_added_up_and_the_next_step_begins_anew():
    watch = Stopwatch(0.0)
    watch.arrived(1, 2.0, Seconds(2.0))
    watch.arrived(1, 5.0, Seconds(3.0))
    assert watch.completed(5.0, 6.0).phases == dict(zip(PHASES, (5.0, 0.0, 0.0, 0.0, 0.0, 1.0), strict=True))
    watch.arrived(1, 7.0, Seconds(1.0))
    assert watch.completed(7.0, 7.0).phases == dict(zip(PHASES, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0), strict=True))


@given(st.lists(st.tuples(st.integers(1, 3), MOMENTS, MOMENTS, MOMENTS), min_size=1), MOMENTS, MOMENTS)
def test_the_phases_add_up_to_the_step(arrivals, reading, applying):
    watch, now = Stopwatch(0.0), 0.0
    for worker, after, compute, serialise in arrivals:
        now += after
        watch.arrived(worker, now, Seconds(compute, serialise))
    lap = watch.completed(now + reading, now + reading + applying)
    assert sum(lap.phases.values()) == pytest.approx(lap.seconds)
    assert (lap.phases["average"], lap.phases["apply"]) == (reading, applying)
    assert lap.phases["wait"] >= 0


def test_a_report_tells_the_phases_of_each_step(toy):
    clock = iter(range(1000))
    coordinator = Coordinator(toy.new_state(shards=1), lambda: float(next(clock)))
    worker = coordinator.join("w")
    work = toy.next_message(coordinator, worker)
    partial = toy.partial_of(coordinator.live_weights, work, Node(0, 1))
    coordinator.push(worker, 1, 0, Node(0, 1), partial, Seconds(0.5, 0.25))
    ((_, lap),) = coordinator.next_report().steps
    assert (lap.phases["compute"], lap.phases["serialise"]) == (0.5, 0.25)
    assert sum(lap.phases.values()) == lap.seconds


def test_what_comes_late_takes_no_time_of_another_step(toy):
    clock = SimpleNamespace(now=0.0)
    coordinator = Coordinator(toy.new_state(shards=1), lambda: clock.now)
    worker = coordinator.join("w")
    for step, seconds in enumerate((Seconds(2.0), Seconds(1.0))):
        work = toy.next_message(coordinator, worker)
        while not isinstance(work, Work):
            work = toy.next_message(coordinator, worker)
        clock.now += 5.0
        if step == 1:  # a partial of the step before, from someone who was stalled for an hour
            late = toy.partial_of(coordinator.live_weights, work, Node(0, 1))
            coordinator.push(worker, 1, 0, Node(0, 1), late, Seconds(3600.0))
        partial = toy.partial_of(coordinator.live_weights, work, Node(0, 1))
        coordinator.push(worker, 1, work.version, Node(0, 1), partial, seconds)
    laps = [lap for _, lap in coordinator.next_report().steps]
    assert [lap.phases["compute"] for lap in laps] == [2.0, 1.0]
    assert [lap.phases["wire"] for lap in laps] == [3.0, 4.0]
