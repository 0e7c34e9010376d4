"""The shard tree: one order of additions for every sum over shards, whoever does them.

Node [lo, hi) is shard lo where hi - lo = 1, else node [lo, mid) + node [mid, hi) with mid = (lo + hi) // 2. The root
is [0, S). Floating-point addition is not associative: a fixed tree is what makes the bits of a sum independent of how
many workers took part.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Node(NamedTuple):
    """Shards lo..hi-1."""

    lo: int
    hi: int

    def __str__(self) -> str:
        return f"[{self.lo}, {self.hi})"

    @property
    def leaf(self) -> bool:
        """Whether this is one shard."""
        return self.hi - self.lo == 1

    @property
    def children(self) -> tuple["Node", "Node"]:
        """The two nodes whose sum this is."""
        mid = (self.lo + self.hi) // 2
        return Node(self.lo, mid), Node(mid, self.hi)


def root(shards: int) -> Node:
    """Return the node of all shards."""
    return Node(0, shards)


def parent(node: Node, shards: int) -> Node | None:
    """Return the node that `node` is a child of, None for the root. Raises ValueError for a node of no such tree."""
    above, here = None, root(shards)
    while here != node:
        if here.leaf or not (here.lo <= node.lo < node.hi <= here.hi):
            raise ValueError(f"{node} is no node of a tree of {shards} shards")
        left, right = here.children
        above, here = here, (left if node.hi <= left.hi else right)
    return above


@lru_cache(maxsize=1024)  # versions begin alike as long as the same workers take part
def largest_nodes(lo: int, hi: int, shards: int) -> tuple[Node, ...]:
    """Return the largest nodes inside the range [lo, hi), from left to right; together they are the range."""

    def inside(node: Node) -> Iterator[Node]:
        if lo <= node.lo and node.hi <= hi:
            yield node
        elif node.lo < hi and lo < node.hi:
            for child in node.children:
                yield from inside(child)

    return tuple(inside(root(shards)))


def deal(shards: int, workers: int) -> list[tuple[int, int]]:
    """Deal all shards to `workers` contiguous ranges [lo, hi) whose sizes differ by at most 1."""
    return [(i * shards // workers, (i + 1) * shards // workers) for i in range(workers)]


def fold(node: Node, leaf: Callable[[int], T], add: Callable[[T, T], T]) -> T:
    """Return the value of a node: leaf(shard) for each of its shards, added up in the order of the tree."""
    if node.leaf:
        return leaf(node.lo)
    left, right = node.children
    return add(fold(left, leaf, add), fold(right, leaf, add))


def add_up(given: Mapping[Node, T], node: Node, add: Callable[[T, T], T]) -> T:
    """Return the value of a node from those of the nodes below it that are given, in the order of the tree."""
    if node in given:
        return given[node]
    left, right = node.children
    return add(add_up(given, left, add), add_up(given, right, add))
