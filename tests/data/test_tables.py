import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.tables import numbers, read_csv
from chainrule.wire.errors import InvalidData


def matrix(source):
    table, _ = read_csv(source)
    return numbers(table, table.column_names, source)


def refusal(source):
    """The one sentence in which a file is refused; it names the file."""
    with pytest.raises(InvalidData) as caught:
        matrix(source)
    sentence = str(caught.value)
    assert source in sentence
    assert "\n" not in sentence
    return sentence


floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(st.lists(st.tuples(floats32, st.integers(-(2**53), 2**53), st.booleans()), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_text("f,i,b\n" + "".join(f"{f!r},{i},{str(b).lower()}\n" for f, i, b in rows))
    np.testing.assert_array_equal(matrix(str(path)), np.array(rows, dtype=np.float64))


def test_the_hash_is_that_of_the_files_bytes(csv):
    source = csv("a\n1\n")
    assert read_csv(source)[1] == hashlib.sha256(Path(source).read_bytes()).hexdigest()


def test_a_file_may_be_named_by_its_uri(csv):
    source = csv("a,b\n1,2\n")
    assert matrix(Path(source).as_uri()).tolist() == [[1, 2]]


def test_columns_come_in_the_order_that_is_asked_for(csv):
    table, _ = read_csv(csv("a,b,c\n1,2,3\n"))
    assert numbers(table, ["c", "a"], "rows").tolist() == [[3, 1]]


def test_a_column_that_turns_into_fractions_late_in_a_large_file_is_read(csv):
    source = csv("a\n" + "1\n" * 700_000 + "1.5\n")
    assert matrix(source)[-1] == 1.5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n3,x\n", ("row 2", "column 'b'", "'x'", "not a number")),
        ("a,b\n1,2\n3,\n", ("row 2", "column 'b'", "empty")),
        ("a,b\n1,2\n3,NaN\n", ("row 2", "column 'b'", "NaN")),
        ("a,b\n1,2\n3,NA\n", ("row 2", "column 'b'", "NA")),
        ("a,b\n1,2\n3,inf\n", ("row 2", "column 'b'", "inf", "finite")),
        ("a,b\n1,2\n3,-inf\n", ("row 2", "column 'b'", "-inf", "finite")),
        ("a,b\n1,2\n3,1e300\n", ("row 2", "column 'b'", "1e+300", "float32")),
        ("a,b\n1,2\n3,3.5e38\n", ("row 2", "column 'b'", "3.5e+38", "float32")),
        ("a,b\n1,\n3,\n", ("row 1", "column 'b'")),
        ("a,b\n1,2020-01-02\n", ("row 1", "column 'b'", "not a number")),
        ("a,b\n1,2\n3,caf\xe9\n".encode("latin-1"), ("row 2", "column 'b'", "not a number")),
        ("a,b,a\n1,2,3\n", ("more than one column named 'a'",)),
        ("a,b\n", ("has no rows",)),
        ("", ("not a CSV file", "mpty")),
        ("\n\n", ("not a CSV file",)),
        ("a,b\n1,2\n3\n", ("row 2 has 1 values", "header line 2")),
        ("a,b\n1,2\n3,4,5\n", ("row 2 has 3 values", "header line 2")),
    ],
)
def test_bad_data_is_refused_with_its_place(csv, content, said):
    sentence = refusal(csv(content))
    assert [part for part in said if part not in sentence] == [], sentence


@pytest.mark.parametrize("row", ["3\n", "3,4,5\n"])
def test_a_row_of_another_length_is_refused_with_its_number(csv, row):
    assert "row 2" in refusal(csv("a,b\n1,2\n" + row)).lower().replace("#", "")


def test_a_header_that_is_not_utf8_is_refused(csv):
    assert "UTF" in refusal(csv("caf\xe9,b\n1,2\n".encode("latin-1"))).upper()


def test_a_missing_file_is_refused(tmp_path):
    assert "No such file" in refusal(str(tmp_path / "nothing.csv"))


def test_a_folder_is_refused(tmp_path):
    assert "directory" in refusal(str(tmp_path))


def test_a_place_that_nobody_knows_is_refused():
    assert "unknown://rows.csv" in refusal("unknown://rows.csv")


def test_a_missing_column_is_refused():
    with pytest.raises(InvalidData, match="the rows has no column 'b'"):
        numbers(pa.table({"a": [1]}), ["a", "b"], "the rows")
