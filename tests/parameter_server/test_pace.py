import math
from collections import defaultdict
from statistics import median, median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.parameter_server.pace import FLOOR_SECONDS, SLOWNESS, Pace


def test_nobody_is_late_while_no_other_worker_is_known():
    pace = Pace()
    assert pace.limit(1, 4) == math.inf
    pace.add(1, 1, 2.0)
    assert pace.limit(1, 4) == math.inf


def test_a_range_is_late_after_three_times_what_others_take_for_as_many_shards():
    pace = Pace()
    for worker, shards, seconds in ((1, 1, 1.0), (2, 2, 4.0), (3, 4, 4.0), (4, 1, 90.0), (5, 3, 3.0)):
        pace.add(worker, shards, seconds)
    assert pace.limit(4, 1) == SLOWNESS == 3.0
    assert pace.limit(4, 4) == 12.0
    assert pace.times(4, 4, 40.0) == 10.0


def test_of_two_workers_the_slow_one_is_late():
    pace = Pace()
    for _ in range(20):
        pace.add(1, 1, 1.0)
        pace.add(2, 1, 10.0)
    assert (pace.limit(1, 1), pace.limit(2, 1)) == (30.0, 3.0)


def test_tiny_steps_make_nobody_late():
    pace = Pace()
    pace.add(1, 1, 0.001)
    assert pace.limit(2, 2) == FLOOR_SECONDS


def test_a_clock_that_stands_still_does_no_harm():
    pace = Pace()
    pace.add(1, 1, 0.0)
    assert pace.limit(2, 1) == FLOOR_SECONDS
    assert math.isfinite(pace.times(2, 1, 10.0))


def test_what_was_long_ago_does_not_count():
    pace = Pace()
    for seconds in [1000.0] * 60 + [1.0] * 5:
        pace.add(1, 1, seconds)
    assert pace.limit(2, 1) == 3.0
    for worker in range(3, 53):
        pace.add(worker, 1, 7.0)
    assert pace.limit(2, 1) == 21.0
    assert pace.limit(1, 1) == 21.0


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4), st.floats(0.2, 10)), min_size=1))
def test_the_limit_is_the_median_of_the_others_medians(answers):
    pace, known = Pace(), defaultdict(list)
    for worker, shards, seconds in answers:
        pace.add(worker, shards, seconds)
        known[worker].append(seconds / shards)
    for worker in range(1, 8):
        others = [median(durations[-9:]) for other, durations in known.items() if other != worker]
        expected = max(FLOOR_SECONDS, 3 * median_low(others) * 2) if others else math.inf
        assert pace.limit(worker, 2) == pytest.approx(expected)
