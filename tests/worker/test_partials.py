from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.metrics import Layout, metrics
from chainrule.data.shard_tree import Node, largest_nodes
from chainrule.data.shards import Shard
from chainrule.nn import Network, Parameters, generator, initialize
from chainrule.nn.randomness import Purpose
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.validation import parse_spec
from chainrule.worker.partials import PartialComputer

SHARDS, ROWS = 5, 12


def spec(loss="cross_entropy"):
    return parse_spec(
        {
            "data": {"train": "a.csv", "label": "y"},
            "network": {"layers": [{"units": 6}, {}], "loss": loss},
            "training": {"batch_size": 5 * SHARDS, "shards": SHARDS},
        }
    )


def shards(classes=True):
    random = generator(7, Purpose.DEAL_ROWS)

    def shard(rows):
        X, V = random.standard_normal((rows, 4), np.float32), random.standard_normal((7, 4), np.float32)
        if classes:
            return Shard(X, random.integers(0, 3, rows, np.int32), V, random.integers(0, 3, 7, np.int32))
        return Shard(X, random.standard_normal((rows, 1), np.float32), V, random.standard_normal((7, 1), np.float32))

    return {k: shard(ROWS - (k == 4)) for k in range(SHARDS)}


NETWORK = Network((4, 6, 3), ("relu", "softmax"), "cross_entropy")
THETA = initialize(NETWORK, 0)
STEPS_PER_EPOCH = 3


@pytest.fixture
def computer():
    return PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, shards())


def compute(computer, node, version=0, train=True, evaluate=True):
    partial = computer.compute(THETA, version, Node(*node), train=train, evaluate=evaluate)
    copy = Partial(partial.gradient.copy(), partial.training, partial.validation)
    computer.release(partial)
    return copy


def tree_sum(node, parts):
    if node in parts:
        return parts[node]
    left, right = node.children
    return tree_sum(left, parts).add(tree_sum(right, parts))


@given(st.lists(st.integers(1, SHARDS - 1), unique=True).map(sorted), st.integers(0, 2 * STEPS_PER_EPOCH))
def test_however_the_shards_are_dealt_the_tree_gives_the_same_bits(cuts, version):
    alone = compute(PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, shards()), (0, SHARDS), version)
    parts = {}
    for lo, hi in zip([0, *cuts], [*cuts, SHARDS], strict=True):
        computer = PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, shards())
        parts |= {node: compute(computer, node, version) for node in largest_nodes(lo, hi, SHARDS)}
    total = tree_sum(Node(0, SHARDS), parts)
    assert total.gradient.tobytes() == alone.gradient.tobytes()
    assert (total.training, total.validation) == (alone.training, alone.validation)


def test_it_is_the_gradient_of_the_loss_that_it_tells(computer):
    partial = compute(computer, (0, SHARDS))
    theta = Parameters.view(THETA.flat.copy(), NETWORK.sizes)
    for i in (0, 5, 24, 31, -1):
        value, losses = theta.flat[i], []
        for change in (1e-2, -1e-2):
            theta.flat[i] = value + change
            moved = computer.compute(theta, 0, Node(0, SHARDS), train=True, evaluate=False)
            losses.append(moved.training.loss)
            computer.release(moved)
        theta.flat[i] = value
        assert (losses[0] - losses[1]) / 2e-2 == pytest.approx(partial.gradient[i], rel=0.05, abs=0.02)


def test_only_what_is_asked_for_is_computed(computer):
    trained = compute(computer, (0, 2), evaluate=False)
    assert trained.gradient.size == THETA.flat.size
    assert trained.validation == Sums()
    evaluated = compute(computer, (0, 2), train=False)
    assert evaluated.gradient.size == 0
    assert evaluated.training == Sums()
    assert evaluated.validation.weight == 14


def test_an_epoch_sees_every_row_once_and_its_last_step_may_be_smaller(computer):
    weights = [compute(computer, (0, SHARDS), version).training.weight for version in range(STEPS_PER_EPOCH)]
    assert weights == [25, 25, 9]
    assert [compute(computer, (4, 5), version).training.weight for version in range(STEPS_PER_EPOCH)] == [5, 5, 1]


def test_a_shard_without_rows_left_gives_zeros():
    own = shards()
    own[1] = Shard(own[1].X[:5], own[1].Y[:5], own[1].validation_X[:0], own[1].validation_Y[:0])
    partial = compute(PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, own), (1, 2), version=1)
    assert not partial.gradient.any()
    assert (partial.training, partial.validation) == (Sums(), Sums())


def test_a_weight_says_how_often_a_row_counts():
    own = shards()
    heavy = {k: replace(s, weights=np.full(len(s.X), 3, np.float32)) for k, s in own.items()}
    heavy = {k: replace(s, validation_weights=np.full(7, 2, np.float32)) for k, s in heavy.items()}
    plain, weighted = (compute(PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, s), (0, 2)) for s in (own, heavy))
    np.testing.assert_allclose(weighted.gradient, 3 * plain.gradient, rtol=1e-4, atol=1e-5)
    for three, one, factor in (
        (weighted.training, plain.training, 3),
        (weighted.validation, plain.validation, 2),
    ):
        assert three.weight == factor * one.weight
        assert three.loss == pytest.approx(factor * one.loss)
        np.testing.assert_allclose(three.figures, factor * np.array(one.figures), rtol=1e-6)


def test_the_figures_are_those_of_the_networks_outputs(computer):
    validation = compute(computer, (0, SHARDS), train=False).validation
    found = metrics(Layout.of(NETWORK), validation.figures, validation.weight)
    assert found["log_loss"] == pytest.approx(validation.loss / validation.weight, rel=1e-6)
    assert found["accuracy"] == validation.right / validation.weight


def test_log_loss_of_validation_is_that_of_the_logits():
    """By hand: each row's logits are (0, 0, 200), so that the loss of the classes 0 and 1 is 200, that of 2 is 0."""
    theta = Parameters.empty(NETWORK.sizes)
    theta.flat.fill(0)
    theta.B[2][2] = 200
    rows = shards()
    partial = PartialComputer(spec(), NETWORK, STEPS_PER_EPOCH, rows).compute(
        theta, 0, Node(0, SHARDS), train=False, evaluate=True
    )
    found = metrics(Layout.of(NETWORK), partial.validation.figures, partial.validation.weight)
    expected = 200 * np.mean(np.concatenate([rows[k].validation_Y for k in rows]) != 2)
    assert found["log_loss"] == pytest.approx(expected, rel=1e-9)
    assert partial.validation.loss / partial.validation.weight == pytest.approx(expected, rel=1e-6)


def test_numbers_are_compared_as_they_are():
    network = Network((4, 6, 1), ("relu", "identity"), "mse")
    computer = PartialComputer(spec("mse"), network, STEPS_PER_EPOCH, shards(classes=False))
    partial = computer.compute(initialize(network, 0), 0, Node(0, SHARDS), train=True, evaluate=True)
    assert partial.training.loss > 0
    assert partial.validation.right == 0


@pytest.mark.parametrize("node", [Node(0, 1), Node(1, 2), Node(0, 2), Node(2, 5), Node(0, SHARDS)])
def test_each_layer_is_told_once_when_the_sum_over_the_node_is_there(computer, node):
    """Shard 4 has no rows in the last step of an epoch."""
    for version in range(STEPS_PER_EPOCH):
        whole = compute(computer, node, version, evaluate=False).gradient
        gradient, told = Parameters.empty(NETWORK.sizes), []

        def done(L, gradient=gradient, told=told, whole=whole):
            told.append(L)
            np.testing.assert_array_equal(gradient.flat[gradient.parts[L]], whole[gradient.parts[L]])

        partial = computer.compute(THETA, version, node, train=True, evaluate=False, into=gradient, done=done)
        assert told == [2, 1]
        assert partial.gradient is gradient.flat
