"""The shared memory of stretches, as their server sees it."""

import errno
import os

import psutil

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.stretches import Ongoing
from chainrule.wire import shared_memory
from chainrule.wire.arena import Arena, Layout, State


class OwnArena:
    """An arena that this process has made. It is mapped only while it is read: its memory is the workers'."""

    def __init__(self, layout: Layout) -> None:
        """Raise OSError where it would take more than half of the free memory, or cannot be made."""
        if 2 * 4 * layout.count > (free := psutil.virtual_memory().available):
            raise OSError(errno.ENOMEM, f"{4 * layout.count / 1e6:,.0f} MB are needed, of {free / 1e6:,.0f} MB free")
        self._layout, self.descriptor = layout, shared_memory.create(layout.count)

    def state(self) -> State:
        """Return the weights and slots that lie there."""
        return Arena(shared_memory.view(self.descriptor, writable=False), self._layout).state

    def close(self) -> None:
        """Let go of it; workers keep what they have mapped."""
        os.close(self.descriptor)


class Arenas:
    """Gives each stretch its arena: that of the one before, if no worker can still be writing there.

    So it is as long as the same workers take all stretches to their ends. Whoever was given up may go on as late as it
    likes: nobody looks there any more.
    """

    def __init__(self, size: int, slots: tuple[str, ...]) -> None:
        self._size, self._slots = size, slots
        self._used: tuple[int, dict[int, tuple[Node, ...]]] = 0, {}
        self._arena: OwnArena | None = None

    def of(self, stretch: Ongoing) -> OwnArena:
        """Return the arena of a stretch. Raises OSError where there is no memory for one."""
        use = stretch.given_up, stretch.shares
        if self._arena is None or use != self._used:
            if self._arena is not None:
                self._arena.close()
                self._arena = None
            self._arena = OwnArena(Layout(self._size, self._slots, len(stretch.shares), len(stretch.nodes)))
            self._used = use
        return self._arena
