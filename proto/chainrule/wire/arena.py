"""The shared memory in which the workers of a host take steps among themselves.

The weights, the optimizer's slots and everybody's gradients lie here. When all gradients of a version are there, each
worker makes its own part of the next version, in place. Each tells the others how far it is, so that nobody reads what
is not there yet.
"""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.nn import Array

LINE = 16
"""Numbers in 64 bytes: a cache line. What different workers write lies on different ones."""


def room(size: int) -> int:
    """Return the room of a buffer of so many numbers: whole cache lines."""
    return -(-size // LINE) * LINE


def buffers(flat: Array, size: int) -> list[Array]:
    """Return the buffers that lie one after the other in a flat one."""
    return [buffer[:size] for buffer in flat.reshape(-1, room(size))]


@dataclass(frozen=True)
class Layout:
    """What lies in an arena: weights, the optimizer's `slots` and a gradient for each node, all of `size` numbers."""

    size: int
    slots: tuple[str, ...]
    workers: int
    nodes: int

    @property
    def words(self) -> int:
        """Return the room of what workers tell each other: a line for each kind of word, and for each node."""
        return (2 * self.workers + self.nodes) * LINE

    @property
    def count(self) -> int:
        """Return the room of all, in float32."""
        return self.words + (1 + len(self.slots) + self.nodes) * room(self.size)


@dataclass(frozen=True)
class State:
    """The weights and the optimizer's slots."""

    theta: Array
    slots: dict[str, Array]

    def part(self, part: slice) -> "State":
        """Return a part of each."""
        return State(self.theta[part], {name: slot[part] for name, slot in self.slots.items()})

    def copy_from(self, other: "State") -> None:
        """Overwrite all by what another one has."""
        self.theta[:] = other.theta
        for name, slot in self.slots.items():
            slot[:] = other.slots[name]


class Arena:
    """An arena in a flat buffer."""

    def __init__(self, flat: Array, layout: Layout) -> None:
        self._workers = layout.workers
        words = flat[: layout.words].data.cast("B")
        self._words, self._rows = words.cast("q"), words[128 * layout.workers :].cast("d")
        theta, *others = buffers(flat[layout.words :], layout.size)
        self.state = State(theta, dict(zip(layout.slots, others, strict=False)))
        self.gradients = others[len(layout.slots) :]
        self._fence = threading.Lock()

    def set_weight(self, node: int, weight: float) -> None:
        """Set the weight of a node's rows, which goes with its gradient."""
        self._rows[8 * node] = weight

    def weight(self, node: int) -> float:
        """Return the weight of a node's rows."""
        return self._rows[8 * node]

    def tell_pushed(self, seat: int, version: int, *, modest: bool) -> None:
        """Tell the others that a worker's gradients of a version are there, and whether their sum can be infinite."""
        self._tell(2 * seat, 2 * version + (not modest))

    def tell_applied(self, seat: int, version: int) -> None:
        """Tell the others that a worker's part of a version's weights is there."""
        self._tell(2 * seat + 1, version)

    def _tell(self, line: int, word: int) -> None:
        self._keep_order()
        self._words[8 * line] = word

    def pushed(self, version: int) -> bool:
        """Whether everybody's gradients of a version are there."""
        return self._reached(0, 2 * version)

    def applied(self, version: int) -> bool:
        """Whether all of a version's weights is there."""
        return self._reached(1, version)

    def _reached(self, kind: int, word: int) -> bool:
        there = all(self._words[8 * (2 * seat + kind)] >= word for seat in range(self._workers))
        self._keep_order()
        return there

    def _keep_order(self) -> None:
        """Let nothing be read or written later, or sooner, than it stands here: other processors than x86 need it."""
        for _ in range(2):  # whatever moves into a lock's hold stops between its release and the next hold
            with self._fence:
                pass

    def modest(self, version: int) -> bool:
        """Whether no sum of the gradients of a version, which are there, can be infinite."""
        return all(self._words[16 * seat] == 2 * version for seat in range(self._workers))


def part_of(size: int, workers: int, seat: int) -> slice:
    """Return which part of a flat buffer a worker updates: whole cache lines."""
    lo, hi = (size * i // workers // LINE * LINE if i < workers else size for i in (seat, seat + 1))
    return slice(lo, hi)


def layers_of(sizes: Sequence[int], workers: int) -> list[list[int]]:
    """Return which layers L = 1..N each worker hashes: the largest first, each to who has least."""
    shares: list[list[int]] = [[] for _ in range(workers)]
    weights = dict(enumerate((n * (m + 1) for m, n in itertools.pairwise(sizes)), start=1))
    for L in sorted(weights, key=lambda L: (-weights[L], L)):
        min(shares, key=lambda share: sum(weights[L] for L in share)).append(L)
    return shares
