"""What is wrong in JSON lines, and what only seems to be."""

import json

import pytest

from chainrule.data import records
from chainrule.data.blocks import Inline, read_source
from chainrule.data.fragments import Dialect
from chainrule.data.tables import plain
from chainrule.wire.errors import InvalidData


def blocks_of(path):
    return read_source(path, Dialect(), (), Inline(), None)[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1}\n{"a": "x"}\n', "row 2, column 'a' is a string, where rows before have a number"),
        ('{"a": 1}\n{"a":\n', "row 2 is not JSON"),
        ('{"a": [1, 2]}\n', "column 'a' holds values of type list"),
        ('{"a": 1}\n{"a": ' + "[" * 40_000 + "]" * 40_000 + "}\n", "row 2 is nested deeper than 1,000 levels"),
        ('{"a": 1}\n' + '{"b":' * 40_000 + "1" + "}" * 40_000, "row 2 is nested deeper than 1,000 levels"),
        ('{"a": 1e300}\n', "row 1, column 'a' is 1e+300"),
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
