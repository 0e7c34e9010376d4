import json

import numpy as np
import pytest

from chainrule.data.description import describe
from chainrule.data.fragments import Dialect
from chainrule.wire.errors import InvalidData


def column(description, name):
    return next(each for each in description.report()["columns"] if each["name"] == name)


def test_each_column_is_told_by_kind_range_and_values(csv):
    rows = [(i, i / 2 if i % 4 else "", "red" if i % 3 else "?", f"2020-01-{i + 1:02}") for i in range(20)]
    description = describe(csv([("n", "x", "colour", "day"), *rows]))
    assert (description.rows, description.format, description.dialect) == (20, "csv", Dialect())
    assert column(description, "n") | {"values": None} == {
        **{"name": "n", "kind": "number", "type": "whole", "missing": 0, "low": 0, "high": 19},
        **{"different": 20, "values": None},
    }
    assert column(description, "x") == {
        **{"name": "x", "kind": "number", "type": "number", "missing": 5, "low": 0.5, "high": 9.5},
    }
    assert column(description, "colour") == {
        **{"name": "colour", "kind": "category", "type": "text", "missing": 7},
        **{"different": 1, "values": {"red": 13}},
    }
    assert column(description, "day")["kind"] == "date"
    assert json.dumps(description.report())


@pytest.mark.parametrize(
    ("content", "dialect", "names"),
    [
        ("1,a\n2,b\n", Dialect(header=False), ["f0", "f1"]),
        ("x;y\n1;a\n", Dialect(delimiter=";"), ["x", "y"]),
        ("1;a\n", Dialect(delimiter=";", header=False), ["f0", "f1"]),
        ("x\ty\n1\ta\n", Dialect(delimiter="\t"), ["x", "y"]),
        ('"a,b",c\n1,2\n', Dialect(), ["a,b", "c"]),
        ("x\n1\n", Dialect(), ["x"]),
    ],
)
def test_how_text_is_to_be_read_is_guessed(csv, content, dialect, names):
    description = describe(csv(content))
    assert (description.dialect, list(description.columns)) == (dialect, names)


def test_other_formats_need_no_guess(tmp_path):
    np.save(tmp_path / "m.npy", np.arange(6).reshape(3, 2))
    description = describe(str(tmp_path / "m.npy"))
    assert (description.rows, description.format, list(description.columns)) == (3, "npy", ["x0", "x1"])


def test_what_cannot_be_read_is_refused(csv, tmp_path):
    with pytest.raises(InvalidData, match="has no rows"):
        describe(csv("a,b\n"))
    with pytest.raises(InvalidData, match="No such file"):
        describe(str(tmp_path / "none.csv"))
