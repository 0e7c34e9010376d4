"""Which workers there are: incarnations and leases. Pure: the time is an argument, in seconds of a monotonic clock."""

from collections.abc import Iterator

from chainrule.wire.errors import Fenced

HEARTBEAT_SECONDS = 1.0
LEASE_SECONDS = 5.0


class Members:
    """The live workers by incarnation, each with the end of its lease. An incarnation is never given twice."""

    def __init__(self) -> None:
        self._lease_ends: dict[int, float] = {}
        self._joined = 0
        self._caught_up: dict[int, int] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._lease_ends))

    def __len__(self) -> int:
        return len(self._lease_ends)

    def __contains__(self, incarnation: int) -> bool:
        return incarnation in self._lease_ends

    def join(self, now: float) -> int:
        """Admit a worker and return its incarnation."""
        self._joined += 1
        self._lease_ends[self._joined] = now + LEASE_SECONDS
        return self._joined

    def beat(self, incarnation: int, now: float) -> None:
        """Renew a lease. Raises Fenced once it has ended."""
        if incarnation not in self._lease_ends:
            raise Fenced(f"worker {incarnation} has lost its lease; it has to join again")
        self._lease_ends[incarnation] = now + LEASE_SECONDS

    def leave(self, incarnation: int) -> None:
        """Let a worker go."""
        self._lease_ends.pop(incarnation, None)
        self._caught_up.pop(incarnation, None)

    def answer(self, incarnation: int, version: int) -> None:
        """Note that a worker has done its part of a version."""
        if incarnation in self._lease_ends:
            self._caught_up[incarnation] = max(version + 1, self._caught_up.get(incarnation, 0))

    def staleness(self, version: int) -> int:
        """Return how many versions the last of those who have ever answered is behind."""
        return max(0, version - min(self._caught_up.values(), default=version))

    def expired(self, now: float) -> list[int]:
        """Return the workers whose lease has ended."""
        return [incarnation for incarnation, end in self._lease_ends.items() if end <= now]

    def next_end(self) -> float | None:
        """Return when the next lease ends, unless it is renewed."""
        return min(self._lease_ends.values(), default=None)
