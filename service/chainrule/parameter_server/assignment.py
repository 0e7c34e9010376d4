"""Which worker owes which nodes at the present version. Pure."""

from collections.abc import Iterable

from chainrule.data.shard_tree import Node, deal, largest_nodes


class Assignment:
    """The nodes that each worker owes, and which of them it has not been told of. Every missing node is owed by one."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._owed: dict[int, list[Node]] = {}
        self._untold: dict[int, list[Node]] = {}
        self._unassigned: list[Node] = []

    def deal(self, workers: Iterable[int]) -> None:
        """Deal all shards anew, in contiguous ranges, to the workers; at most one worker for each shard."""
        self._owed = {worker: [] for worker in workers}
        busy = list(self._owed)[: self._shards]
        for worker, (lo, hi) in zip(busy, deal(self._shards, len(busy)), strict=True):
            self._owed[worker] = list(largest_nodes(lo, hi, self._shards))
        self._untold = {worker: list(nodes) for worker, nodes in self._owed.items()}
        self._unassigned = [] if busy else list(largest_nodes(0, self._shards, self._shards))

    def add(self, worker: int) -> None:
        """Admit a worker; it gets what nobody owes."""
        self._owed[worker], self._untold[worker] = [], []
        self._reassign()

    def remove(self, worker: int) -> None:
        """Let a worker go; the others get what it owed."""
        self._untold.pop(worker, None)
        self._unassigned += self._owed.pop(worker, [])
        self._reassign()

    def _reassign(self) -> None:
        while self._unassigned and self._owed:
            worker = min(self._owed, key=lambda worker: len(self._owed[worker]))
            node = self._unassigned.pop(0)
            self._owed[worker].append(node)
            self._untold[worker].append(node)

    def owes(self, worker: int, node: Node) -> bool:
        """Whether this node is still wanted from this worker."""
        return node in self._owed.get(worker, ())

    def settle(self, worker: int, node: Node) -> None:
        """Note that the worker has delivered a node."""
        self._owed[worker].remove(node)

    def take(self, worker: int) -> tuple[Node, ...]:
        """Return the nodes that the worker owes and has not been told of."""
        nodes = tuple(self._untold.get(worker, ()))
        if nodes:
            self._untold[worker] = []
        return nodes
