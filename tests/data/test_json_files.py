"""What is wrong in JSON lines, and what only seems to be."""

import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import json_files, records
from chainrule.data.blocks import Inline, read_source
from chainrule.data.files import find_files
from chainrule.data.fragments import ALL, Dialect, Selection
from chainrule.data.json_rows import table_of_objects
from chainrule.data.tables import plain
from chainrule.wire.errors import InvalidData


def tables_of(path, as_text=()):
    """The tables that the reader makes of a file."""
    (file,) = find_files(str(path), (".jsonl",))
    fragments = list(json_files.plan(file, Dialect(), None))
    return [
        table
        for part in fragments
        for table in json_files.read(replace(part, selection=Selection(text=frozenset(as_text))), Dialect())
    ]


def columns_of(path, as_text=()):
    return pa.concat_tables(tables_of(path, as_text), promote_options="permissive").to_pydict()


def blocks_of(path):
    return read_source(str(path), Dialect(), ALL, Inline(), None).blocks


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1}\n5\n', "row 2 is not JSON with an object in each row, but a number"),
        ('[{"a": 1}, "x"]', "row 2 is not JSON with an object in each row, but a string"),
        ("[[1, 2], [3, 4]]", "row 1 is not JSON with an object in each row, but an array"),
        ('[{"a": 1}, {"a": 2}', "is not a whole JSON file: its array is never closed"),
        ('[{"a": 1}, {"a": ', "row 2 is not JSON"),
        ('[{"a": 1}] more', "is not JSON: more stands behind the end of its array"),
        ('[{"a": 1},\n{"a": 2, oops}]', "row 2 is not JSON"),
        ('{"a": 1}\n{"a": 2}}\n', "row 3 is not JSON"),
        ('{"a": 1}\n{"a": "caf\xe9"}\n'.encode("latin-1"), "row 2 is not UTF-8 text"),
        ('[{"a": 1}, {"a": "caf\xe9"}]'.encode("latin-1"), "row 2 is not UTF-8 text"),
        ('{"a": 1}\n'.encode("utf-16"), "is UTF-16 text, not UTF-8"),
        ('{"a": "x"}\n{"a": "\\ud800"}\n', "row 2, column 'a' is not Unicode text"),
        ("[{\n" + '"b":[' * 40_000 + "]" * 40_000 + "}]", "row 1 is nested deeper than 1,000 levels"),
        ("[]", "has no rows"),
        ('{"a": 1}\n{"a":\n', "row 2 is not JSON"),
        ('{"a": 1}\n{"a": ' + "[" * 40_000 + "]" * 40_000 + "}\n", "row 2 is nested deeper than 1,000 levels"),
        ('{"a": 1}\n' + '{"b":' * 40_000 + "1" + "}" * 40_000, "row 2 is nested deeper than 1,000 levels"),
        ("", "has no rows"),
    ],
)
def test_bad_json_is_refused_with_its_place(csv, content, said):
    with pytest.raises(InvalidData) as caught:
        blocks_of(csv(content, "rows.jsonl"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_of_json_may_leave_out_what_is_missing(csv, monkeypatch):
    monkeypatch.setattr(records, "CHUNK_BYTES", 8)
    blocks = blocks_of(csv('{"a": 1}\n{"b": 2}\n', "r.jsonl"))
    assert [block.survey.column("a").missing for block in blocks] == [0, 1]


def test_braces_in_texts_of_json_are_no_nesting(csv):
    (block,) = blocks_of(csv(json.dumps({"a": "[{" * 2000}) + "\n", "r.jsonl"))
    assert plain(block.handle).to_pydict() == {"a": ["[{" * 2000]}


KINDS = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "lines, no end": lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
    "array": json.dumps,
    "array, minified": lambda rows: json.dumps(rows, separators=(",", ":"), ensure_ascii=False),
    "array, pretty": lambda rows: json.dumps(rows, indent=2) + "\n",
    "objects, pretty": lambda rows: "\r\n".join(json.dumps(row, indent="\t") for row in rows),
    "array, with a byte order mark": lambda rows: "\ufeff \n" + json.dumps(rows, indent=1),
}
texts = st.text(st.sampled_from('ab\\"{}[],: \né€'), max_size=8)
ROW = st.fixed_dictionaries(
    {
        "n": st.integers(-(2**63), 2**63 - 1),
        "f": st.floats(allow_nan=False, allow_infinity=False),
        "t": texts,
        "b": st.booleans(),
        "l": st.lists(st.integers(0, 9), min_size=1, max_size=2),
        "d": st.sampled_from(["2020-01-01", "2021-12-31T10:00:00Z"]),
    },
    optional={"o": texts, "é": st.integers(0, 9)},
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
@settings(max_examples=10, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=8), size=st.integers(50, 400))
def test_rows_come_back_however_they_are_written(tmp_path_factory, kind, name, rows, size):
    path = tmp_path_factory.mktemp("json") / name
    content = KINDS[kind](rows).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "CHUNK_BYTES", size)
        patch.setattr(json_files, "FIRST_BYTES", 300)
        columns = columns_of(path)
    names = {name: None for row in rows for name in row}
    assert columns == {name: [row.get(name) for row in rows] for name in names}


def test_pieces_hold_whole_objects_and_few_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "CHUNK_BYTES", 64)
    rows = [{"a": number, "t": "}],["} for number in range(50)]
    for kind, write in KINDS.items():
        (tmp_path / "r.jsonl").write_text(write(rows))
        sizes = [table.num_rows for table in tables_of(tmp_path / "r.jsonl")]
        assert len(sizes) >= 15, kind
        assert (sum(sizes), max(sizes) <= 5) == (50, True)


def test_texts_that_look_like_dates_stay_texts(tmp_path, monkeypatch):
    lines = ['{"b": 1, "a": "2020-01-01"}', '{"b": 2, "a": "x"}', '{"b": 3}', '{"c": "2020-01-01 10:00:00", "b": 4}']
    (tmp_path / "r.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(records, "CHUNK_BYTES", 48)
    tables = tables_of(tmp_path / "r.jsonl")
    assert len(tables) > 1
    assert tables[0].column_names == ["b", "a"]
    assert {field.type for table in tables for field in table.schema} <= {pa.int64(), pa.string(), pa.null()}
    assert columns_of(tmp_path / "r.jsonl")["a"] == ["2020-01-01", "x", None, None]


def test_columns_come_as_text_in_the_words_of_the_file(tmp_path):
    lines = [
        '{"i": 12345678901234567890, "f": 1.50, "e": -1E5, "b": true, "s": "x", "n": null, "k": 7, "z": -0}',
        '{"i": 7, "f": 2, "e": 0.10, "b": false, "s": "2020-01-01", "n": null, "k": 8, "z": 0}',
        '{"i": null, "f": -0.0, "e": 3, "b": null, "s": null, "n": null, "k": 9, "z": 1}',
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    expected = {
        "i": ["12345678901234567890", "7", None],
        "f": ["1.50", "2", "-0.0"],
        "e": ["-1E5", "0.10", "3"],
        "b": ["true", "false", None],
        "s": ["x", "2020-01-01", None],
        "n": [None, None, None],
        "k": ["7", "8", "9"],
        "z": ["-0", "0", "1"],
    }
    assert columns_of(tmp_path / "r.jsonl", tuple(expected)) == expected
    for name, values in expected.items():
        (table,) = tables_of(tmp_path / "r.jsonl", (name, "not there"))
        assert table.column_names == list(expected)
        assert (table[name].type, table[name].to_pylist()) == (pa.string(), values)
        assert name == "k" or table["k"].to_pylist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", '"x"', "null"], ["1", "x", None]),
        (["1.50", "true"], ["1.50", "true"]),
        (["true", '"true"'], ["true", "true"]),
        (["[1, 2.0]", "3"], ["[1, 2.0]", "3"]),
        (['{"b": [1e5, "y"]}', '"x"'], ['{"b": [1e5, "y"]}', "x"]),
        (['{"b": 1}', "[1]"], ['{"b": 1}', "[1]"]),
        (['[1, "x"]', "null"], ['[1, "x"]', None]),
        (["1", "1e400"], [1.0, float("inf")]),
        (["12345678901234567890", "null"], [12345678901234567890.0, None]),
    ],
)
def test_a_column_of_several_kinds_is_text_in_the_words_of_the_file(tmp_path, values, expected):
    (tmp_path / "r.jsonl").write_text("".join(f'{{"k": 1, "a": {value}}}\n' for value in values))
    assert columns_of(tmp_path / "r.jsonl") == {"k": [1] * len(values), "a": expected}


def test_nested_values_fail_no_file(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"a": [1, 2], "b": {"c": "x"}, "d": 1}\n{"a": [3], "b": null, "d": "y"}\n')
    assert columns_of(tmp_path / "r.jsonl") == {"a": [[1, 2], [3]], "b": [{"c": "x"}, None], "d": ["1", "y"]}


def test_of_a_key_that_comes_twice_the_last_value_holds(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"a": 1, "b": 5, "a": 2}\n{"a": 3}\n')
    assert columns_of(tmp_path / "r.jsonl") == {"a": [2, 3], "b": [5, None]}


def test_objects_without_a_value_are_rows(tmp_path):
    (tmp_path / "r.jsonl").write_text("{}\n{}\n")
    assert [table.num_rows for table in tables_of(tmp_path / "r.jsonl")] == [2]
    assert table_of_objects(b"{}\n{}").num_rows == 2
    assert table_of_objects(b'{"": 1}').to_pydict() == {"": [1]}


@given(st.lists(ROW, min_size=1, max_size=6))
def test_python_and_arrow_read_the_same(rows):
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    told, arrow = table_of_objects(content), json_files._Parser(()).parse(content)
    assert told.column_names == arrow.column_names
    for name in told.column_names:
        assert told[name].to_pylist() == arrow[name].to_pylist()
        assert pa.types.is_nested(told[name].type) or told[name].type == arrow[name].type


def test_a_bad_object_of_an_array_is_told_by_its_place_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "CHUNK_BYTES", 64)
    rows = [f'{{"x": {i}}}' for i in range(100)]
    (tmp_path / "r.jsonl").write_text("[" + ",\n".join([*rows[:76], '{"x": oops}', *rows[76:]]) + "]")
    with pytest.raises(InvalidData, match=r"r\.jsonl: row 77 is not JSON"):
        blocks_of(tmp_path / "r.jsonl")
