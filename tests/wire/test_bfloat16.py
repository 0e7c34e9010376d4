import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.wire.bfloat16 import Rounding, fill_halves, take_halves

NUMBERS = st.floats(-(2.0**120), 2.0**120, width=32)
COUNTS = st.integers(0, 2**31 - 1)


def rounded(flat, *key, first=0):
    part = flat.copy()
    Rounding(*key).apply(part, first)
    return part


def neighbours(flat):
    """The numbers of eight bits toward zero, and the next ones away from it."""
    down = flat.view(np.uint32) & np.uint32(0xFFFF0000)
    return down.view(np.float32), (down + np.uint32(0x10000)).view(np.float32)


@given(arrays(np.float32, st.integers(0, 300), elements=NUMBERS), COUNTS, COUNTS, COUNTS)
def test_a_number_becomes_one_of_its_two_neighbours_and_one_of_eight_bits_stays(flat, seed, version, shard):
    result = rounded(flat, seed, version, shard)
    down, up = neighbours(flat)
    exact = flat == down
    assert np.where(exact, result == flat, (result == down) | (result == up)).all()


@given(arrays(np.float32, st.integers(0, 300), elements=NUMBERS), COUNTS)
def test_what_travels_is_half_and_comes_out_whole(flat, version):
    result = rounded(flat, 1, version, 2)
    halves = take_halves(result, np.empty(flat.size, np.uint16))
    assert halves.nbytes * 2 == flat.nbytes
    assert fill_halves(halves, np.empty_like(flat)).tobytes() == result.tobytes()


@given(st.integers(1, 2**17), st.lists(st.integers(1, 2**17 - 1), max_size=4), COUNTS)
def test_layers_are_rounded_as_the_whole_is(size, cuts, version):
    flat = np.random.default_rng(size).standard_normal(size, np.float32)
    parts = [rounded(part, 3, version, 1, first=at) for at, part in pieces(flat, cuts)]
    assert np.concatenate(parts).tobytes() == rounded(flat, 3, version, 1).tobytes()


def pieces(flat, cuts):
    edges = sorted({0, flat.size, *(cut for cut in cuts if cut < flat.size)})
    return [(lo, flat[lo:hi]) for lo, hi in itertools.pairwise(edges)]


def test_the_mean_stays_what_it_was():
    """Over all beginnings of the order each number goes up exactly as often as it should."""
    flat = np.float32([1.001, -3.14159, 1e-20, 7e30])
    down, up = (each.astype(np.float64) for each in neighbours(flat))
    ups = np.zeros(4)
    rounding = Rounding(5, 0, 0)
    for start in range(1 << 16):
        rounding._start = start
        part = flat.copy()
        rounding.apply(part, 0)
        ups += part == up.astype(np.float32)
    np.testing.assert_allclose(down + (up - down) * ups / (1 << 16), flat, rtol=1e-12)


def test_chance_belongs_to_seed_version_and_shard():
    flat = np.random.default_rng(0).standard_normal(1000, np.float32)
    results = {rounded(flat, *key).tobytes() for key in [(1, 2, 3), (1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]}
    assert len(results) == 4


@pytest.mark.parametrize("bits", [0x7F800000, 0xFF800000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0x7FC00000])
def test_what_is_not_finite_stays_so(bits):
    flat = np.zeros(70_000, np.float32)
    flat.view(np.uint32)[69_999] = bits
    for version in range(20):
        result = rounded(flat, 1, version, 0)
        assert not np.isfinite(result[-1])
        assert not result[:-1].any()
