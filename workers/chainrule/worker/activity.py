"""What a worker sees of its neurons: which relus are dead, and how many activations are saturated."""

import math
import time
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.nn import ACTIVATIONS, Array, Network, live_neurons, saturated_share
from chainrule.wire.layers import LayerActivity

SECONDS = 1.0
"""The time from one look to the next."""
ROWS = 256
"""A look takes as many mini-batches as make so many rows: of a few rows many a healthy relu sees nothing."""

See: TypeAlias = Callable[[int, Array], None]


class Activity:
    """Looks at the activations of a hidden layer now and then, and only reads them. One thread looks, any may read."""

    def __init__(self, network: Network, clock: Callable[[], float] = time.monotonic) -> None:
        hidden = dict(enumerate(network.activations[:-1], start=1))
        self._bounded = {L: name for L, name in hidden.items() if all(map(math.isfinite, ACTIVATIONS[name].range))}
        self._relus = {L for L, name in hidden.items() if name == "relu"}
        self._clock, self._due = clock, -math.inf if self._bounded or self._relus else math.inf
        self.layers: tuple[LayerActivity, ...] = ()
        self._forget()

    def _forget(self) -> None:
        self._rows, self._live = 0, dict[int, NDArray[np.bool_]]()
        self._saturated = dict.fromkeys(self._bounded, 0.0)

    def look(self, rows: int) -> See | None:
        """Return what is to see (L, A^L) of the next mini-batch, whose rows are so many: mostly nothing is."""
        if self._rows >= ROWS:
            self._tell()
        if self._clock() < self._due:
            return None
        self._rows += rows
        return self._see

    def _see(self, L: int, A: Array) -> None:
        if L in self._relus:
            live = live_neurons(A)
            self._live[L] = live | self._live.get(L, live)
        elif L in self._bounded:
            self._saturated[L] += len(A) * saturated_share(self._bounded[L], A)

    def _tell(self) -> None:
        dead = [LayerActivity(L, dead_ratio=1 - float(live.mean())) for L, live in self._live.items()]
        saturated = [LayerActivity(L, saturation=rows / self._rows) for L, rows in self._saturated.items()]
        self.layers = tuple(dead + saturated)
        self._due = self._clock() + SECONDS
        self._forget()
