"""The hash of each version that the history wants, made while workers compute with it."""

import threading
from collections.abc import Callable

from chainrule.parameter_server.state import TrainingState
from chainrule.wire.fingerprints import fingerprint

ASIDE_BYTES = 1 << 20
"""Weights that are smaller are hashed when a step is about to change them: sooner than a thread wakes up."""


class Hashing:
    """Hashes the weights of a state. Everything is called under the state's lock, and `wait` lets go of it."""

    def __init__(self, state: TrainingState, lock: threading.RLock, ended: Callable[[], bool]) -> None:
        self._state, self._lock, self._ended = state, lock, ended
        self._changed = threading.Condition(lock)
        self._fingerprint: bytes | None = None  # of the present weights
        self._busy = False

    @property
    def _wanted(self) -> bool:
        wanted = self._state.plan.hashes(self._state.version)
        return wanted and self._fingerprint is None and not self._ended()

    def follow(self) -> None:
        """Hash each version as soon as it is there, until the job has ended. Small weights need no thread."""
        while self._state.parameters.flat.nbytes >= ASIDE_BYTES and not self._ended():
            if self._wanted and self._state.stretches.present is None:  # there, workers do
                self._hash_aside()
            else:
                self._changed.wait()

    def _hash_aside(self) -> None:
        """Hash the present weights without the lock: no step changes them meanwhile."""
        self._busy = True
        self._lock.release()
        try:
            result = fingerprint(self._state.parameters)
        finally:
            self._lock.acquire()
        self._busy, self._fingerprint = False, result
        self._changed.notify_all()

    def finish(self) -> None:
        """See that the present weights have been hashed, before a step changes them."""
        self.pause()
        if self._wanted:
            self._fingerprint = fingerprint(self._state.parameters)

    def pause(self) -> None:
        """Wait until nobody reads the present weights."""
        while self._busy:
            self._changed.wait()

    def take(self) -> bytes | None:
        """Return the hash of the weights that a step has just changed, None where it was not wanted."""
        result, self._fingerprint = self._fingerprint, None
        self._changed.notify_all()
        return result

    def wake(self) -> None:
        """Let `follow` see that the job has ended."""
        self._changed.notify_all()
