import json
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from chainrule.data.description import describe
from chainrule.data.fragments import Dialect
from chainrule.wire.errors import InvalidData


def column(description, name):
    return next(each for each in description.report()["columns"] if each["name"] == name)


def test_each_column_is_told_by_kind_range_and_values(csv):
    rows = [(i, i / 2 if i % 4 else "", "red" if i % 3 else "?", f"2020-01-{i + 1:02}") for i in range(20)]
    description = describe(csv([("n", "x", "colour", "day"), *rows]))
    assert (description.rows, description.format) == (20, "csv")
    assert column(description, "n") | {"values": None} == {
        **{"name": "n", "kind": "number", "type": "number", "whole": True, "missing": 0, "low": 0, "high": 19},
        **{"different": 20, "values": None},
    }
    assert column(description, "x") == {
        **{"name": "x", "kind": "number", "type": "number", "whole": False, "missing": 5, "low": 0.5, "high": 9.5},
        **{"different": 15},
    }
    assert column(description, "colour") == {
        **{"name": "colour", "kind": "category", "type": "text", "whole": False, "missing": 7},
        **{"different": 1, "values": {"red": 13}},
    }
    assert column(description, "day")["kind"] == "date"
    assert json.dumps(description.report())


@pytest.mark.parametrize(
    ("content", "reading", "names"),
    [
        ("1,a\n2,b\n", (",", False), ["f0", "f1"]),
        ("x;y\n1;a\n", (";", True), ["x", "y"]),
        ("1;a\n", (";", False), ["f0", "f1"]),
        ("x\ty\n1\ta\n", ("\t", True), ["x", "y"]),
        ('"a,b",c\n1,2\n', (",", True), ["a,b", "c"]),
        ("x\n1\n", (",", True), ["x"]),
    ],
)
def test_how_text_is_to_be_read_is_guessed(csv, content, reading, names):
    description = describe(csv(content))
    assert (description.dialect.delimiter, description.dialect.header) == reading
    assert list(description.columns) == names
    assert description.reasons


def test_other_formats_need_no_guess(tmp_path):
    np.save(tmp_path / "m.npy", np.arange(6).reshape(3, 2))
    description = describe(str(tmp_path / "m.npy"))
    assert (description.rows, description.format, list(description.columns)) == (3, "npy", ["x0", "x1"])


def test_what_cannot_be_read_is_refused(csv, tmp_path):
    with pytest.raises(InvalidData, match="has no rows"):
        describe(csv("a,b\n"))
    with pytest.raises(InvalidData, match="No such file"):
        describe(str(tmp_path / "none.csv"))


def test_whether_numbers_rise_from_row_to_row_is_known(tmp_path):
    rows = [(i * i, 5 - i, str(9 - i), i / 2) for i in range(5)]
    lines = [json.dumps(dict(zip("abcd", row, strict=True))) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    columns = describe(str(tmp_path / "a.jsonl")).columns
    assert [name for name, each in columns.items() if each.ascending] == ["a"]


def test_columns_of_one_name_are_told(csv):
    description = describe(csv([("x", "y", "x"), (1, 2, 3), (4, 5, 6)]))
    assert description.columns["x"].problem == "has the same name as another column: 'x'"
    assert description.columns["y"].problem == ""


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["1", "2", "inf"], "row 3, column 'x' is inf, which is not a finite float32 number"),
        (["1", "1e39", "2"], "row 2, column 'x' is 1e+39, which is not a finite float32 number"),
    ],
)
def test_numbers_that_no_job_takes_are_told_as_the_job_tells_them(csv, values, problem):
    path = csv([("x", "y"), *((value, 1) for value in values)])
    assert describe(path).columns["x"].problem == f"{path}: {problem}"


def test_dates_far_away_have_their_days(tmp_path, csv):
    days = [date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
    since_1970 = [day.toordinal() - date(1970, 1, 1).toordinal() for day in days]
    types = [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us")]
    columns = {str(kind): pa.array(days).cast(kind) for kind in types}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    texts = describe(csv([("text",), *((day.isoformat(),) for day in days)])).columns
    for column in describe(str(tmp_path / "a.parquet")).columns.values():
        assert (column.kind, column.survey.low, column.survey.high) == ("date", since_1970[0], since_1970[2])
    assert texts["text"].kind == "date"


def test_text_in_an_array_that_is_no_utf8_is_a_problem_of_its_column(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([b"\xff\xfe", b"a", b"c"]), y=np.arange(3))
    description = describe(str(tmp_path / "a.npz"))
    assert description.columns["x"].problem
    assert description.columns["y"].kind == "number"


def test_times_of_day_are_parts_of_it_in_every_unit(tmp_path):
    ticks = {pa.time32("s"): 1, pa.time32("ms"): 10**3, pa.time64("us"): 10**6, pa.time64("ns"): 10**9}
    columns = {str(kind): pa.array([0, 21_600 * unit], kind) for kind, unit in ticks.items()}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    for column in describe(str(tmp_path / "a.parquet")).columns.values():
        assert (column.kind, column.survey.low, column.survey.high) == ("time", 0, 0.25)


def test_a_column_that_a_later_file_lacks_is_a_problem(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,z\n1,2\n")
    columns = describe(str(tmp_path)).columns
    assert columns["x"].problem == f"{tmp_path}/b.csv has no column 'x', which {tmp_path}/a.csv has"
    assert (columns["y"].problem, columns["z"].problem) == ("", "")


def test_names_and_encodings_that_are_not_what_they_should_be_are_refused(csv, tmp_path):
    with pytest.raises(InvalidData, match=r"is not UTF-16 text: UTF-16 stream does not start with BOM"):
        describe(csv("x,y\n1,2\n"), Dialect(encoding="utf-16"))
    for source in ("\udcff.csv", str(tmp_path / "\udcff.csv")):
        with pytest.raises(InvalidData, match="is not UTF-8 text"):
            describe(source)


def test_texts_that_no_float32_holds_are_a_problem_of_numbers_alone(tmp_path):
    columns = {"x": ["1", None, "1e39", "4"], "word": ["a", "b", "c", "inf"], "y": ["1.5", "2", "3", "4"]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    described = describe(str(tmp_path / "a.parquet")).columns
    assert described["x"].problem.endswith("row 3, column 'x' is 1e+39, which is not a finite float32 number")
    assert (described["word"].problem, described["y"].problem) == ("", "")


def test_lists_of_which_the_first_are_missing_are_told(tmp_path):
    table = pa.table({"x": pa.array([None, None, [1], [2]]), "y": [1, 2, 3, 4]})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert "list<" in describe(str(tmp_path / "a.parquet")).columns["x"].problem
