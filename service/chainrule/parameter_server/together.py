"""Workers that take stretches among themselves, as the coordinator deals with them: all under its lock."""

from collections.abc import Callable, Collection, Sequence

from chainrule.parameter_server.arenas import Arenas, OwnArena
from chainrule.parameter_server.books import Books
from chainrule.parameter_server.hashing import Hashing
from chainrule.parameter_server.state import TrainingState
from chainrule.parameter_server.stretches import LATE, SECONDS, Ongoing
from chainrule.wire.faults import fail_at
from chainrule.wire.stretched import StretchStep


class Together:
    """Begins stretches where there is memory for them, takes over what they come to, and warns of who holds them up."""

    def __init__(self, state: TrainingState, books: Books, hashing: Hashing, clock: Callable[[], float]) -> None:
        self._state, self._books, self._hashing, self._clock = state, books, hashing, clock
        self.arenas = Arenas(state.parameters.flat.size, state.update.slots)

    def begin(self, able: Collection[int], now: float) -> None:
        """Begin a stretch, where all workers are `able` to and everything is as usual."""
        stretch = self._state.begin_stretch(able, now)
        if stretch is None:
            return
        try:
            self.arenas.of(stretch)
        except OSError as error:
            self._state.give_up()
            slower = "steps go by way of the parameter server, which is slower"
            self._books.warn_once("arena", f"there is no shared memory for workers of this host: {error}; {slower}")

    def arena(self) -> OwnArena | None:
        """Return the arena of the present stretch."""
        stretch = self._state.stretches.present
        return None if stretch is None else self.arenas.of(stretch)

    def take(self, incarnation: int, number: int, steps: Sequence[StretchStep]) -> None:
        """Take what a worker has done in a stretch; the last one's word makes it count. Raises ShapeMismatch."""
        fail_at("stretch.before_commit")
        self._hashing.pause()
        if (stretch := self._state.finish_stretch(incarnation, number, steps)) is not None:
            self._commit(stretch)

    def _commit(self, stretch: Ongoing) -> None:
        made, now = self.arenas.of(stretch).state(), self._clock()
        steps = self._state.commit(stretch, made.theta, made.slots, now)
        fail_at("stretch.after_commit")
        if steps:
            self._hashing.take()
        self._books.stretch(stretch, steps, self._state.parameters.sizes, self._clock())

    def look(self, now: float) -> None:
        """Give up a stretch that is late."""
        for worker in self._state.overdue(now):
            late = f"has held up others for {LATE * SECONDS:g} s; they go on by way of the parameter server"
            self._books.warn_of(worker, late, once="late")
