"""Random numbers that depend on what they are for, never on who draws them or in which order."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a random number is for. The values are part of every job's bits: never renumber them."""

    INITIAL_WEIGHTS = 1
    DEAL_ROWS = 2
    ORDER_OF_ROWS = 3
    DROPOUT = 4
    ROUNDING = 5


def generator(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the counter-based generator (Philox) that belongs to (seed, purpose, counters), e.g. (epoch, shard)."""
    # Two words for the seed, small or large: so no seed's entropy is another's with other counters.
    entropy = (seed % 2**32, seed // 2**32, purpose, *counters)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
