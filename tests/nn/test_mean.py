import numpy as np
import pytest

from chainrule.nn import OPTIMIZERS, Mean
from chainrule.nn.arrays import BLOCK

SIZE = 5 * BLOCK + 3


def parts(count):
    return tuple(np.random.default_rng(0).standard_normal((count, SIZE), np.float32))


def expected(arrays, weight):
    total = arrays[0]
    for other in arrays[1:]:
        total = total + other
    return total / np.float32(weight)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_is_the_sum_from_left_to_right_divided_by_the_weight(count):
    arrays = parts(count)
    before, out = [array.copy() for array in arrays], np.empty(SIZE, np.float32)
    Mean(arrays, 7.0).into(out)
    np.testing.assert_array_equal(out, expected(arrays, 7.0))
    np.testing.assert_array_equal(arrays, before)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_makes_the_same_bits_of_it_as_of_the_whole_gradient(name):
    optimizer, arrays = OPTIMIZERS[name](), parts(2)
    results = []
    for g in (Mean(arrays, 3.0), expected(arrays, 3.0)):
        theta = np.linspace(-1, 1, SIZE, dtype=np.float32)
        state = {slot: np.zeros_like(theta) for slot in optimizer.slots}
        for t in range(2):
            optimizer.update(theta, g, state, t)
        results.append([theta, *state.values()])
    for mean, whole in zip(*results, strict=True):
        np.testing.assert_array_equal(mean, whole)
