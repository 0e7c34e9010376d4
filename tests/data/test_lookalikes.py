import numpy as np
import pyarrow as pa
import pytest

from chainrule.data.lookalikes import best, find
from chainrule.data.values import STANDARD, ValueFormat, parse_dates, parse_numbers

EXAMPLES = {
    ("36,815", "1,234,567", "12,500.25"): {"thousands": ","},
    ("1,5", "12,75", "0,3333"): {"decimal": ","},
    ("1.234,5", "12.345.678,9", "36.815"): {"decimal": ",", "thousands": "."},
    ("36 815", "1 234 567"): {"thousands": " "},
    ("31.12.2020", "1.2.2021"): {"date_format": "%d.%m.%Y"},
    ("31/12/2020", "1/2/2021"): {"date_format": "%d/%m/%Y"},
    ("12/31/2020", "1/2/2021"): {"date_format": "%m/%d/%Y"},
    ("2020/12/31", "2021/1/2"): {"date_format": "%Y/%m/%d"},
}


def found(texts, format=STANDARD):
    return find(pa.array(texts), np.ones(len(texts), np.int64), format)


@pytest.mark.parametrize("texts", EXAMPLES)
def test_the_format_that_reads_all_is_found_and_does(texts):
    fields = EXAMPLES[texts]
    each = best(found(texts), len(texts))
    assert dict(each.fields) == fields
    format = ValueFormat(**fields)
    parsed = (
        parse_dates(pa.array(texts), format.date_format)
        if "date_format" in fields
        else parse_numbers(pa.array(texts), format)
    )
    assert parsed[1].all()
    assert found(texts, format)[each.hint] == 0


def test_a_format_of_fewer_than_half_is_none():
    assert best(found(["1,5", "a", "b"]), 3) is None
    assert best(found(["1,5", "a"]), 2) is not None
    assert found(["red", "blue", "x1,5"]) == {}
