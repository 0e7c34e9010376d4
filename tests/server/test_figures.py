import math
from datetime import timedelta

import pytest

from chainrule.server import figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86400 * 4 + 3600 * 3, "4 d 3 h"),
    ],
)
def test_duration(seconds, text):
    assert figures.duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.345678, "0.3457"), (1.2e-5, "1.2e-05"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_number(value, text):
    assert figures.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (1.0, "100.0 %"), (0.9999, "99.9 %"), (0.29, "29.0 %")])
def test_percent(value, text):
    assert figures.percent(value) == text


def test_rate_of_nothing_is_a_dash():
    assert (figures.rate(0.0), figures.rate(999.6)) == ("–", "1\u202f000")
