import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from chainrule.data.metrics import BINS, MOST_CLASSES, Figures, Layout, confusion, metrics
from chainrule.data.scaling import Scaling
from chainrule.nn import Network

seeds = st.integers(0, 2**32)


def figures(layout, A, Y, w):
    result = Figures(layout)
    for start in range(0, len(A), 7):
        part = slice(start, start + 7)
        result.add(A[part], Y[part], w[part])
    return result.sums


def rows(seed, classes, count=60):
    """Outputs, of which the scores are whole bins, classes and weights."""
    random = np.random.default_rng(seed)
    A = random.dirichlet(np.ones(classes), count).astype(np.float32)
    if classes == 2:
        A[:, 1] = np.floor(A[:, 1] * BINS) / BINS
        A[:, 0] = 1 - A[:, 1]
    return A, random.integers(0, classes, count, np.int32), random.integers(1, 4, count).astype(np.float32)


@given(seeds, st.integers(2, 5))
def test_metrics_of_classes_are_those_of_scikit_learn(seed, classes):
    A, Y, w = rows(seed, classes)
    Y[:classes] = np.arange(classes)
    layout, taken = Layout(classes=classes), A.argmax(axis=1)
    sums = figures(layout, A, Y, w)
    ours = metrics(layout, sums, float(w.sum()))
    average = "binary" if classes == 2 else "macro"
    expected = {
        "log_loss": -np.average(np.log(np.maximum(A[np.arange(len(Y)), Y], np.finfo(np.float32).tiny)), weights=w),
        "accuracy": theirs.accuracy_score(Y, taken, sample_weight=w),
        "balanced_accuracy": theirs.balanced_accuracy_score(Y, taken, sample_weight=w),
        "f1": theirs.f1_score(Y, taken, sample_weight=w, average=average),
    }
    if classes == 2:
        expected["auc"] = theirs.roc_auc_score(Y, A[:, 1], sample_weight=w)
    assert ours == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(confusion(layout, sums), theirs.confusion_matrix(Y, taken, sample_weight=w))


@given(seeds, st.integers(1, 3), st.booleans())
def test_metrics_of_numbers_are_those_of_scikit_learn(seed, outputs, scaled):
    random = np.random.default_rng(seed)
    A, Y = (random.standard_normal((50, outputs)).astype(np.float32) for _ in range(2))
    w, layout = random.integers(1, 4, 50).astype(np.float32), Layout(numbers=outputs)
    scaling = Scaling((3.0,) * outputs, (2.5,) * outputs) if scaled else None
    ours = metrics(layout, figures(layout, A, Y, w), float(w.sum()), scaling)
    unit = 2.5 if scaled else 1
    mse = theirs.mean_squared_error(Y, A, sample_weight=w)
    assert ours["rmse"] == pytest.approx(unit * np.sqrt(mse), rel=1e-5)
    assert ours["mae"] == pytest.approx(unit * theirs.mean_absolute_error(Y, A, sample_weight=w), rel=1e-5)
    assert ours["r2"] == pytest.approx(theirs.r2_score(Y, A, sample_weight=w), rel=1e-4, abs=1e-5)


@given(seeds, st.integers(0, 59))
def test_sums_of_parts_add_up_to_those_of_the_whole(seed, cut):
    A, Y, w = rows(seed, 3)
    layout = Layout(classes=3)
    parts = [figures(layout, A[part], Y[part], w[part]) for part in (slice(cut), slice(cut, None))]
    total = np.sum([part for part in parts if part], axis=0)
    np.testing.assert_allclose(total, figures(layout, A, Y, w), rtol=1e-6)


def test_one_output_of_binary_cross_entropy_is_two_classes():
    A, Y, w = rows(0, 2)
    one = figures(Layout(classes=2), A[:, 1:], Y[:, np.newaxis].astype(np.float32), w)
    np.testing.assert_allclose(one, figures(Layout(classes=2), A, Y, w), rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "outputs", "layout"),
    [
        ("cross_entropy", 10, Layout(classes=10)),
        ("binary_cross_entropy", 1, Layout(classes=2)),
        ("binary_cross_entropy", 3, Layout(numbers=3)),
        ("mse", 2, Layout(numbers=2)),
    ],
)
def test_the_layout_follows_from_the_network(loss, outputs, layout):
    activation = {"cross_entropy": "softmax", "mse": "identity"}.get(loss, "sigmoid")
    assert Layout.of(Network((4, outputs), (activation,), loss)) == layout


def test_what_cannot_be_told_is_left_out():
    ones = np.ones((5, 1), np.float32)
    assert "r2" not in metrics(Layout(numbers=1), figures(Layout(numbers=1), ones, ones, ones[:, 0]), 5.0)
    A, w = np.full((5, 2), 0.5, np.float32), np.ones(5, np.float32)
    assert "auc" not in metrics(Layout(classes=2), figures(Layout(classes=2), A, np.zeros(5, np.int32), w), 5.0)
    many = Layout(classes=MOST_CLASSES + 1)
    assert (many.length, confusion(many, (0.0,)).size) == (1, 0)


def test_outputs_that_are_no_numbers_are_counted_without_a_complaint():
    Figures(Layout(classes=2)).add(np.full((2, 2), np.nan, np.float32), np.zeros(2, np.int32), np.ones(2, np.float32))


@given(st.lists(st.tuples(st.floats(-200, 200, width=32), st.booleans()), min_size=1, max_size=10))
def test_log_loss_of_one_output_is_that_of_its_logits(rows):
    Z, Y = np.array([[z] for z, _ in rows], np.float32), np.array([[y] for _, y in rows], np.float32)
    A = np.empty_like(Z)
    with np.errstate(over="ignore"):
        np.reciprocal(1 + np.exp(-Z), out=A)
    result, w = Figures(Layout(classes=2)), np.ones(len(Z), np.float32)
    result.add(A, Y, w, Z)
    expected = [math.log1p(math.exp(-abs(z))) + max(0.0, -z if y else z) for z, y in rows]
    assert metrics(Layout(classes=2), result.sums, len(Z))["log_loss"] == pytest.approx(np.mean(expected), rel=1e-9)


def test_log_loss_of_a_certain_wrong_answer_is_its_logit():
    """In float32 the probability of the other class, 1 - S(20) or a softmax of -200, is 0."""
    w = np.ones(1, np.float32)
    one, two = Figures(Layout(classes=2)), Figures(Layout(classes=3))
    one.add(np.float32([[1]]), np.float32([[0]]), w, np.float32([[20]]))
    two.add(np.float32([[1, 0, 0]]), np.array([2], np.int32), w, np.float32([[200, 0, 0]]))
    assert one.sums[0] == pytest.approx(20.000000002061154, rel=1e-12)
    assert two.sums[0] == pytest.approx(200, rel=1e-12)


def test_logits_that_are_no_numbers_are_counted_without_a_complaint():
    Z = np.float32([[np.inf, 0], [np.nan, 0], [np.inf, np.inf]])
    Figures(Layout(classes=2)).add(Z, np.zeros(3, np.int32), np.ones(3, np.float32), Z)
