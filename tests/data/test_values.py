"""What texts are: numbers, truth values, dates and times."""

import re
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.values import (
    STANDARD,
    ValueFormat,
    matches,
    parse_booleans,
    parse_dates,
    parse_numbers,
    parse_times,
    plain_numbers,
    without_sign,
)


def numbers(texts, format=STANDARD, sign=""):
    values, known = parse_numbers(pa.array(texts, pa.string()), format, sign)
    return [float(value) if is_one else None for value, is_one in zip(values, known, strict=True)]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_way_in_which_python_writes_a_number_is_one(number):
    texts = [repr(number), f"{number:e}", f"{number:E}", f"+{abs(number)!r}", f"{number:.3f}"]
    assert numbers(texts) == [float(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "1_2",
        "0x1F",
        "1,5",
        "1 2",
        "",
        " 7",
        "--1",
        "1e",
        "e5",
        ".",
        "1.2.3",
        "٣",
        "½",
        "1d",
        "nan",
        "true",
        "12:30",
        "5%",
    ],
)
def test_what_is_no_number(text):
    assert numbers([text]) == [None]


@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "+INF", "1e999", "-1e999"])
def test_infinity_is_known_as_a_number_so_that_it_can_be_refused_as_one(text):
    (number,) = numbers([text])
    assert np.isinf(number)


@given(st.integers(-(10**12), 10**12), st.integers(0, 999))
def test_marks_are_those_of_the_format(whole, thousandths):
    value = float(f"{whole}.{thousandths:03}")
    assert numbers([f"{whole:,}.{thousandths:03}"], ValueFormat(thousands=",")) == [value]
    german = f"{whole:,}".replace(",", ".") + f",{thousandths:03}"
    assert numbers([german], ValueFormat(decimal=",", thousands=".")) == [value]
    assert numbers([f"{whole},{thousandths:03}"], ValueFormat(decimal=",")) == [value]


@pytest.mark.parametrize("text", ["1,23", "1,2345", ",123", "12,34,567", "1,234,56"])
def test_groups_have_three_digits(text):
    assert numbers([text], ValueFormat(thousands=",")) == [None]


@pytest.mark.parametrize(
    ("sign", "text", "number"),
    [
        ("$", "$3.50", 3.5),
        ("$", "-$3.50", -3.5),
        ("$", "$-3.50", -3.5),
        ("%", "5%", 5),
        ("%", "5 %", 5),
        ("€", "2€", 2),
    ],
)
def test_a_sign_stands_on_either_side(sign, text, number):
    assert numbers([text], sign=sign) == [number]


def test_a_number_that_lacks_the_sign_of_its_column_is_none():
    assert numbers(["5", "5%%", "$5", "%", ""], sign="%") == [None] * 5
    assert without_sign(pa.array(["7", None]), "%").to_pylist() == [None, None]


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False).map(repr), st.sampled_from(["x", "1_2", "nan", "0x1"])))
)
def test_a_whole_column_is_parsed_as_its_values_are(texts):
    column = pa.array(texts, pa.string())
    found, expected = plain_numbers(column), numbers(texts)
    there = [number for text, number in zip(texts, expected, strict=True) if text is not None]
    assert (found is None) == (None in there)
    if found is not None:
        assert found.to_pylist() == expected


@given(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)))
def test_dates_are_their_days_since_1970(moment):
    texts = [moment.isoformat(), moment.isoformat(" "), f"{moment.date()}", f"{moment.isoformat()}+02:00"]
    zoned = moment.replace(tzinfo=UTC)
    midnight = datetime.combine(moment.date(), datetime.min.time(), UTC)
    seconds = [zoned.timestamp(), zoned.timestamp(), midnight.timestamp(), zoned.timestamp() - 7200]
    for part in (texts[:3], texts):  # with and without a zone among them
        values, known = parse_dates(pa.array(part))
        assert known.all()
        np.testing.assert_allclose(values, np.array(seconds[: len(part)]) / 86400, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "text", ["20200105", "2020-1-5", "2020-02-30", "2020-W01-1", "05.01.2020", "12:30", "2020", "2020-01-05T25:00"]
)
def test_what_is_no_date(text):
    for others in ([], ["2020-01-05T10:00:00Z"]):
        assert not parse_dates(pa.array([text, *others]))[1][0]


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_a_date_may_have_a_format_of_its_own(day):
    values, known = parse_dates(pa.array([f"{day:%d.%m.%Y}", day.isoformat()]), "%d.%m.%Y")
    assert known.tolist() == [True, False]
    assert values[0] == (day - date(1970, 1, 1)).days


def test_times_are_parts_of_the_day():
    values, known = parse_times(pa.array(["12:00", "0:00:00", "18:30:30", "23:59:59.5", "24:00", "12:60", "noon"]))
    assert known.tolist() == [True] * 4 + [False] * 3
    np.testing.assert_allclose(values[:4] * 86400, [43200, 0, 66630, 86399.5])


def test_truth_values_have_any_case():
    values, known = parse_booleans(pa.array(["true", "FALSE", "True", "yes", "1", None]))
    assert (known.tolist(), values[:3].tolist()) == ([True, True, True, False, False, False], [1, 0, 1])


@given(st.lists(st.one_of(st.none(), st.text("0123456789.,+-eE", max_size=6))))
def test_matching_agrees_with_python(texts):
    pattern = ValueFormat(thousands=",").number
    expected = [text is not None and re.search(pattern, text) is not None for text in texts]
    assert matches(pa.array(texts, pa.string()), pattern).tolist() == expected
