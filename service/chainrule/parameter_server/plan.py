"""The words between the parameter server's state and those who drive it."""

from dataclasses import dataclass, field
from enum import StrEnum

from chainrule.data.shard_tree import Node
from chainrule.nn import Array
from chainrule.parameter_server.watch import Memory
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
    """How many steps there are, how many make an epoch, over how many shards, and whether epochs are validated.

    The history has the hash of every `hash_every`-th version; 0 means of none. Where shards travel `apart`, workers do
    not add them up: each is rounded by itself.
    """

    steps: int
    steps_per_epoch: int
    shards: int
    validates: bool
    hash_every: int = 0
    apart: bool = False

    def trains(self, version: int) -> bool:
        """Whether a gradient is wanted at this version."""
        return version < self.steps

    def begins_epoch(self, version: int) -> bool:
        """Whether an epoch has ended with θ_version."""
        return version > 0 and version % self.steps_per_epoch == 0

    def evaluates(self, version: int) -> bool:
        """Whether validation sums are wanted at this version: behind each epoch."""
        return self.validates and self.begins_epoch(version)

    def hashes(self, version: int) -> bool:
        """Whether the history has this version's hash."""
        return self.hash_every > 0 and self.trains(version) and version % self.hash_every == 0


@dataclass(frozen=True)
class Step:
    """What version t has told: its training sums before the update, its validation sums; None where not asked for.

    `digests` are the hashes of the partials that it is made of, which workers cut as they happened to.
    """

    version: int
    training: Sums | None
    validation: Sums | None
    digests: tuple[tuple[Node, bytes], ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Result:
    """The outcome of a worker's push."""

    version: int
    node: Node
    outcome: Outcome


@dataclass(frozen=True)
class Snapshot:
    """All that a checkpoint keeps of a version."""

    version: int
    weights: Array
    slots: dict[str, Array]
    memory: Memory
