import numpy as np
import pyarrow as pa
import pytest

from chainrule.data.encoders import HashEncoder, LevelEncoder, NumberEncoder
from chainrule.data.faults import Faulty
from chainrule.data.tables import tidy
from chainrule.data.words import coded


def column(values, kind=None):
    return tidy(pa.table({"c": pa.array(values, kind)}))["c"].combine_chunks()


def encoded(encoder, values, kind=None):
    read = encoder.read(column(values, kind))
    out = np.full((len(values), len(encoder.features)), 99.0)
    encoder.write(read, out)
    return out.tolist()


def test_a_number_is_itself_whatever_its_type():
    for values, kind in (([1, 2], "int8"), ([1.0, 2.0], "float32"), (["1", " 2 "], "string")):
        assert encoded(NumberEncoder("c"), values, kind) == [[1.0], [2.0]]
    for values, kind in (([True, False], "bool"), (["true", "FALSE"], "string"), ([1, 0], "int8")):
        assert encoded(NumberEncoder("c", kind="boolean"), values, kind) == [[1.0], [0.0]]


def test_a_missing_number_is_refused_or_filled_and_told():
    values = [1.5, None, float("nan")]
    with pytest.raises(Faulty) as caught:
        encoded(NumberEncoder("c"), values)
    assert str(caught.value.fault.found("f")) == "f: row 2, column 'c' has no number (empty, NA or NaN)"
    assert encoded(NumberEncoder("c", 7.0), values) == [[1.5], [7.0], [7.0]]
    assert encoded(NumberEncoder("c", 7.0, True), values) == [[1.5, 0], [7.0, 1], [7.0, 1]]
    assert NumberEncoder("c", 7.0, True).features == ("c", "c is missing")


def test_a_text_that_is_no_number_is_refused():
    with pytest.raises(Faulty) as caught:
        encoded(NumberEncoder("c"), ["1", "one"])
    assert str(caught.value.fault.found("f", 5)) == "f: row 6, column 'c' is 'one', not a number"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1970-01-02", "1969-12-31T12:00"], None),
        (["1970-01-02 00:00:00+00:00", "1969-12-31 12:00:00"], None),
        ([86_400_000_000, -43_200_000_000], pa.timestamp("us")),
        ([86_400_000, -43_200_000], pa.timestamp("ms", "UTC")),
    ],
)
def test_a_date_is_its_days_since_1970(values, kind):
    assert encoded(NumberEncoder("c", kind="date"), values, kind) == [[1.0], [-0.5]]


def test_dates_and_times_of_other_types_are_days_too():
    assert encoded(NumberEncoder("c", kind="date"), [10], pa.date32()) == [[10.0]]
    assert encoded(NumberEncoder("c", kind="time"), [43_200], pa.time32("s")) == [[0.5]]
    assert encoded(NumberEncoder("c", kind="duration"), [43_200], pa.duration("s")) == [[0.5]]
    with pytest.raises(Faulty, match="not a date as 2030-12-31"):
        encoded(NumberEncoder("c", kind="date"), ["31/12/2020"])


def test_a_category_has_a_place_for_each_level_and_one_for_the_rest():
    encoder = LevelEncoder("c", ("blue", "red"))
    assert encoder.features == ("c=blue", "c=red", "c=(other)")
    assert encoded(encoder, ["red", " blue ", "green", None, "", "?"]) == [
        [0, 1, 0],
        [1, 0, 0],
        *[[0, 0, 1]] * 4,
    ]


def test_whole_numbers_are_the_same_category_as_integers_and_as_floats_and_as_texts():
    encoder = LevelEncoder("c", ("1", "2"))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    for values in ([1, 2, None], [1.0, 2.0, None], ["1", "2", None], [1.0, 2.0, float("nan")]):
        assert encoded(encoder, values) == expected


def test_hashed_categories_keep_their_places():
    encoder = HashEncoder("c", 8)
    first = encoded(encoder, ["a", "b", "c", None])
    assert encoded(encoder, [None, "c", "b", "a"]) == first[::-1]
    assert [sum(row) for row in first] == [1, 1, 1, 1]
    assert first[3] == [0] * 8 + [1]
    assert len(encoder.features) == 9


def test_codes_name_their_words():
    codes, words = coded(column(["b", None, "a", "b"]), "c")
    assert [words[code] if code < len(words) else None for code in codes] == ["b", None, "a", "b"]
