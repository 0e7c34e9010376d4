"""The parameter server's coordinator and state, with simulated workers, network, time and deaths.

One seed draws one job and one schedule of faults. What comes out is compared with a straight line (simulated_job.py):

N2  each shard is in the weights of a version once, and the version rises by exactly 1 for each step
N3  each push is applied, or counted under the reason of its refusal; what a worker is told is what became of its push
N4  the final weights and the optimizer's slots have the same bits
N5  each step's loss, and each validation, is in the history once with the same bits

and the run ends. `python simulator.py --seed N` shows a schedule, event by event.
"""

import argparse
from collections import deque
from collections.abc import Callable
from unittest.mock import patch

from simulated_job import draw_job, straight_line
from simulated_server import Push, Server, Violation, hold
from simulated_time import Timeline
from simulated_worker import Worker

from chainrule.parameter_server import stretches
from chainrule.parameter_server.plan import Snapshot
from chainrule.parameter_server.reports import Report

COMMAND = ".venv/bin/python tests/parameter_server/simulator.py"
MANY_EVENTS = 30_000


class Simulation:
    """The service, the workers and what befalls them."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.time = time = Timeline(seed, tell)
        self.rng, self.later, self.say = time.rng, time.later, time.say
        self.job = draw_job(self.rng)
        self.truth = straight_line(self.job)
        self.over, self.last_step = False, -1
        self.training, self.validation, self.cuts = {}, {}, []
        self.workers: list[Worker] = []
        self.sent: deque[Push] = deque(maxlen=40)
        draw = self.rng.choice
        self.lost, self.doubled, self.late = draw([0, 0, 0.03]), draw([0, 0.1, 0.4]), draw([0, 0.05, 0.2])
        self.near = self.time.chance(0.5)  # all workers are on the server's host
        self.faults, self.calm = draw([0, 3, 10, 20]), draw([0.3, 1.0, 3.0])
        self.say(self.job.plan, self.job.update.optimizer, self.job.watch)
        self.start_server(1, None)
        for begin in [self.join] * self.rng.randint(1, 6) + [self.fault, self.checkpoint, self.reinforce]:
            self.later(time.lag(), begin)

    def run(self) -> None:
        for _ in range(MANY_EVENTS):
            self.time.next()
            if self.over:
                return self.check()
            self.server.look()
        raise Violation(f"no end after {MANY_EVENTS:,} events, at version {self.server.state.version}")

    def check(self) -> None:
        """Compare what there is at the end."""
        state = self.server.state
        self.server.kill()
        slots = {name: slot.tobytes() for name, slot in state.slots.items()}
        hold(state.complete, "N4: the end was told before it came")
        final = (state.version, state.parameters.flat.tobytes(), slots)
        hold(final == self.truth.final, f"N4: at the end, version {state.version}, weights or slots differ")
        for name in ("training", "validation"):
            ours, theirs = getattr(self, name), getattr(self.truth, name)
            wrong = sorted(version for version in ours | theirs if ours.get(version) != theirs.get(version))
            hold(not wrong, f"N5: the history of {name} differs at {wrong}")
        self.say("N2 to N5 hold")

    # The service

    def start_server(self, generation: int, cut: Snapshot | None) -> None:
        self.server, self.last_step = Server(self.job, self.truth, generation, cut, self.time), -1
        self.say("generation", generation, "begins at version", self.server.state.version)
        self.later(self.time.lag(), self.report, self.server)

    def report(self, server: Server) -> None:
        if server.alive and not server.ended:
            if (report := server.next_report()) is not None:
                self.record(report)
            self.later(self.rng.uniform(0.05, 1.0), self.report, server)

    def record(self, report: Report) -> None:
        """Add to the history what is new: the first row stays."""
        for step, _ in report.steps:
            hold(step.version > self.last_step, f"N5: step {step.version} is told twice")
            self.last_step = step.version
            for history, sums in ((self.training, step.training), (self.validation, step.validation)):
                if sums is not None:
                    known = history.setdefault(step.version, sums)
                    hold(known == sums, f"N5: step {step.version} was {known}, and is {sums} when it is taken again")
        self.cuts += report.checkpoints
        for warning in report.warnings:
            self.say("warning:", warning)
        self.over = report.ended and self.server.state.complete
        if report.ended and not self.over:
            self.later(self.rng.expovariate(5.0), self.resume, self.server)

    def checkpoint(self) -> None:
        """Write a checkpoint, which takes a while."""
        cut, seconds = self.server.coordinator.snapshot(), self.rng.expovariate(5.0)
        self.later(seconds, self.tell_checkpoint, self.server, cut)
        self.later(seconds + self.rng.uniform(0.2, 4.0), self.checkpoint)
        if self.faults > 0 and self.time.chance(0.15):  # a death is worst right behind a checkpoint
            self.faults -= 1
            self.later(seconds + self.time.lag(), self.restart)

    def tell_checkpoint(self, server: Server, cut: Snapshot | None) -> None:
        if server.alive and cut is not None:
            self.say("there is a checkpoint at version", cut.version)
            server.coordinator.books.tell_checkpoint(cut)

    # Workers

    def join(self) -> None:
        server = self.server
        local = self.near or self.time.chance(0.5)
        slowness = self.rng.choice([1.0] * 7 + [10.0])
        worker = Worker(self.job, server, self.send, self.end, slowness=slowness, local=local, lost=self.lost)
        self.workers.append(worker)
        self.say(worker, "joins" if slowness == 1 else "joins, 10 times slower than others")
        worker.begin()

    def send(self, push: Push) -> None:
        self.sent.append(push)
        for _ in range(1 + self.time.chance(self.doubled)):
            seconds = self.rng.uniform(0.5, 15.0) if self.time.chance(self.late) else self.time.lag()
            self.later(seconds, self.deliver, push)

    def deliver(self, push: Push) -> None:
        """Let a push arrive, whichever generation there is by now."""
        version = self.server.state.version
        self.say(push, "is", self.server.push(push), "at version", version)

    def end(self, worker: Worker, why: str, *, noticed: bool = False, replaced: float = 0.8) -> None:
        """End a worker; where nobody notices, its stream stays open until its lease ends."""
        self.say(worker, why)
        worker.gone = True
        self.workers.remove(worker)
        if noticed or self.time.chance(0.5):
            self.later(self.time.lag(), worker.server.close, worker.incarnation)
        if self.time.chance(replaced):
            self.later(self.rng.uniform(0.1, 2.0), self.join)

    def reinforce(self) -> None:
        """See to it that the job can end."""
        if not self.workers:
            self.join()
        self.later(5.0, self.reinforce)

    # Faults

    def fault(self) -> None:
        on_one = [self.kill, self.kill, self.leave, self.dismiss, self.stall, self.stall, self.slow]
        action = self.rng.choice([*on_one, self.join, self.replay, *[self.restart, self.pause] * 2])
        self.faults -= 1
        if self.faults >= 0:
            self.later(self.rng.expovariate(1 / self.calm), self.fault)
            if action not in on_one:
                action()
            elif self.workers:
                action(self.rng.choice(self.workers))

    def kill(self, worker: Worker) -> None:
        self.end(worker, "is killed")

    def leave(self, worker: Worker) -> None:
        self.end(worker, "leaves", noticed=True, replaced=0.3)

    def dismiss(self, worker: Worker) -> None:
        self.say(worker, "is dismissed at the next version")
        self.server.coordinator.dismiss([f"{worker.incarnation}.{worker.server.generation}"])

    def stall(self, worker: Worker) -> None:
        worker.stalled_until = self.time.now + self.rng.uniform(1.0, 12.0)
        self.say(worker, f"is stalled until {worker.stalled_until:.3f}")

    def slow(self, worker: Worker) -> None:
        worker.slowness = 10.0
        self.say(worker, "is 10 times slower from now on")

    def replay(self) -> None:
        if self.sent:
            self.deliver(self.rng.choice(self.sent))

    def restart(self) -> None:
        """Kill the parameter server; the next generation begins at a checkpoint, or at version 0."""
        self.say("the parameter server is killed")
        self.succeed(self.rng.choice([None, *self.cuts[-1:] * 5, *self.cuts]))

    def pause(self) -> None:
        """Stop the parameter server; the next generation begins at the checkpoint that it writes."""
        self.say("the parameter server is stopped")
        self.server.coordinator.stop()
        self.later(self.time.lag(), self.report, self.server)

    def resume(self, server: Server) -> None:
        if server.alive:
            self.cuts.append(server.coordinator.snapshot())
            self.succeed(self.cuts[-1])

    def succeed(self, cut: Snapshot | None) -> None:
        self.server.kill()
        for worker in self.workers[:]:
            self.end(worker, "has lost its server")
        self.start_server(self.server.generation + 1, cut)


def simulate(seed: int, tell: Callable[[str], None] | None = None) -> Simulation:
    """Run the schedule of a seed. Raises AssertionError with the command that runs it again."""
    simulation = Simulation(seed, tell)
    try:
        with patch.multiple(stretches, SECONDS=20.0, LEAST_STEPS=1):  # simulated steps are long
            simulation.run()
    except Exception as error:
        raise AssertionError(f"{error!r}; to see it step by step: {COMMAND} --seed {seed}") from error
    return simulation


def main() -> None:
    parser = argparse.ArgumentParser(description="Show the schedule of a seed, event by event.")
    parser.add_argument("--seed", type=int, required=True)
    simulate(parser.parse_args().seed, print)


if __name__ == "__main__":
    main()
