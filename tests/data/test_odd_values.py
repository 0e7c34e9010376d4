"""Values that are read alike whatever stands beside them: marks of numbers, signs, truth values as labels."""

import json

import numpy as np
import pytest

from chainrule.data import records
from chainrule.data.dataset import load_dataset
from chainrule.data.description import describe
from chainrule.data.lookalikes import best
from chainrule.wire.errors import InvalidData


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("size", [None, 64])
@pytest.mark.parametrize("data", [{"decimal": ","}, {"decimal": ",", "thousands": "."}])
def test_a_number_of_json_is_itself_beside_texts_with_other_marks(csv, job, monkeypatch, data, size):
    if size:
        monkeypatch.setattr(records, "CHUNK_BYTES", size)
    rows = [{"c": 1.125 if i % 3 else "2,5", "y": "ab"[i % 2]} for i in range(40)]
    _, shards = load_dataset(job(csv(lines(rows), "r.jsonl"), label="y", data=data | {"scaling": "none"}))
    found = np.concatenate([part for shard in shards for part in (shard.X, shard.validation_X)])
    assert set(found[:, 0]) == {np.float32(1.125), np.float32(2.5)}


def test_a_column_with_a_sign_takes_no_number_without_it_in_any_file_or_block(csv, job, tmp_path, monkeypatch):
    (tmp_path / "rows").mkdir()
    signed, bare = [f"{i}.5%,{'ab'[i % 2]}\n" for i in range(40)], [f"0.{i},{'ab'[i % 2]}\n" for i in range(20)]
    (tmp_path / "rows/a.csv").write_text("c,y\n" + "".join(signed))
    (tmp_path / "rows/b.csv").write_text("c,y\n" + "".join(bare))
    for source in (tmp_path / "rows", csv("c,y\n" + "".join(signed + bare))):
        for size in (records.CHUNK_BYTES, 64):
            monkeypatch.setattr(records, "CHUNK_BYTES", size)
            with pytest.raises(InvalidData, match=r"column 'c' is '0\.0', not a number with %"):
                load_dataset(job(source, label="y"))


def test_truth_values_are_two_classes_in_the_words_that_most_rows_have(csv, job):
    words = ["True", "true", "True", "FALSE", "false", "FALSE"]
    source = csv([("x", "y"), *((i, words[i % 6]) for i in range(60))])
    for loss in ("cross_entropy", "binary_cross_entropy"):
        assert load_dataset(job(source, label="y", loss=loss))[0].classes == ("FALSE", "True")


def test_digits_may_be_dates_in_the_format_of_the_job(csv, job):
    source = csv([("d", "y"), *((f"202001{i % 28 + 1:02}", "ab"[i % 2]) for i in range(40))])
    summary, _ = load_dataset(job(source, label="y", data={"date_format": "%Y%m%d"}))
    assert [encoder.kind for encoder in summary.encoders] == ["date"]
    assert load_dataset(job(source, label="y"))[0].encoders[0].kind == "number"


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (["0,125", "0,132", "1,250"], 'data.decimal = ","'),
        (["02/01/2020 12:05", "13/2/2021 9:30"], 'data.date_format = "%d/%m/%Y %H:%M"'),
        (["13/2/05", "1/12/99"], 'data.date_format = "%d/%m/%y"'),
    ],
)
def test_other_formats_are_told_apart(csv, texts, hint):
    column = describe(csv([("x", "y"), *((f'"{text}"', i) for i, text in enumerate(texts * 5))])).columns["x"]
    assert best(column.survey.others, column.survey.present).hint == hint


def test_a_key_of_json_that_is_not_unicode_is_refused_by_its_row(csv):
    with pytest.raises(InvalidData, match="row 2 has a key that is not Unicode text"):
        describe(csv('{"y": 2}\n{"\\ud800": 3, "y": 4}\n', "r.jsonl"))
