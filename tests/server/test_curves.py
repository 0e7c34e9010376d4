import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.server.curves import curve, loss_window, medians, trailing_mean, window

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


def xy(values, first=0):
    return np.arange(first, first + len(values), dtype=float), np.array(values, float)


@given(VALUES, st.integers(1, 40), st.integers(0, 5000))
def test_the_extremes_stay_in_order_and_there_are_few_points(values, buckets, first):
    x, y = xy(values, first)
    drawn = curve(x, y, buckets, first)
    assert (drawn.y.min(), drawn.y.max()) == (y.min(), y.max())
    assert len(drawn.x) <= 2 * (buckets + 2)
    assert (np.diff(drawn.x) >= 0).all()
    assert all(y[int(at) - first] == value for at, value in zip(drawn.x, drawn.y, strict=True))
    assert len(drawn.mean) == len(drawn.mean_x)


@given(VALUES)
def test_a_short_curve_is_every_point(values):
    x, y = xy(values)
    drawn = curve(x, y, len(values))
    assert drawn.exact
    np.testing.assert_array_equal(drawn.y, y)


def test_a_spike_of_one_step_in_a_million_stays_at_every_zoom():
    x, y = xy(np.zeros(1_000_000))
    y[654_321] = 9.0
    for low, high in ((None, None), (600_000, 700_000), (654_000, 655_000), (654_320, 654_322)):
        part = window(x, low, high)
        drawn = curve(x[part], y[part], 500, part.start)
        assert drawn.x[np.argmax(drawn.y)] == 654_321
        assert drawn.y.max() == 9.0


def test_buckets_stay_the_same_while_the_curve_grows():
    x, y = xy(np.random.default_rng(0).standard_normal(6000))
    earlier, later = curve(x[:5000], y[:5000], 1000), curve(x, y, 1000)
    np.testing.assert_array_equal(later.mean[:600], earlier.mean[:600])


def test_means_are_those_of_the_buckets():
    x, y = xy(range(32))
    drawn = curve(x, y, 8)
    np.testing.assert_array_equal(drawn.mean, [1.5 + 4 * i for i in range(8)])
    np.testing.assert_array_equal(drawn.mean_x, drawn.mean)


def test_what_is_not_finite_hides_nothing_beside_it():
    x, y = xy([np.inf, 1.0, np.nan, 3.0] + [np.nan] * 4)
    drawn = curve(x, y, 2)
    np.testing.assert_array_equal(drawn.y[:2], [1.0, 3.0])
    np.testing.assert_array_equal(drawn.mean, [2.0, np.nan])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(None, None, (0, 5)), (2, 3, (1, 5)), (2.5, 2.6, (2, 4)), (9, None, (4, 5)), (None, -1, (0, 1))],
)
def test_a_window_has_one_point_more_at_each_end(low, high, expected):
    part = window(np.arange(5.0), low, high)
    assert (part.start, part.stop) == expected


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 300)), max_size=200), st.integers(1, 250))
def test_the_trailing_mean_is_that_of_a_loop_over_windows(steps, size):
    values, rows = [value for value, _ in steps], [count for _, count in steps]
    expected = []
    for i in range(len(steps)):
        first = max(0, i + 1 - size)
        total = math.fsum(value * count for value, count in steps[first : i + 1])
        expected.append(total / sum(rows[first : i + 1]))
    found = trailing_mean(np.array(values), np.array(rows), size)
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_leaves_the_trailing_means_beyond_it_alone(value):
    values = np.ones(50)
    values[20] = value
    found = trailing_mean(values, np.full(50, 128), 10)
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(found)), np.arange(20, 30))
    assert (found[:20] == 1).all()
    assert (found[30:] == 1).all()


def test_small_losses_behind_a_huge_one_keep_their_digits():
    values = np.full(1000, 1e-3)
    values[100] = 1e16
    np.testing.assert_allclose(trailing_mean(values, np.ones(1000), 50)[150:], 1e-3, rtol=1e-13)


@pytest.mark.parametrize(("steps_per_epoch", "expected"), [(1, 10), (10, 10), (37, 37), (100, 100), (9000, 100)])
def test_the_loss_is_smoothed_over_an_epoch_within_bounds(steps_per_epoch, expected):
    assert loss_window(steps_per_epoch) == expected


@given(VALUES, st.integers(1, 40), st.integers(0, 5000))
def test_the_last_points_of_buckets_end_each_bucket_and_the_curve(values, buckets, first):
    x, y = xy(values, first)
    drawn = curve(x, y, buckets, first)
    assert len(drawn.last) == len(drawn.mean)
    assert drawn.last[-1] == len(y) - 1
    for end, begin, mean in zip(drawn.last, [0, *(drawn.last + 1)], drawn.mean, strict=False):
        np.testing.assert_allclose(mean, y[begin : end + 1].mean(), rtol=1e-9, atol=1e-6)


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=300), st.integers(0, 5000))
def test_medians_are_those_of_aligned_windows(values, first):
    x, y = xy(values, first)
    middle, median = medians(x, y, 20, first)
    size = 1 if len(y) < 32 else 8 if len(y) <= 160 else 16
    expected = {}
    for at, value in zip(x, y, strict=True):
        expected.setdefault(at // size, []).append(value)
    assert list(middle // size) == list(expected)
    for found, inside in zip(median, expected.values(), strict=True):
        finite = [value for value in inside if not math.isnan(value)]
        assert found == statistics.median(finite) if finite else math.isnan(found)


def test_the_speed_of_a_few_odd_steps_does_not_show_in_the_medians():
    x, y = xy([300_000.0 if step % 5 == 0 else 1000.0 for step in range(10_000)])
    assert set(medians(x, y, 120)[1]) == {1000.0}
