"""What the parameter server asks of a worker."""

from dataclasses import dataclass

from chainrule.data.shard_tree import Node


@dataclass(frozen=True)
class Stretch:
    """Steps up to version `until` that the workers of a host take among themselves; `seat` is the worker's own place.

    `nodes` are those of all workers, in the order of their gradients.
    """

    number: int
    until: int
    nodes: tuple[Node, ...]
    workers: int
    seat: int
    factor: float

    @property
    def root(self) -> Node:
        """The node of all shards."""
        return Node(0, self.nodes[-1].hi)


@dataclass(frozen=True)
class Work:
    """Nodes to compute at θ_version: their gradient, their validation sums, or both; in a stretch, up to its end."""

    version: int
    nodes: tuple[Node, ...]
    train: bool
    evaluate: bool
    stretch: Stretch | None = None
