"""Dropout: inputs and hidden neurons that a step leaves out, drawn anew for each step (Srivastava et al. 2014).

A mask is drawn from numbers that belong to (seed, version, shard, layer): whoever computes a shard draws the same one.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from chainrule.nn.arrays import Array
from chainrule.nn.randomness import Purpose, generator

Draw: TypeAlias = Callable[[int], np.random.Generator]
"""The random numbers of one step for layer L."""


def draw_for(seed: int, version: int, shard: int) -> Draw:
    """Return the random numbers of a shard's step at a version."""
    return lambda L: generator(seed, Purpose.DROPOUT, version, shard, L)


def fill_mask(random: np.random.Generator, M: Array, rate: float) -> None:
    """m = 1 / (1 - p) with probability 1 - p, else 0, so that the mean of m a is a. M is float32 and C-contiguous."""
    random.random(dtype=np.float32, out=M)
    M += 1 - rate
    np.floor(M, out=M)
    M *= 1 / (1 - rate)
