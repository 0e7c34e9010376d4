"""What the parameter server tells the service: all that has happened since the last report."""

from collections import Counter
from dataclasses import dataclass, field

from chainrule.parameter_server.checkpoints import Checkpoint
from chainrule.parameter_server.phases import Lap
from chainrule.parameter_server.plan import Outcome, Step
from chainrule.wire.layers import LayerFigures


@dataclass(frozen=True)
class Report:
    """What has happened since the last report; a checkpoint comes with or after all steps that led to it."""

    version: int
    workers: int
    staleness: int  # versions that the last worker is behind
    steps: tuple[tuple[Step, Lap], ...]
    layers: tuple[LayerFigures, ...]  # none where nothing has been measured meanwhile
    fingerprints: dict[int, bytes]  # of the versions whose hash is asked for
    pushes: dict[str, int]
    leases_ended: int
    machines: tuple[dict[str, str], ...]  # that have not been told of before
    checkpoints: tuple[Checkpoint, ...]
    warnings: tuple[str, ...]
    ended: bool


@dataclass
class News:
    """What is to be reported, as it comes in."""

    fingerprints: dict[int, bytes] = field(default_factory=dict)
    steps: list[tuple[Step, Lap]] = field(default_factory=list)
    pushes: Counter[Outcome] = field(default_factory=Counter)
    leases_ended: int = 0
    machines: list[dict[str, str]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    there: bool = False

    def report(
        self, version: int, workers: int, staleness: int, layers: tuple[LayerFigures, ...], ended: bool
    ) -> Report:
        """Return the report of it."""
        return Report(
            version,
            workers,
            staleness,
            tuple(self.steps),
            layers,
            self.fingerprints,
            {str(outcome): count for outcome, count in self.pushes.items()},
            self.leases_ended,
            tuple(self.machines),
            tuple(self.checkpoints),
            tuple(self.warnings),
            ended,
        )
