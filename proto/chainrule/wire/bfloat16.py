"""bfloat16, the upper half of a float32: gradients that are rounded by chance, so that their mean stays what it was.

A number goes up or down to a neighbour with the probabilities that keep its mean (stochastic rounding, Gupta et al.
2015). Chance belongs to (seed, version, shard): nothing is carried from one step to the next, as the error feedback of
Seide et al. 2014 would be, which is lost with its worker. The bits would depend on who has died.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.nn import Array, all_modest, generator
from chainrule.nn.randomness import Purpose

Halves: TypeAlias = NDArray[np.uint16]

_PERIOD = 1 << 16
_UPPER = np.uint32(0xFFFF0000)


class Rounding:
    """The chance of one shard's gradient at one version.

    What is added below the upper half goes through all its 65,536 values, each once, in an order that belongs to the
    seed; version and shard choose where it begins. So each number is rounded up with its exact probability.
    """

    def __init__(self, seed: int, version: int, shard: int) -> None:
        self._order = _order(seed)
        self._start = int(generator(seed, Purpose.ROUNDING, version, shard).integers(_PERIOD))

    def apply(self, part: Array, first: int) -> None:
        """Round numbers of a flat float32 gradient in place; `first` is where they begin in it. None becomes finite."""
        for start in range(0, part.size, _PERIOD):
            block = part[start : start + _PERIOD]
            if not all_modest(block):
                np.copyto(block, np.nan, where=~np.isfinite(block))  # another NaN might overflow into a number
            at = (self._start + first + start) % _PERIOD
            bits = block.view(np.uint32)
            bits += self._order[at : at + block.size]
            bits &= _UPPER


@lru_cache(2)
def _order(seed: int) -> NDArray[np.uint32]:
    order = generator(seed, Purpose.ROUNDING).permutation(_PERIOD).astype(np.uint32)
    return np.concatenate([order, order])  # whatever begins inside goes on without a break


def take_halves(flat: Array, out: Halves) -> Halves:
    """Write the upper halves of rounded numbers."""
    np.copyto(out, flat.view("<u2")[1::2])
    return out


def fill_halves(halves: Halves, out: Array) -> Array:
    """Write the float32 whose upper halves these are."""
    np.left_shift(halves, 16, out=out.view(np.uint32), dtype=np.uint32)
    return out
