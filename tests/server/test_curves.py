import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.server.curves import curve, window

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
