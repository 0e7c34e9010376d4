"""How a text file is to be read is found in its first part: the delimiter, and the columns' names."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.faults import Faulty
from chainrule.data.sniffing import guess

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("text", "delimiter", "names"),
    [
        ("Height, cm;Weight, kg;y\n180;75;1\n", ";", ("Height, cm", "Weight, kg", "y")),
        ("Height, cm;Weight, kg;y\n180,5;75,2;1\n170,5;65,2;0\n", ";", ("Height, cm", "Weight, kg", "y")),
        ("a;b\n1.234,5;2\n1.034,5;3\n", ";", ("a", "b")),
        ("a|b,c|y\n1|2|3\n4|5|6\n", "|", ("a", "b,c", "y")),
        ("a|b,c|y\n", "|", ("a", "b,c", "y")),
        ("a\tb\n1\t2\n", "\t", ("a", "b")),
        ("Name\tTown\nSmith, John\tLondon, UK\nDoe, Jane\tParis, FR\n", "\t", ("Name", "Town")),
        ("a b c\n1 2 3\n4 5 6\n", " ", ("a", "b", "c")),
        ("a b \n1 2 \n4 5 \n", " ", ("a", "b", "Unnamed: 2")),
        ("x,y\n1 2,3 4\n5 6,7 8\n", ",", ("x", "y")),
        ("a,b\r\n1,2\r\n3,4\r\n", ",", ("a", "b")),
        ("\r\n\r\na,b\r\n1,2\r\n", ",", ("a", "b")),
        ('"a;1";"b"\n"x;\ny";2\n"z";3\n', ";", ("a;1", "b")),
        ('name,note\nann,"one\ntwo, three"\nbob,"say ""hi"", then go"\n', ",", ("name", "note")),
        ('a,b\n1,5" pipe\n2,3" pipe\n', ",", ("a", "b")),
        ("when,x\n2020-01-01 10:00:00,1\n2020-01-02 11:00:00,2\n", ",", ("when", "x")),
        ("when;x\n01.02.2020 10:00;1,5\n02.02.2020 11:00;2,5\n", ";", ("when", "x")),
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n", ",", ("a", "b", "c")),
        ("a,b\n1,2\n3\n", ",", ("a", "b")),
        ("id;size;name\nx;1,5;a\ny;22,75;b\n", ";", ("id", "size", "name")),
        ("size;word\n1337806,1016;medium\n107297,3511;medium\n", ";", ("size", "word")),
        ("a;b;c;d\ntrue;2020-01-01;red;1,25\nfalse;2020-01-02;blue;3,75\n", ";", ("a", "b", "c", "d")),
        ("191 365\n189 372\n", " ", None),
        ("text,y\none; two,1\nthree; four,0\n", ",", ("text", "y")),
        ("sep=;\na,1;b\n1;2\n", ";", ("a,1", "b")),
        ('"SEP=|"\r\na|b\r\n1|2\r\n', "|", ("a", "b")),
        ("sep=\t\na\tb\n1\t2\n", "\t", ("a", "b")),
        (" a , b,\tc\n1,2,3\n", ",", ("a", "b", "c")),
        (",a,b\n0,1.5,2\n1,2.5,3\n", ",", ("Unnamed: 0", "a", "b")),
        ("a,,b\n1,2,3\n", ",", ("a", "Unnamed: 1", "b")),
        ("a,b,\n1,2,\n3,4,\n", ",", ("a", "b", "Unnamed: 2")),
        ("a,b,\n1,2\n3,4\n", ",", ("a", "b")),
    ],
)
def test_the_delimiter_and_the_names_are_found(text, delimiter, names):
    found = guess(text)
    assert (found.delimiter, found.header) == (delimiter, names is not None), found.reasons
    assert names is None or found.names == names


def test_a_first_line_that_names_the_delimiter_is_skipped():
    found = guess("sep=;\na;b\n1;2\n")
    assert (found.skipped, found.reasons[0]) == (1, "delimiter ';': the first line says so")
    assert guess("a;b\n1;2\n").skipped == 0


def test_rows_that_end_in_a_delimiter_which_the_header_lacks_have_a_value_more():
    found = guess("a,b\n1,2,\n3,4,\n")
    assert (found.surplus, found.names) == (True, ("a", "b"))
    assert not guess("a,b,\n1,2,\n3,4,\n").surplus
    assert not guess("a,b\n1,2,\n3,4,5\n").surplus


@pytest.mark.parametrize(
    "text",
    ["price\n1\n2\n", "Height, cm\n180\n175\n", "city\nNew York\nLos Angeles\nBonn\n", "when\n2020-01-01 10:30\n"],
)
def test_a_file_of_one_column_has_a_delimiter_that_splits_no_line(text):
    found = guess(text)
    assert found.names == (text.split("\n")[0],)
    assert found.delimiter not in text


@pytest.mark.parametrize(
    "text",
    [
        "a    b\n1    2\n10   20\n",
        "  1 2\n 10 20\n100 30\n",
        '18.0   8   307.0\t"chevrolet chevelle"\n15.0   8   350.0\t"buick"\n',
        "x     y\n1,5   2,5\n3,25  4,5\n",
    ],
)
def test_a_table_that_is_aligned_by_blanks_is_refused_by_name(text):
    with pytest.raises(Faulty) as caught:
        guess(text)
    assert "columns are aligned by blanks; save it with a delimiter" in caught.value.fault.problem


@pytest.mark.parametrize(
    "text",
    [
        "a,   b\n1,   2\n10,  20\n",
        "red,   big\nblue,  small\n",
        "39, State-gov, 77516, <=50K\n50, Private, 83311, <=50K\n",
        "red, big\nblue, small\n",
    ],
)
def test_blanks_behind_a_delimiter_align_no_table(text):
    assert guess(text).delimiter == ","


@pytest.mark.parametrize("text", ["", "\n\r\n", "sep=;\n", "  \n"])
def test_a_file_without_a_value_is_refused(text):
    with pytest.raises(Faulty, match="it is empty"):
        guess(text)


def test_a_column_of_dates_with_times_is_one_column():
    found = guess("1990-02-18 12:22:51\n1992-09-20 15:55:36\n")
    assert (found.names, found.header, found.delimiter) == (("f0",), False, ",")


def test_what_is_given_is_kept():
    assert guess("a;b,c\n1;2,3\n", delimiter=",").names == ("a;b", "c")
    assert guess("a,b\n1,2\n", header=False).names == ("f0", "f1")
    assert guess("1,2\n3,4\n", header=True).names == ("1", "2")
    assert guess("a\n1,5\n2,5\n", decimal=",").names == ("a",)
    assert guess('a,b\n"1,5","2,5"\n', decimal=",").names == ("a", "b")
    assert guess("sep=;\na,b\n1,2\n", delimiter=",").names == ("a", "b")


def test_a_last_row_that_is_cut_off_does_not_count():
    whole = "a,b,c\n" + "1,2,3\n" * 20
    for cut in range(len("a,b,c\n1,2,3\n"), len(whole)):
        assert guess(whole[:cut]).names == ("a", "b", "c")
    quoted = 'a,b\n1,"x\ny"\n2,"z\nw"\n3,"u, v, w\nx'
    assert guess(quoted).names == ("a", "b")
    assert guess('a,b,"c\n' + "x" * 10, header=True).names[:2] == ("a", "b")


def test_a_guess_says_why():
    reasons = guess("a;b;c\n" + "x;2;3\n" * 19).reasons
    assert reasons == (
        "delimiter ';': 20 of 20 lines have 3 values",
        "first line is the header: column 2 holds numbers below it",
    )
    assert guess("a,b\n1,2\n", ",", True).reasons == ("delimiter ',': it is given",)


def test_wide_and_long_rows_are_split_once_and_in_time():
    wide = ",".join(f"column{i}" for i in range(80_000)) + "\n" + ",".join("1" * 80_000) + "\n"
    assert len(guess(wide).names) == 80_000
    assert guess('a,b\n1,"' + "w" * (1 << 20)).names == ("a", "b")


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
numbers = st.floats(-1e6, 1e6).map(lambda number: f"{number:.3f}")


@given(st.sampled_from(",;\t|"), st.lists(st.tuples(words, numbers, numbers), min_size=3, max_size=30), st.booleans())
def test_a_table_that_csv_writes_is_split_as_csv_reads_it(delimiter, rows, crlf):
    file = io.StringIO()
    table = [("word", "first", "second"), *rows]
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n" if crlf else "\n").writerows(table)
    found = guess(file.getvalue())
    assert (found.delimiter, found.header, found.names) == (delimiter, True, table[0])


@pytest.mark.parametrize(
    ("name", "header", "columns"), [("adult.data", False, 15), ("california_housing.csv", True, 10)]
)
def test_real_files_are_read_as_they_are_meant(name, header, columns):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not there")
    text = (DATA / name).read_text()
    for length in (1 << 20, 5_000, 1_000):
        found = guess(text[:length])
        assert (found.delimiter, found.header, len(found.names)) == (",", header, columns), found.reasons
