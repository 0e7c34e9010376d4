"""Predictions are made here, and scikit-learn measures them."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from chainrule.server.baselines import ENOUGH, no_better


def measured(right, P):
    """The metrics of probabilities P (rows, classes) for the right classes."""
    found = {
        "accuracy": sklearn.accuracy_score(right, P.argmax(axis=1)),
        "balanced_accuracy": sklearn.recall_score(right, P.argmax(axis=1), average="macro", zero_division=0),
        "log_loss": sklearn.log_loss(right, P, labels=range(P.shape[1])),
    }
    if P.shape[1] == 2:
        found["auc"] = sklearn.roc_auc_score(right, P[:, 1])
    return found


def classes(shares, rows=400, seed=0):
    return np.random.default_rng(seed).choice(len(shares), rows, p=shares)


SHARES = [(0.5, 0.5), (0.9, 0.1), (0.1,) * 10, (0.6, 0.3, 0.1)]


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_knows_no_input_is_no_better(shares, seed):
    """Its probabilities are the shares of the classes with noise that has nothing to do with the row."""
    rng, right = np.random.default_rng(seed), classes(shares, seed=seed + 50)
    evaluations = []
    for _ in range(ENOUGH):
        P = np.array(shares) * np.exp(0.05 * rng.standard_normal((len(right), len(shares))))
        evaluations.append(measured(right, P / P.sum(axis=1, keepdims=True)))
    assert "the most frequent class alone" in no_better(evaluations, np.bincount(right).tolist())


@pytest.mark.parametrize("shares", SHARES)
def test_a_model_that_knows_a_little_is_better(shares):
    right = classes(shares)
    P = np.array(shares) + 0.25 * np.eye(len(shares))[right]
    evaluations = [measured(right, P / P.sum(axis=1, keepdims=True))] * ENOUGH
    assert no_better(evaluations, np.bincount(right).tolist()) == ""


def test_a_model_that_orders_rare_rows_right_is_better_though_it_never_says_their_class():
    right = classes((0.95, 0.05), 2000)
    score = 0.02 + 0.2 * right
    evaluations = [measured(right, np.stack([1 - score, score], axis=1))] * ENOUGH
    assert evaluations[0]["accuracy"] == pytest.approx((right == 0).mean())
    assert no_better(evaluations, np.bincount(right).tolist()) == ""


def test_rows_of_one_class_alone_say_nothing():
    assert no_better([{"accuracy": 1.0, "log_loss": 0.0}] * 9, [30.0, 0.0]) == ""


def r2_of(*values):
    return [{"r2": value, "loss": 1.0} for value in values]


@pytest.mark.parametrize(
    ("r2", "word"),
    [
        ((-0.05,) * 5, "-0.05"),
        ((-0.05,) * 4, ""),
        ((-9.0,) * 8, "-9"),
        ((0.8, 0.7, 0.4, -0.01, 0.0, 0.01, -0.02, -0.03, 0.0, 0.01, 0.0), "0"),
        ((-5.0, -4.0, -3.0, -2.0, -1.0, -0.5), ""),
        ((0.0, 0.1, 0.2, 0.3, 0.4), ""),
        ((float("nan"),) * 9, ""),
    ],
)
def test_an_r2_that_stays_near_0_is_no_better_than_the_mean(r2, word):
    found = no_better(r2_of(*r2), ())
    assert found.startswith(f"the validation R² is {word}") if word else found == ""


def test_the_r2_of_the_mean_is_what_is_told():
    y = np.random.default_rng(0).standard_normal(100)
    r2 = sklearn.r2_score(y, np.full(100, y.mean() + 0.2))
    assert f"{r2:.3g}" in no_better(r2_of(*[r2] * ENOUGH), ())


def test_labels_that_are_all_the_same_have_no_r2_and_say_nothing():
    assert no_better([{"loss": 1.0, "rmse": 1.0}] * 9, ()) == ""
