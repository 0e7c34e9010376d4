"""Which worker owes which nodes at the present version, and who is late. Pure: the time is an argument."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from chainrule.data.shard_tree import Node, deal, largest_nodes
from chainrule.parameter_server.pace import Pace

PROOF = 16
"""Who was overtaken is trusted again after so many answers that came in time."""


@dataclass(eq=False)
class _Worker:
    """What is wanted from a worker at this version, what it computes since when, and what it has `to_prove`."""

    owed: list[Node] = field(default_factory=list)
    computing: set[tuple[int, Node]] = field(default_factory=set)
    since: float = 0.0
    to_prove: int = 0  # so many answers in time until it is trusted again

    def told(self, version: int) -> list[Node]:
        return [node for node in self.owed if (version, node) in self.computing]

    def untold(self, version: int) -> list[Node]:
        return [node for node in self.owed if (version, node) not in self.computing]

    def behind(self, version: int) -> bool:
        return any(earlier < version for earlier, _ in self.computing)


class Assignment:
    """Every missing node is owed by one worker, by a second one too where the first is late, or waits for a free one.

    A worker computes what it was told even where others have been faster. As long as it has not answered all that it
    was told at earlier versions, it is behind and gets nothing: nobody has to wait for it again.
    """

    def __init__(self, shards: int, *, apart: bool = False) -> None:
        """Where shards are `apart`, each is a node of its own."""
        self._shards, self._apart, self._version = shards, apart, 0
        self._workers: dict[int, _Worker] = {}
        self._unassigned = self._nodes(0, shards)
        self._busy: list[_Worker] = []
        self._as_before = False  # the same workers were dealt the same shards as at the deal before
        self._shared: set[Node] = set()  # owed by two
        self._pace = Pace()

    def deal(self, version: int) -> None:
        """Begin a version: deal all shards in contiguous ranges to those who are free, at least one shard to each."""
        self._version = version
        self._shared.clear()
        for worker in self._workers.values():
            worker.owed = []
        busy = self._free()[: self._shards]
        for worker, (lo, hi) in zip(busy, deal(self._shards, len(busy)), strict=True):
            worker.owed = self._nodes(lo, hi)
        self._as_before, self._busy = busy == self._busy, busy
        self._unassigned = [] if busy else self._nodes(0, self._shards)

    def _nodes(self, lo: int, hi: int) -> list[Node]:
        if self._apart:
            return [Node(shard, shard + 1) for shard in range(lo, hi)]
        return list(largest_nodes(lo, hi, self._shards))

    def add(self, worker: int) -> None:
        """Admit a worker; it gets what nobody owes."""
        self._workers[worker] = _Worker()
        self._reassign()

    def remove(self, worker: int) -> None:
        """Let a worker go; the others get what it alone owed."""
        owed = self._workers.pop(worker, _Worker()).owed
        self._unassigned += [node for node in owed if node not in self._shared]
        self._shared.difference_update(owed)
        self._reassign()

    def _reassign(self) -> None:
        free = self._free()
        while self._unassigned and free:
            min(free, key=lambda worker: len(worker.owed)).owed.append(self._unassigned.pop(0))
            self._as_before = False

    def _free(self) -> list[_Worker]:
        """Return those who are not behind."""
        return _by_trust(worker for worker in self._workers.values() if not worker.behind(self._version))

    def owes(self, worker: int, node: Node) -> bool:
        """Whether this node is still wanted from this worker."""
        return worker in self._workers and node in self._workers[worker].owed

    def lag(self, worker: int) -> int:
        """Return how many versions a worker is behind with what it still computes."""
        computing = self._workers[worker].computing if worker in self._workers else ()
        return max((self._version - version for version, _ in computing), default=0)

    def take(self, worker: int, now: float) -> tuple[Node, ...]:
        """Return the nodes that the worker owes and has not been told of: from now on it computes them."""
        if worker not in self._workers:
            return ()
        its = self._workers[worker]
        nodes = tuple(its.untold(self._version))
        if not its.computing:
            its.since = now
        its.computing.update((self._version, node) for node in nodes)
        return nodes

    def answer(self, worker: int, version: int, node: Node, now: float) -> None:
        """Note that the worker has computed a node, wanted or not."""
        its = self._workers.get(worker)
        if its is None or (version, node) not in its.computing:
            return
        if version == self._version and node in its.owed:
            self._pace.add(worker, node.hi - node.lo, now - its.since)
            its.to_prove = max(0, its.to_prove - 1)
        its.computing.remove((version, node))
        its.since = now
        self._reassign()

    def settle(self, node: Node) -> None:
        """Note that a node has come: nobody owes it any more."""
        self._shared.discard(node)
        for worker in self._workers.values():
            if node in worker.owed:
                worker.owed.remove(node)

    def fresh(self) -> dict[int, tuple[Node, ...]]:
        """Return what each worker owes, where that is what it owed at the last version, and all can be relied on.

        Else return nothing, as where somebody was told already, or something has come.
        """
        workers = self._workers.values()
        if not self._as_before or any(worker.computing or worker.to_prove or not worker.owed for worker in workers):
            return {}
        whole = sum(node.hi - node.lo for worker in workers for node in worker.owed) == self._shards
        return {number: tuple(worker.owed) for number, worker in self._workers.items()} if whole else {}

    def recall(self) -> None:
        """Take back what was dealt at this version: who computes it need not answer."""
        for worker in self._workers.values():
            worker.computing = {each for each in worker.computing if each[0] != self._version}
        self.deal(self._version)

    def overtake(self, now: float) -> dict[int, float]:
        """Let idle workers owe what others are late with, one node each.

        Return the late workers, each with how many times the median it has taken so far.
        """
        idle, overtaken = self._idle(), {}
        for number, worker in self._workers.items() if idle else ():
            late = self._alone(worker) if now >= self._deadline(number) else []
            for node in late[: len(idle)]:
                idle.pop(0).owed.append(node)
                self._shared.add(node)
                worker.to_prove = PROOF
                overtaken[number] = self._pace.times(number, self._load(worker), now - worker.since)
        return overtaken

    def next_deadline(self) -> float | None:
        """Return when `overtake` will do something, unless an answer comes before; None where nobody is idle."""
        if not self._idle():
            return None
        deadlines = [self._deadline(number) for number, worker in self._workers.items() if self._alone(worker)]
        return min((moment for moment in deadlines if moment < math.inf), default=None)

    def _idle(self) -> list[_Worker]:
        return _by_trust(worker for worker in self._workers.values() if not (worker.owed or worker.computing))

    def _alone(self, worker: _Worker) -> list[Node]:
        """Return what this worker, and no other, was told to compute for this version."""
        return [node for node in worker.told(self._version) if node not in self._shared]

    def _deadline(self, worker: int) -> float:
        its = self._workers[worker]
        return its.since + self._pace.limit(worker, self._load(its))

    def _load(self, worker: _Worker) -> int:
        """Return how many shards it was told and still owes."""
        return sum(node.hi - node.lo for node in worker.told(self._version))


def _by_trust(workers: Iterable[_Worker]) -> list[_Worker]:
    """Return first those who have nothing to prove."""
    return sorted(workers, key=lambda worker: worker.to_prove > 0)
