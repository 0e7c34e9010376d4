"""What each worker has done: for people, who look at it once a second. Pure: the time is an argument."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.data.shard_tree import Node


@dataclass
class _Entry:
    """The last version a worker has contributed to, the nodes that it gave then, and its rows since the last look."""

    name: str
    version: int = -1
    nodes: list[Node] = field(default_factory=list)
    rows: float = 0.0


class Roll:
    """The workers by incarnation, and how often each name has lost its lease."""

    def __init__(self, now: float) -> None:
        self._entries: dict[int, _Entry] = {}
        self._lost: Counter[str] = Counter()
        self._looked = now

    def join(self, incarnation: int, name: str) -> None:
        """Note a worker's name."""
        self._entries[incarnation] = _Entry(name)

    def lose(self, incarnation: int) -> None:
        """Count a lease that has ended by silence."""
        self._lost[self._entries[incarnation].name] += 1

    def applied(self, incarnation: int, version: int, node: Node, rows: float) -> None:
        """Count a partial that has become part of a step."""
        entry = self._entries[incarnation]
        if entry.version != version:
            entry.version, entry.nodes = version, []
        entry.nodes.append(node)
        entry.rows += rows

    def told(self, lags: Mapping[int, int], now: float) -> list[dict[str, Any]]:
        """Return who is there: shards, rows/s since the last look, and by how many versions it is behind (`lags`)."""
        span, self._looked = now - self._looked, now
        self._entries = {incarnation: entry for incarnation, entry in self._entries.items() if incarnation in lags}
        return [
            {
                "name": entry.name,
                "incarnation": incarnation,
                "shards": [list(node) for node in _joined(entry.nodes)],
                "samples_per_second": _take_rows(entry) / span if span > 0 else 0.0,
                "lag": lags[incarnation],
                "leases_lost": self._lost[entry.name],
            }
            for incarnation, entry in sorted(self._entries.items())
        ]


def _take_rows(entry: _Entry) -> float:
    rows, entry.rows = entry.rows, 0.0
    return rows


def _joined(nodes: Iterable[Node]) -> list[tuple[int, int]]:
    """Return the ranges of shards, neighbours as one."""
    ranges: list[tuple[int, int]] = []
    for lo, hi in sorted((node.lo, node.hi) for node in nodes):
        if ranges and ranges[-1][1] == lo:
            ranges[-1] = (ranges[-1][0], hi)
        else:
            ranges.append((lo, hi))
    return ranges
