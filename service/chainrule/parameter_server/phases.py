"""Where the time of a step goes: a worker's clock tells what it does itself, the server's clock the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from chainrule.wire.stretched import Seconds as Told
from chainrule.wire.stretched import StretchStep

PHASES = ("compute", "serialise", "wire", "wait", "average", "apply")


@dataclass(frozen=True)
class Seconds:
    """What a worker's own clock tells of a partial."""

    compute: float = 0.0
    serialise: float = 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.compute + other.compute, self.serialise + other.serialise)


UNKNOWN = Seconds()


@dataclass(frozen=True)
class Lap:
    """The seconds of a step, and of its PHASES."""

    seconds: float
    phases: dict[str, float]


class Stopwatch:
    """Splits the seconds of each step into PHASES, which add up to them; the first four are means over its workers.

    compute: forward passes, back-propagation, and the worker's reading through its gradient. serialise: giving it to
    the system. wire: everything else from the last step to the arrival of the partial. wait: for the last partial of
    all. average: what must be known before it is added, the hash of the weights above all. apply: the last addition,
    the mean and the update, which are one pass.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._turns: dict[int, tuple[float, Seconds]] = {}

    def arrived(self, worker: int, now: float, seconds: Seconds) -> None:
        """Note that a partial has come; of a worker's several ones the last counts, and its seconds are added up."""
        _, before = self._turns.get(worker, (now, UNKNOWN))
        self._turns[worker] = now, before + seconds

    def stretched(self, steps: Sequence[Sequence[StretchStep]], now: float) -> list[Lap]:
        """Return the steps of a stretch, by the clocks of its workers; what else it took is the last one's wire."""
        laps = []
        for step in steps:
            phases = dict.fromkeys(PHASES, 0.0)
            for phase in Told._fields:
                phases[phase] = fmean(getattr(worker.seconds, phase) for worker in step)
            laps.append(Lap(sum(phases.values()), phases))
        if laps:
            rest = max(0.0, now - self._began - sum(lap.seconds for lap in laps))
            laps[-1] = Lap(laps[-1].seconds + rest, laps[-1].phases | {"wire": rest})
        self._began = now
        self._turns.clear()
        return laps

    def completed(self, judged: float, now: float) -> Lap:
        """Return the step whose last partial was read through by `judged`; the next one begins."""
        began, turns = self._began, tuple(self._turns.values())
        last = max(arrived for arrived, _ in turns)
        columns = zip(*((own.compute, own.serialise, last - arrived) for arrived, own in turns), strict=True)
        compute, serialise, wait = map(fmean, columns)
        self._began = now
        self._turns.clear()
        wire = last - began - compute - serialise - wait
        split = compute, serialise, wire, wait, judged - last, now - judged
        return Lap(now - began, dict(zip(PHASES, split, strict=True)))
