"""The words between the parameter server's state and those who drive it."""

from dataclasses import dataclass
from enum import StrEnum

from chainrule.wire.partials import Sums


class Outcome(StrEnum):
    """What became of a push. All but APPLIED leave the weights as they were; NONFINITE ends the job."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    FENCED = "fenced"
    NONFINITE = "nonfinite"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Plan:
    """How many steps there are, how many make an epoch, over how many shards, and whether epochs are validated."""

    steps: int
    steps_per_epoch: int
    shards: int
    validates: bool

    def trains(self, version: int) -> bool:
        """Whether a gradient is wanted at this version."""
        return version < self.steps

    def begins_epoch(self, version: int) -> bool:
        """Whether an epoch has ended with θ_version."""
        return version > 0 and version % self.steps_per_epoch == 0

    def evaluates(self, version: int) -> bool:
        """Whether validation sums are wanted at this version: behind each epoch."""
        return self.validates and self.begins_epoch(version)


@dataclass(frozen=True)
class Step:
    """What version t has told: its training sums before the update, its validation sums; None where not asked for."""

    version: int
    training: Sums | None
    validation: Sums | None
