import numpy as np
import pytest

from chainrule.data.dataset import DatasetSummary
from chainrule.data.metrics import Figures, Layout
from chainrule.data.scaling import Scaling
from chainrule.nn import Network
from chainrule.parameter_server.evaluation import evaluate
from chainrule.wire.partials import Sums


def summary(classes=(), outputs=1, target_scaling=None):
    scaling = Scaling((0.0,), (1.0,))
    return DatasetSummary(("a",), classes, outputs, (4,), 4, scaling, "", target_scaling=target_scaling)


def sums(network, A, Y, right=0.0):
    figures = Figures(Layout.of(network))
    figures.add(np.float32(A), Y, np.ones(len(A), np.float32))
    return Sums(2.0, float(len(A)), right, figures.sums)


def test_classes_have_an_accuracy_and_a_confusion_matrix_by_name():
    network = Network((1, 2), ("softmax",), "cross_entropy")
    total = sums(network, [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.int32([0, 1, 1, 0]), right=2.0)
    loss, accuracy, measured, table = evaluate(network, summary(("no", "yes"), 2), total)
    assert (loss, accuracy, measured["accuracy"], measured["loss"]) == (0.5, 0.5, 0.5, 0.5)
    assert measured["auc"] == 0.75
    assert table == {"no": {"no": 1, "yes": 1}, "yes": {"no": 1, "yes": 1}}


def test_a_binary_output_has_them_too():
    network = Network((1, 1), ("sigmoid",), "binary_cross_entropy")
    total = sums(network, [[0.1], [0.8], [0.4]], np.float32([[0], [1], [1]]))
    for classes in ((), ("no", "yes")):
        _, accuracy, measured, table = evaluate(network, summary(classes), total)
        assert accuracy == measured["accuracy"] == pytest.approx(2 / 3)
        assert list(table) == list(classes or ("0", "1"))


def test_numbers_are_told_in_the_unit_of_the_data():
    network = Network((1, 1), ("identity",), "mse")
    total = sums(network, [[1.0], [2.0], [3.0]], np.float32([[1], [2], [5]]))
    _, accuracy, plain, table = evaluate(network, summary(), total)
    _, _, scaled, _ = evaluate(network, summary(target_scaling=Scaling((7.0,), (10.0,))), total)
    assert (accuracy, table) == (None, {})
    assert scaled["rmse"] == pytest.approx(10 * plain["rmse"])
    assert scaled["r2"] == plain["r2"]
