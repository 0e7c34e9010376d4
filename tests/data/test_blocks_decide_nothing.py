"""What a file's columns are, and what is wrong in it, does not depend on where its rows are cut into blocks."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import csv_files, records
from chainrule.data.dataset import load_dataset
from chainrule.wire.errors import ChainruleError

CELLS = {
    "numbers": ["1", "2.5", "-3e2", "+7", "007", "1.", ".5", "inf", "1e39"],
    "words": ["u", "v", "TRUE", "false", "12:30", "2020-01-05", "5%", "$7", "1,5", "1_2", "0x1F", "NA ", " u"],
    "missing": ["", "NA", '"NA"', "?", "nan", "NaN"],
}
cells = st.one_of(*(st.sampled_from(values) for values in CELLS.values()))
columns = st.one_of(
    st.lists(cells, min_size=12, max_size=12),
    *(st.lists(st.sampled_from([*values, "", "NA"]), min_size=12, max_size=12) for values in CELLS.values()),
)


def outcome(spec):
    """Return what is decided of a job's data, or the sentence that refuses it."""
    try:
        summary, _ = load_dataset(spec)
    except ChainruleError as error:
        return str(error).partition(" is ")[0]  # JSON numbers are texts where others of their block are
    kinds = [(each.kind, getattr(each, "levels", None), getattr(each, "sign", "")) for each in summary.encoders]
    return kinds, summary.classes, summary.columns, summary.warnings, summary.reading


def cut(spec, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "CHUNK_BYTES", size)
        patch.setattr(csv_files, "PARSED_BYTES", size)
        return outcome(spec)


@settings(max_examples=40)
@given(
    columns,
    columns,
    st.sampled_from(["cross_entropy", "mse", "binary_cross_entropy"]),
    st.sampled_from(["refuse", "median"]),
    st.sampled_from([None, "category"]),
    st.sampled_from([30, 60, 120]),
)
def test_a_csv_file_is_the_same_in_any_blocks(job, tmp_path_factory, first, labels, loss, missing, kind, size):
    path = tmp_path_factory.mktemp("cut") / "rows.csv"
    lines = [
        f"{i},{a if ',' not in a else f'{chr(34)}{a}{chr(34)}'},{'u' if ',' in b else b}\n"
        for i, (a, b) in enumerate(zip(first, labels, strict=True))
    ]
    path.write_text("x,c,label\n" + "".join(lines))
    data = {"missing": missing, "missing_label": "drop", "delimiter": ",", "header": True}
    spec = job(path, loss=loss, data=data | ({"kinds": {"c": kind}} if kind else {}))
    assert cut(spec, size) == cut(spec, 1 << 20)


values = st.one_of(
    st.sampled_from([1, 2, -7, 1.5, 1.0, 12345678901234567890]),
    st.sampled_from(["u", "1", "1.0", "true", "2020-01-05", "2020-01-05 00:00:00", "12:30"]),
    st.sampled_from([None, True, False]),
)
some = st.one_of(
    st.lists(values, min_size=12, max_size=12),
    st.lists(st.sampled_from([1, 2.5, None]), min_size=12, max_size=12),
    st.lists(st.sampled_from(["2020-01-05", "2020-01-05 12:30", "u"]), min_size=12, max_size=12),
)


@settings(max_examples=40)
@given(some, some, st.sampled_from([None, "category", "number"]), st.sampled_from([60, 120]), st.booleans())
def test_json_lines_are_the_same_in_any_blocks(job, tmp_path_factory, first, labels, kind, size, array):
    path = tmp_path_factory.mktemp("cut") / "rows.json"
    rows = [{"x": i, "c": a, "label": b} for i, (a, b) in enumerate(zip(first, labels, strict=True))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"missing": "median", "missing_label": "drop"} | ({"kinds": {"c": kind}} if kind else {})
    whole = cut(job(path, data=data), 1 << 20)
    assert cut(job(path, data=data), size) == whole
    if array:
        path.write_text(json.dumps(rows, indent=1))
        assert cut(job(path, data=data), size) == whole
