import json

import numpy as np
import pytest

from chainrule.data.dataset import DatasetSummary, load_dataset
from chainrule.wire.errors import ChainruleError, InvalidData, InvalidJob

HEADER = ("x", "label", "y")


@pytest.fixture
def rows():
    """Twenty rows: x counts, y is its square, the label says whether x is large."""
    return [(x, "large" if x >= 10 else "small", x * x) for x in range(20)]


def refusal(spec, kind=InvalidData):
    with pytest.raises(ChainruleError) as caught:
        load_dataset(spec)
    assert type(caught.value) is kind
    return str(caught.value)


def test_every_row_lies_in_one_shard_with_its_own_label(csv, job, rows):
    summary, shards = load_dataset(job(csv([HEADER, *rows]), data={"scaling": "none"}))
    assert summary.columns == ("x", "y")
    assert summary.classes == ("large", "small")
    assert summary.outputs == 2
    X = np.concatenate([part for shard in shards for part in (shard.X, shard.validation_X)])
    Y = np.concatenate([part for shard in shards for part in (shard.Y, shard.validation_Y)])
    assert sorted(X.tolist()) == [[x, y] for x, _, y in rows]
    assert [summary.classes[y] for y in Y] == ["large" if x >= 10 else "small" for x in X[:, 0]]
    assert (X.dtype, Y.dtype) == (np.float32, np.int32)


def test_the_summary_counts_what_the_shards_hold(csv, job, rows):
    spec = job(csv([HEADER, *rows]), shards=3, batch_size=3, epochs=7, data={"validation_fraction": 0.25})
    summary, shards = load_dataset(spec)
    assert summary.rows_of_shards == tuple(len(shard.X) for shard in shards) == (5, 5, 5)
    assert summary.validation_rows == sum(len(shard.validation_X) for shard in shards) == 5
    assert summary.steps_per_epoch(spec) == 5
    assert summary.steps(spec) == 35
    assert summary.network(spec).sizes == (2, 3, 2)
    assert summary.network(spec).activations == ("relu", "softmax")


def test_scaling_is_fitted_on_training_rows_only(csv, job, rows):
    _, raw = load_dataset(job(csv([HEADER, *rows]), data={"scaling": "none"}))
    summary, scaled = load_dataset(job(csv([HEADER, *rows])))
    training = np.concatenate([shard.X for shard in raw]).astype(np.float64)
    np.testing.assert_allclose(summary.scaling.mean, training.mean(axis=0))
    np.testing.assert_allclose(summary.scaling.scale, training.std(axis=0))
    for before, after in zip(raw, scaled, strict=True):
        for X, Z in ((before.X, after.X), (before.validation_X, after.validation_X)):
            expected = (X - training.mean(axis=0)) / training.std(axis=0)
            np.testing.assert_allclose(Z, expected, rtol=1e-5, atol=1e-6)


def test_the_scaling_does_not_depend_on_the_shards(csv, job, rows):
    source = csv([HEADER, *rows])
    summaries = [load_dataset(job(source, shards=shards, batch_size=4))[0] for shards in (1, 2, 4)]
    assert len({summary.scaling for summary in summaries}) == 1


def test_another_seed_deals_the_rows_otherwise(csv, job, rows):
    source = csv([HEADER, *rows])
    first, same, other = (load_dataset(job(source, seed=seed))[1][0].X for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_numbers_to_be_predicted_stay_numbers(csv, job, rows):
    spec = job(
        csv([("x", "label"), *((x, x / 2) for x, _, _ in rows)]),
        loss="mse",
        data={"scaling": "none", "target_scaling": "none"},
    )
    summary, shards = load_dataset(spec)
    assert summary.classes == ()
    assert summary.outputs == 1
    for shard in shards:
        assert shard.Y.dtype == np.float32
        np.testing.assert_array_equal(shard.Y, shard.X / 2)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [((3, 1, 2), ("1", "2", "3")), (("b", "a", "c"), ("a", "b", "c")), (("true", "false"), ("false", "true"))],
)
def test_classes_come_in_order(csv, job, labels, classes):
    summary, _ = load_dataset(job(csv([("x", "label"), *((i, labels[i % len(labels)]) for i in range(12))])))
    assert summary.classes == classes


def test_a_summary_survives_a_trip_through_json(csv, job, rows):
    for spec in (
        job(csv([HEADER, *rows])),
        job(csv([("x", "label"), *((x, x / 3) for x in range(9))], "numbers.csv"), loss="mse"),
    ):
        summary, _ = load_dataset(spec)
        assert DatasetSummary.from_document(json.loads(json.dumps(summary.document()))) == summary


def test_no_validation_rows_are_no_validation_rows(csv, job, rows):
    summary, shards = load_dataset(job(csv([HEADER, *rows]), data={"validation_fraction": 0}))
    assert summary.validation_rows == 0
    assert [shard.validation_X.shape for shard in shards] == [(0, 2), (0, 2)]


def test_a_missing_label_column_is_refused_with_the_columns_there_are(csv, job):
    source = csv("x,y\n1,2\n")
    sentence = refusal(job(source))
    assert sentence == f"{source} has no column 'label', the label; it has x, y"


def test_data_of_the_label_alone_is_refused(csv, job):
    assert "no column beside the label 'label'" in refusal(job(csv("label\n1\n2\n")))


def test_text_among_the_inputs_is_refused_with_its_place(csv, job, rows):
    source = csv([HEADER, *rows[:5], ("oops", "small", 3), *rows[5:]])
    assert refusal(job(source)) == f"{source}: row 6, column 'x' is 'oops', not a number"


@pytest.mark.parametrize("cell", ["", "NaN", "inf", "1e300"])
def test_a_cell_without_a_finite_number_is_refused_with_its_place(csv, job, rows, cell):
    source = csv([HEADER, *rows[:5], (7, "small", cell), *rows[5:]])
    assert refusal(job(source)).startswith(f"{source}: row 6, column 'y' ")


def test_one_class_is_refused(csv, job, rows):
    source = csv([("x", "label"), *((x, "same") for x in range(9))])
    sentence = refusal(job(source))
    assert sentence == f"{source}: the label 'label' has one class only (same), so there is nothing to learn"


def test_fractions_as_classes_are_refused_with_a_way_out(csv, job):
    sentence = refusal(job(csv("x,label\n1,0.5\n2,1\n3,1\n")))
    assert "which is no class; loss mse predicts numbers" in sentence


@pytest.mark.parametrize("labels", [("1", "2", "", "1"), ("a", "b", "", "a"), ("1.0", "2.0", "NaN", "1.0")])
def test_a_row_without_a_class_is_refused_with_its_place(csv, job, labels):
    source = csv([("x", "label"), *((i, label) for i, label in enumerate(labels * 3))])
    way_out = 'data.missing_label = "drop" leaves such rows out'
    assert refusal(job(source)) == f"{source}: row 3 has no label in column 'label'; {way_out}"


def test_an_endless_label_is_refused(csv, job):
    source = csv([("x", "label"), *((i, "inf" if i == 2 else i % 2 + 0.0) for i in range(9))])
    assert "row 3" in refusal(job(source))


def test_a_text_where_a_number_is_to_be_predicted_is_refused_with_its_place(csv, job):
    source = csv("x,label\n1,2\n2,red\n")
    assert refusal(job(source, loss="mse")) == f"{source}: row 2, column 'label' is 'red', not a number"


def test_a_batch_larger_than_the_data_is_refused_with_the_largest_that_fits(csv, job, rows):
    sentence = refusal(job(csv([HEADER, *rows]), batch_size=18, shards=3), InvalidJob)
    assert sentence == "training.batch_size is 18, more than the 16 training rows: the largest that fits is 15"


@pytest.mark.parametrize("followed", [{"early_stopping": {}}, {"schedule": {"name": "plateau"}}])
def test_a_metric_that_is_followed_needs_a_validation_row(csv, job, rows, followed):
    spec = job(csv([HEADER, *rows]), data={"validation_fraction": 0.001}, sections=followed)
    sentence = refusal(spec, InvalidJob)
    assert sentence == "data.validation_fraction is 0.001, which leaves no row for the metric that is followed"
    load_dataset(job(csv([HEADER, *rows]), data={"validation_fraction": 0.001}))


def test_more_shards_than_rows_are_refused(csv, job, rows):
    sentence = refusal(job(csv([HEADER, *rows]), batch_size=32, shards=32), InvalidJob)
    assert "16 training rows" in sentence
    assert "32 shards" in sentence


def test_a_last_layer_that_does_not_fit_is_refused_together_with_all_else(csv, job, rows):
    spec = job(csv([HEADER, *rows]), layers=({"units": 3}, {"units": 5}), batch_size=100, shards=1)
    with pytest.raises(InvalidJob) as caught:
        load_dataset(spec)
    assert [violation.path for violation in caught.value.violations] == [
        "training.batch_size",
        "network.layers[1].units",
    ]
    assert "is 5, but the label 'label' needs 2" in str(caught.value)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse", "poisson"])
def test_a_softmax_of_the_one_output_that_the_data_asks_for_is_refused(csv, job, loss):
    source = csv([("x", "label"), *((x, x % 2) for x in range(90))])
    with pytest.raises(InvalidJob) as caught:
        load_dataset(job(source, loss=loss, layers=({"units": 3}, {"activation": "softmax"})))
    (violation,) = caught.value.violations
    assert violation.path == "network.layers[1].activation"
    assert violation.problem.startswith("is softmax, and the data asks for one output: a softmax of one unit is 1")
    assert violation.problem.endswith(f" with {loss}")


def test_a_last_layer_that_fits_may_be_written_out(csv, job, rows):
    spec = job(csv([HEADER, *rows]), layers=({"units": 3}, {"units": 2}))
    assert load_dataset(spec)[0].network(spec).sizes == (2, 3, 2)


@pytest.mark.parametrize(
    ("loss", "value", "limits"), [("binary_cross_entropy", 2, "from 0 to 1"), ("poisson", -1, ">= 0")]
)
def test_a_target_that_the_loss_has_no_value_for_is_refused(csv, job, loss, value, limits):
    source = csv([("x", "label"), *((i, value if i == 2 else 1) for i in range(9))])
    sentence = refusal(job(source, loss=loss))
    assert f"row 3 has the label {value}, but loss {loss} wants numbers {limits}" in sentence
