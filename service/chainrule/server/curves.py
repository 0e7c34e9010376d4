"""A curve with any number of points as so many as a screen shows. Pure.

Each bucket keeps its smallest and its largest value where they were, so that a spike stays a spike at any zoom, and
its mean, for a smooth line. Buckets hold a power of two of points and begin at multiples of it: they stay the same
while the curve grows, and so do the lines.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
FEWEST_STEPS, MOST_STEPS = 10, 100
"""The bounds of the number of steps that the smoothed training loss is a mean over."""
FEWEST_OF_A_MEDIAN = 8
"""Values of which a median is made, unless there are hardly more."""


def loss_window(steps_per_epoch: int) -> int:
    """Return the steps that the smoothed training loss is a mean over: one epoch, at least 10, at most 100."""
    return min(MOST_STEPS, max(FEWEST_STEPS, steps_per_epoch))


def trailing_mean(values: Numbers, rows: Numbers, window: int) -> Numbers:
    """Return at each step the mean of the last `window` values, weighted by rows; of fewer at the beginning.

    Takes time in proportion to the number of values, whatever the window. A value that is not finite makes only the
    means that contain it not finite.
    """
    values, rows = np.asarray(values, np.float64), np.asarray(rows, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return _trailing_sums(values * rows, window) / _trailing_sums(rows, window)


def _trailing_sums(values: Numbers, window: int) -> Numbers:
    """Return the sum of the last `window` values at each place.

    Each is the sum from the beginning of a block of `window` values, plus the sum to the end of the block before it.
    No sum is subtracted from another: nothing is lost to cancellation, and infinities do not spread.
    """
    count = len(values)
    window = max(1, min(window, count))
    blocks = np.zeros((-(-count // window), window))
    blocks.reshape(-1)[:count] = values
    sums = np.cumsum(blocks, axis=1).reshape(-1)[:count]
    rest = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1].copy()
    rest[:, 0] = 0.0  # the window is the block itself
    sums[window:] += rest.reshape(-1)[1 : count - window + 1]
    return sums


@dataclass(frozen=True)
class Curve:
    """The extremes of each bucket, in order, and the mean of each at its middle; where `exact`, every point.

    `last` has the index of each bucket's last point.
    """

    x: Numbers
    y: Numbers
    mean_x: Numbers
    mean: Numbers
    last: NDArray[np.intp]
    exact: bool


def window(x: Numbers, low: float | None, high: float | None) -> slice:
    """Return which points, in order of x, are needed to draw from `low` to `high`: one more at each end."""
    first = 0 if low is None else max(0, int(np.searchsorted(x, low, "left")) - 1)
    last = len(x) if high is None else min(len(x), int(np.searchsorted(x, high, "right")) + 1)
    return slice(first, max(first, last))


def curve(x: Numbers, y: Numbers, buckets: int, first: int = 0) -> Curve:
    """Return at most 2 * (buckets + 1) points of those that begin at number `first` of the whole curve."""
    if len(x) <= 2 * buckets:
        return Curve(x, y, x, y, np.arange(len(x)), True)
    size = _power_of_two(len(x), buckets)
    parts = [_reduced(x[piece], y[piece], size) for piece in _pieces(len(x), size, first)]
    last = _last(len(x), size, first)
    x, y, mean_x, mean = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Curve(x, y, mean_x, mean, last, False)


def medians(x: Numbers, y: Numbers, buckets: int, first: int = 0) -> tuple[Numbers, Numbers]:
    """Return the middle of each bucket and the median of its finite values: at most buckets + 2 of them."""
    if not len(x):
        return x, y
    size = max(FEWEST_OF_A_MEDIAN if len(x) >= 4 * FEWEST_OF_A_MEDIAN else 1, _power_of_two(len(x), buckets))
    parts = [_medians(x[piece], y[piece], size) for piece in _pieces(len(x), size, first)]
    middle, median = (np.concatenate(column) for column in zip(*parts, strict=True))
    return middle, median


def _power_of_two(count: int, buckets: int) -> int:
    """Return the smallest power of two that `count` points divided by it make at most `buckets`."""
    return 1 << (-(-count // buckets) - 1).bit_length()


def _pieces(count: int, size: int, first: int) -> list[slice]:
    """Return the part of a bucket at the beginning, all whole buckets, and the part of one at the end, where not empty.

    The points are those from number `first` of the whole curve on.
    """
    head = min(-first % size, count)
    whole = head + (count - head) // size * size
    pieces = (slice(0, head), slice(head, whole), slice(whole, count))
    return [piece for piece in pieces if piece.start < piece.stop]


def _last(count: int, size: int, first: int) -> NDArray[np.intp]:
    """Return the index of each bucket's last point."""
    ends = np.arange(-first % size or size, count, size) - 1
    return np.append(ends, count - 1)


def _medians(x: Numbers, y: Numbers, size: int) -> tuple[Numbers, Numbers]:
    size = min(size, len(x))
    x, y = x.reshape(-1, size), np.where(np.isfinite(y), y, np.nan).reshape(-1, size)
    median = np.full(len(y), np.nan)
    known = ~np.isnan(y).all(axis=1)
    median[known] = np.nanmedian(y[known], axis=1)
    return (x[:, 0] + x[:, -1]) / 2, median


def _reduced(x: Numbers, y: Numbers, size: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    size = min(size, len(x))
    x, y = x.reshape(-1, size), y.reshape(-1, size)
    finite = np.isfinite(y)
    low = np.argmin(np.where(finite, y, np.inf), axis=1)
    high = np.argmax(np.where(finite, y, -np.inf), axis=1)
    chosen = np.sort(np.stack([low, high], axis=1), axis=1)
    counts = finite.sum(axis=1)
    sums = np.where(finite, y, 0.0).sum(axis=1)
    mean = np.divide(sums, counts, out=np.full(len(y), np.nan), where=counts > 0)
    return (
        np.take_along_axis(x, chosen, 1).reshape(-1),
        np.take_along_axis(y, chosen, 1).reshape(-1),
        (x[:, 0] + x[:, -1]) / 2,
        mean,
    )
