"""The mean gradient, made block by block when an optimizer asks for it: so it is never in memory as a whole."""

from dataclasses import dataclass

import numpy as np

from chainrule.nn.arrays import BLOCK, Array
from chainrule.nn.threads import in_parts


@dataclass(frozen=True)
class Mean:
    """g = Σ parts / weight, added up from left to right. The parts are only read."""

    parts: tuple[Array, ...]
    weight: float

    def block(self, start: int, stop: int, out: Array) -> Array:
        """Write g[start:stop] into `out` and return it."""
        total, *others = (part[start:stop] for part in self.parts)
        with np.errstate(over="ignore", invalid="ignore"):  # the next step's loss tells it
            for other in others:
                total = np.add(total, other, out=out)
            return np.divide(total, np.array(self.weight, out.dtype), out=out)

    def into(self, out: Array) -> None:
        """Write all of g."""

        def work(start: int, stop: int) -> None:
            for first in range(start, stop, BLOCK):
                last = min(first + BLOCK, stop)
                self.block(first, last, out[first:last])

        in_parts(work, out.size)
