import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data import records
from chainrule.data.faults import Faulty
from chainrule.data.records import chunks, end_of_rows

cells = st.text(st.sampled_from('ab",\n '), max_size=6)
tables = st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=30)


def written(rows, quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue().encode()


def parsed(data):
    return list(csv.reader(io.StringIO(bytes(data).decode(), newline="")))


def cut(data, size, delimiter=","):
    return [bytes(chunk) for chunk in chunks(io.BytesIO(data).readinto, delimiter, size)]


@given(tables, st.integers(1, 40), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_chunks_are_whole_rows_whatever_stands_between_quotes(rows, size, quoting):
    data = written(rows, quoting)
    parts = cut(data, size)
    assert b"".join(parts) == data
    assert [row for part in parts for row in parsed(part)] == rows


@given(st.binary(max_size=200), st.integers(1, 30), st.sampled_from([",", None]))
def test_any_bytes_come_out_as_they_went_in(data, size, delimiter):
    assert b"".join(cut(data, size, delimiter)) == data


@given(st.lists(st.sampled_from(['5" disk', 'a"b"c', '"x,\ny"', "plain", '"say ""hi"""']), min_size=1, max_size=20))
def test_quotes_within_values_open_nothing(values):
    data = "".join(f"1,{value}\n" for value in values).encode()
    ends = [i + 1 for i in range(len(data)) if end_of_rows(data[: i + 1], ",") == i + 1]
    starts = [0]
    for value in values:
        starts.append(starts[-1] + len(f"1,{value}\n"))
    assert ends == starts[1:]


def test_without_a_delimiter_every_line_is_a_row():
    assert cut(b'"a\n"b\n', 3, None) == [b'"a\n', b'"b\n']


def test_chunks_are_about_as_long_as_asked_for():
    parts = cut(b"1234567\n" * 100, 64)
    assert {len(part) for part in parts} == {64, 32}


def test_a_row_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(records, "LONGEST_ROW", 32)
    with pytest.raises(Faulty, match="is a quote left open"):
        cut(b'1,"' + b"x\n" * 100, 8)


def test_the_end_may_lack_a_line_break():
    assert cut(b"1\n2", 2) == [b"1\n", b"2"]
    assert end_of_rows(b"no end", ",") == 0
