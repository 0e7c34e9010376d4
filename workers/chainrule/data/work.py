"""What the parameter server asks of a worker."""

from dataclasses import dataclass

from chainrule.data.shard_tree import Node


@dataclass(frozen=True)
class Work:
    """Nodes to compute at θ_version: their gradient, their validation sums, or both."""

    version: int
    nodes: tuple[Node, ...]
    train: bool
    evaluate: bool
