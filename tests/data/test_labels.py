import numpy as np
import pytest

from chainrule.data.dataset import load_dataset
from chainrule.wire.errors import InvalidData


@pytest.fixture
def rows():
    """Thirty rows of x, a class that a third of them have, a number and a weight."""
    return [(x, "rare" if x % 3 == 0 else "common", x / 4, x % 5 + 1) for x in range(30)]


HEADER = ("x", "label", "y", "w")


def targets(shards, name="Y"):
    return np.concatenate([getattr(shard, name) for shard in shards])


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.3])
def test_each_class_has_its_share_of_validation_rows(csv, job, rows, fraction):
    summary, shards = load_dataset(job(csv([HEADER, *rows]), data={"validation_fraction": fraction}))
    held = np.bincount(targets(shards, "validation_Y"))
    assert held.sum() == summary.validation_rows == round(30 * fraction)
    assert abs(held[1] - held.sum() / 3) <= 1


def test_the_share_may_be_left_to_chance(csv, job, rows):
    source = csv([HEADER, *rows])
    shares = [
        np.bincount(targets(load_dataset(job(source, seed=seed, data={"stratify": False}))[1], "validation_Y")).tolist()
        for seed in range(8)
    ]
    assert len(set(map(tuple, shares))) > 1


def test_several_columns_are_several_outputs(csv, job, rows):
    spec = job(
        csv([HEADER, *rows]),
        label=None,
        loss="mse",
        data={"labels": ["y", "x"], "ignore": ["label"], "target_scaling": "none"},
    )
    summary, shards = load_dataset(spec)
    assert (summary.columns, summary.outputs, summary.classes) == (("w",), 2, ())
    np.testing.assert_array_equal(targets(shards)[:, 0] * 4, targets(shards)[:, 1])
    assert summary.network(spec).sizes == (1, 3, 2)


def test_numbers_that_are_predicted_can_be_standardised(csv, job, rows):
    data = {"target_scaling": "standardize", "ignore": ["label"]}
    summary, shards = load_dataset(job(csv([HEADER, *rows]), label="y", loss="mse", data=data))
    Y = targets(shards)
    np.testing.assert_allclose([Y.mean(), Y.std()], [0, 1], atol=1e-6)
    back = summary.target_scaling.invert(targets(shards, "validation_Y"))
    assert set((back.reshape(-1) * 4).round(4)) <= set(range(30))


def test_a_binary_label_may_be_two_words(csv, job, rows):
    spec = job(csv([HEADER, *rows]), loss="binary_cross_entropy")
    summary, shards = load_dataset(spec)
    assert (summary.classes, summary.outputs) == (("common", "rare"), 1)
    assert (targets(shards).shape[1], set(targets(shards)[:, 0])) == (1, {0, 1})
    rows[3] = (3, "third", 1, 1)
    with pytest.raises(InvalidData, match="has 3 classes, but binary_cross_entropy is for two"):
        load_dataset(job(csv([HEADER, *rows]), loss="binary_cross_entropy"))


def test_rows_may_have_weights(csv, job, rows):
    summary, shards = load_dataset(job(csv([HEADER, *rows]), data={"weight": "w", "scaling": "none"}))
    assert summary.columns == ("x", "y")
    for shard in shards:
        np.testing.assert_array_equal(shard.weights, shard.X[:, 0] % 5 + 1)
        np.testing.assert_array_equal(shard.validation_weights, shard.validation_X[:, 0] % 5 + 1)
    assert len({shard.sha256 for shard in shards}) == len(shards)


@pytest.mark.parametrize(("bad", "said"), [(-1, "is -1, but a weight must be >= 0"), ("", "has no number")])
def test_a_wrong_weight_is_refused_with_its_place(csv, job, rows, bad, said):
    rows[4] = (4, "common", 1, bad)
    with pytest.raises(InvalidData, match=f"row 5, column 'w' {said}"):
        load_dataset(job(csv([HEADER, *rows]), data={"weight": "w"}))


def test_balanced_classes_count_the_same(csv, job, rows):
    _, shards = load_dataset(job(csv([HEADER, *rows]), data={"class_weights": "balanced", "ignore": ["w"]}))
    Y, weights = targets(shards), targets(shards, "weights")
    np.testing.assert_allclose([weights[c == Y].sum() for c in (0, 1)], len(Y) / 2, rtol=1e-6)
    assert all(shard.validation_weights is None for shard in shards)


def test_classes_may_be_given_weights(csv, job, rows):
    data = {"class_weights": {"rare": 3.0}, "weight": "w", "scaling": "none"}
    _, shards = load_dataset(job(csv([HEADER, *rows]), data=data))
    expected = (targets(shards, "X")[:, 0] % 5 + 1) * np.where(targets(shards) == 1, 3, 1)
    np.testing.assert_array_equal(targets(shards, "weights"), expected)
    with pytest.raises(InvalidData, match="names 'ruby', but the classes are common, rare"):
        load_dataset(job(csv([HEADER, *rows]), data={"class_weights": {"ruby": 1}}))


def test_a_class_that_no_training_row_has_is_refused(csv, job, rows):
    validation = csv([HEADER, (1, "common", 1, 1), (1, "new", 1, 1)], "v.csv")
    with pytest.raises(InvalidData, match=r"v\.csv: row 2 has the label new, which no training row has"):
        load_dataset(job(csv([HEADER, *rows]), data={"validation": validation}))


def test_labels_that_are_whole_numbers_are_classes_by_their_own_words(csv, job):
    for kind in (int, float):
        source = csv([("x", "label"), *((i, kind(i % 3 * 10)) for i in range(12))])
        assert load_dataset(job(source))[0].classes == tuple(map(str, map(kind, (0, 10, 20))))
