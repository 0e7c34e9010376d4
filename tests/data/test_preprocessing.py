"""What is fitted to training rows, from files to the network's inputs."""

import json

import numpy as np
import pyarrow as pa
import pytest

from chainrule.data import dataset, records
from chainrule.data.dataset import DatasetSummary, load_dataset
from chainrule.data.tables import tidy
from chainrule.wire.errors import InvalidData

HEADER = ("age", "colour", "born", "label")
COLOURS = ("red", "blue", "green")


@pytest.fixture
def people():
    """Forty rows; some ages are missing, and some colours."""
    return [
        (
            "" if i % 8 == 3 else i * 1.5,
            "?" if i % 10 == 4 else COLOURS[i % 3],
            f"2020-01-{i % 28 + 1:02}",
            "yes" if i % 4 else "no",
        )
        for i in range(40)
    ]


def inputs_of(shards):
    return np.concatenate([shard.X for shard in shards])


def features(summary, shards, name):
    return inputs_of(shards)[:, summary.preprocessing.features.index(name)]


def test_columns_become_features_in_their_order(csv, job, people):
    summary, shards = load_dataset(job(csv([HEADER, *people]), data={"missing": "median"}))
    assert summary.columns == ("age", "colour", "born")
    assert summary.preprocessing.features == (
        *("age", "age is missing", "colour=blue", "colour=green", "colour=red", "colour=(other)", "born"),
    )
    assert summary.network(job("x")).sizes[0] == 7
    assert {shard.X.shape[1] for shard in shards} == {7}


@pytest.mark.parametrize("way", ["median", "mean"])
def test_missing_numbers_are_imputed_from_training_rows(csv, job, people, way):
    data = {"missing": way, "scaling": "none"}
    summary, shards = load_dataset(job(csv([HEADER, *people]), data=data))
    ages, missing = features(summary, shards, "age"), features(summary, shards, "age is missing")
    known = ages[missing == 0].astype(np.float64)
    expected = np.median(known) if way == "median" else known.mean()
    assert 0 < missing.sum() < len(missing)
    np.testing.assert_allclose(ages[missing == 1], expected, rtol=1e-6)


def test_numbers_are_standardised_by_those_that_are_known_and_ones_stay_ones(csv, job, people):
    summary, shards = load_dataset(job(csv([HEADER, *people]), data={"missing": "mean"}))
    known = features(summary, shards, "age")[features(summary, shards, "age is missing") == 0]
    np.testing.assert_allclose([known.mean(), known.std()], [0, 1], atol=1e-6)
    assert set(features(summary, shards, "colour=red")) == {0, 1}


def test_a_missing_number_is_refused_unless_the_job_says_what_to_do(csv, job, people):
    source = csv([HEADER, *people])
    with pytest.raises(InvalidData) as caught:
        load_dataset(job(source))
    assert str(caught.value) == f"{source}: row 4, column 'age' has no number (empty, NA or NaN)"


def test_a_level_that_only_validation_rows_have_is_other(csv, job, people, tmp_path):
    training, validation = csv([HEADER, *people]), csv([HEADER, (1, "pink", "2020-01-01", "yes")], "v.csv")
    summary, shards = load_dataset(job(training, data={"missing": "mean", "validation": validation}))
    place = summary.preprocessing.features.index("colour=(other)")
    assert summary.validation_rows == 1
    assert [x[place] for shard in shards for x in shard.validation_X] == [1]
    assert sum(map(len, (shard.X for shard in shards))) == 40


def test_more_categories_than_the_limit_are_hashed(csv, job, people):
    data = {"missing": "mean", "most_categories": 2, "hash_buckets": 5}
    summary, _ = load_dataset(job(csv([HEADER, *people]), data=data))
    assert [name for name in summary.preprocessing.features if name.startswith("colour")] == [
        *(f"colour#{i}" for i in range(5)),
        "colour=(other)",
    ]


def test_columns_can_be_chosen_and_ignored(csv, job, people):
    source = csv([HEADER, *people])
    assert load_dataset(job(source, data={"columns": ["born", "colour"]}))[0].columns == ("born", "colour")
    assert load_dataset(job(source, data={"ignore": ["age"]}))[0].columns == ("colour", "born")
    for field in ({"columns": ["eyes"]}, {"ignore": ["eyes"]}, {"kinds": {"eyes": "number"}}, {"weight": "eyes"}):
        with pytest.raises(InvalidData, match="has no column 'eyes'; it has age, colour, born, label"):
            load_dataset(job(source, data=field))


def test_a_column_can_be_given_a_kind(csv, job):
    rows = [(i % 3, f"2020-01-{i % 9 + 1:02}", "x" if i % 2 else "y") for i in range(20)]
    source = csv([("code", "day", "label"), *rows])
    kinds = {"code": "category", "day": "category"}
    summary, _ = load_dataset(job(source, data={"kinds": kinds}))
    assert summary.preprocessing.features[:4] == ("code=0", "code=1", "code=2", "code=(other)")
    assert "day=2020-01-09" in summary.preprocessing.features
    with pytest.raises(InvalidData, match=r"row 1, column 'label' is 'y', not a number"):
        load_dataset(job(source, label="code", data={"kinds": {"label": "number"}}))


@pytest.mark.parametrize(("words", "category"), [(9, False), (10, False), (11, True)])
def test_texts_are_numbers_that_went_wrong_where_half_of_them_are_numbers(csv, job, words, category):
    rows = [("word" if i < words else i, "x" if i % 2 else "y") for i in range(20)]
    spec = job(csv([("a", "label"), *rows]))
    if category:
        assert "a=word" in load_dataset(spec)[0].preprocessing.features
    else:
        with pytest.raises(InvalidData, match="row 1, column 'a' is 'word', not a number"):
            load_dataset(spec)


def test_whole_numbers_that_are_not_held_exactly_are_warned_of(csv, job):
    rows = [(2**24 + i, i, i % 2) for i in range(20)]
    summary, shards = load_dataset(job(csv([("id", "x", "label"), *rows])))
    assert summary.warnings == ()
    assert len(np.unique(features(summary, shards, "id"))) == 16  # standardised first, then made float32
    summary, _ = load_dataset(job(csv([("id", "x", "label"), *rows]), data={"scaling": "none"}))
    assert len(summary.warnings) == 1
    assert "column 'id' has whole numbers beyond ±16,777,216" in summary.warnings[0]
    rows = [(2**53 + 2 * i, i, i % 2) for i in range(20)]
    assert "float64" in load_dataset(job(csv([("id", "x", "label"), *rows])))[0].warnings[0]


def test_min_max_is_fitted_on_training_rows(csv, job, people):
    summary, shards = load_dataset(job(csv([HEADER, *people]), data={"missing": "mean", "scaling": "min_max"}))
    born = features(summary, shards, "born")
    assert (born.min(), born.max()) == (0, 1)


def test_raw_rows_in_any_order_of_columns_become_what_was_trained_on(csv, job, people):
    spec = job(csv([HEADER, *people]), data={"missing": "median", "validation_fraction": 0}, shards=1)
    summary, (shard,) = load_dataset(spec)
    summary = DatasetSummary.from_document(json.loads(json.dumps(summary.document())))
    rows = [dict(zip(HEADER, map(str, row), strict=True)) for row in people]
    table = tidy(pa.Table.from_pylist(rows).select(["colour", "label", "born", "age"]))
    X = summary.preprocessing.apply(table)
    assert sorted(map(tuple, X.tolist())) == sorted(map(tuple, shard.X.tolist()))


def test_the_bits_of_shards_do_not_depend_on_who_makes_them(csv, job, people, monkeypatch):
    spec = job(csv([HEADER, *people]), data={"missing": "median"}, shards=4, batch_size=4)
    whole, _ = load_dataset(spec)
    monkeypatch.setattr(dataset, "GROUP_BYTES", 1)
    assert load_dataset(spec)[0] == whole


def test_the_preprocessing_of_many_blocks_is_that_of_one(csv, job, people, monkeypatch):
    spec = job(csv([HEADER, *people]), data={"missing": "median"})
    one, shards = load_dataset(spec)
    monkeypatch.setattr(records, "CHUNK_BYTES", 64)
    many, others = load_dataset(spec)
    np.testing.assert_allclose(many.scaling.mean, one.scaling.mean, rtol=1e-12)
    np.testing.assert_allclose(many.scaling.scale, one.scaling.scale, rtol=1e-12)
    for a, b in zip(shards, others, strict=True):
        np.testing.assert_allclose(a.X, b.X, atol=1e-6)
        np.testing.assert_array_equal(a.Y, b.Y)
