"""Thousands of schedules of faults against a straight line, and defects that they must find."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulated_job import Job
from simulator import COMMAND, Simulation, simulate

from chainrule.parameter_server.assignment import Assignment
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.plan import Outcome
from chainrule.parameter_server.state import TrainingState
from chainrule.parameter_server.stretches import Ongoing
from chainrule.parameter_server.watch import Memory
from chainrule.wire.errors import TrainingFailed
from chainrule.wire.partials import Sums

SCRIPT = Path(__file__).with_name("simulator.py")


def test_the_bits_and_the_history_are_those_of_a_straight_line():
    for seed in range(1_000):
        simulate(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(2_000, 102_000, 2_000))
def test_so_they_are_in_many_more_schedules(first):
    for seed in range(first, first + 2_000):
        simulate(seed)


def test_the_schedules_hold_everything_that_may_befall():
    lines = []
    for seed in range(300):
        simulate(seed, lines.append)
    text = "\n".join(lines)
    for what in (
        *(
            "is killed",
            "dies, and with it its push",
            "leaves",
            "is dismissed",
            "is stalled",
            "10 times slower from now on",
            "is fenced",
        ),
        *("the parameter server is killed", "the parameter server is stopped", "there is a checkpoint"),
        *("silent for too long", "computed elsewhere too", "generation [2-9] begins at version [1-9]"),
        *("begins with a stretch", "tells of the stretch", "leaves its stretch"),
        *("is applied", "is duplicate", "is stale", "1 by worker .* is stale at version 1[1-9]"),
        *("by worker .*1 is fenced", "by worker .*[2-9] is fenced"),
    ):
        assert len(re.findall(what, text)) >= 5, what


def test_a_command_shows_the_schedule_of_a_seed_again():
    told = []
    simulate(5, told.append)
    done = subprocess.run([sys.executable, SCRIPT, "--seed", "5"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == told
    assert told[-1].endswith("N2 to N5 hold")


def found(seeds=500):
    """Return what the first schedule says that finds a defect."""
    for seed in range(seeds):
        try:
            simulate(seed)
        except AssertionError as error:
            what, _, command = str(error).partition("; to see it step by step: ")
            return what if command == f"{COMMAND} --seed {seed}" else command
    return "nothing"


def judging(monkeypatch, change):
    """Let `change` alter the state for the time of a judgement, or the judgement itself."""
    judge = TrainingState._judge

    def altered(self, incarnation, generation, version, node, partial):
        return change(judge, self, incarnation, generation, version, node, partial)

    monkeypatch.setattr(TrainingState, "_judge", altered)


def test_a_stale_push_that_counts_is_found(monkeypatch):
    judging(monkeypatch, lambda judge, self, i, g, version, n, p: judge(self, i, g, max(version, self.version), n, p))
    assert re.search(r"N2: a push of version \d+ is applied at version \d+", found())


def test_a_duplicate_that_counts_is_found(monkeypatch):
    def change(judge, self, *push):
        outcome = judge(self, *push)
        return Outcome.APPLIED if outcome is Outcome.DUPLICATE else outcome

    judging(monkeypatch, change)
    assert "are applied twice" in found()


def test_a_push_of_another_generation_that_counts_is_found(monkeypatch):
    judging(monkeypatch, lambda judge, self, i, generation, *push: judge(self, i, self.generation, *push))
    assert "N2: a push of another generation is applied" in found()


def test_a_lost_stretch_that_nobody_gives_up_is_found(monkeypatch):
    monkeypatch.setattr(TrainingState, "give_up", lambda self: None)
    assert found() != "nothing"


def test_a_stretch_whose_sums_are_added_up_in_another_order_is_found(monkeypatch):
    def training(self, step):
        return sum((each for worker in reversed(step) for each in worker.training), Sums())

    monkeypatch.setattr(Ongoing, "training", training)
    assert "N5: " in found()


def test_a_shard_that_is_dealt_to_nobody_is_found(monkeypatch):
    deal = Assignment.deal

    def lose(self, version):
        deal(self, version)
        for worker in self._workers.values() if version == 3 else ():
            worker.owed = [node for node in worker.owed if node.lo > 0]

    monkeypatch.setattr(Assignment, "deal", lose)
    assert "no end after" in found()


def test_a_worker_that_never_catches_up_is_found(monkeypatch):
    monkeypatch.setattr(Assignment, "answer", lambda self, worker, version, node, now: None)
    assert "no end after" in found()


def test_a_late_worker_whose_node_is_forgotten_with_its_helper_is_found(monkeypatch):
    remove = Assignment.remove

    def forget(self, worker):
        shared = self._workers[worker].owed if worker in self._workers else []
        remove(self, worker)
        for other in self._workers.values():
            other.owed = [node for node in other.owed if node not in shared]

    monkeypatch.setattr(Assignment, "remove", forget)
    assert "no end after" in found()


def test_partials_that_are_added_as_they_come_are_found(monkeypatch):
    def add(self, node, partial):
        self._digests[node] = partial.digest
        total = self._sums.pop("total", None)
        total = self._sums["total"] = total.add(partial) if total else partial
        return (total,) if len({s for n in self._digests for s in range(*n)}) == self.plan.shards else None

    monkeypatch.setattr(TrainingState, "_add", add)
    assert "N4: the weights of version" in found()


@pytest.mark.parametrize("part", ["slots", "memory"])
def test_a_checkpoint_that_lacks_a_part_is_found(monkeypatch, part):
    snapshot = Coordinator.snapshot

    def lacking(self):
        cut = snapshot(self)
        zeros = {name: np.zeros_like(slot) for name, slot in cut.slots.items()}
        return replace(cut, slots=zeros) if part == "slots" else replace(cut, memory=Memory())

    monkeypatch.setattr(Coordinator, "snapshot", lacking)
    assert "N4" in found()


def test_a_checkpoint_that_is_told_of_before_the_steps_that_led_to_it_is_found(monkeypatch):
    monkeypatch.setattr(Simulation, "tell_checkpoint", lambda self, server, cut: self.cuts.append(cut))
    assert "N5: the history of " in found()


def test_a_step_after_the_stop_is_found(monkeypatch):
    def change(judge, self, *push):
        stopped, self.stopped = self.stopped, False
        outcome = judge(self, *push)
        self.stopped = stopped
        return outcome

    judging(monkeypatch, change)
    assert "N5: the history of " in found()


def test_a_number_that_is_not_finite_ends_the_job(monkeypatch):
    simulation, partial = Simulation(0), Job.partial

    def broken(self, weights, version, node):
        right = partial(self, weights, version, node)
        right.gradient[:] = np.nan if version == 3 else right.gradient
        return right

    monkeypatch.setattr(Job, "partial", broken)
    with pytest.raises(TrainingFailed, match="not finite at step 3"):
        simulation.run()
    assert set(simulation.training) == {0, 1, 2}
