import numpy as np
import pytest

from chainrule.nn import Backpropagation, Network, Parameters, check_gradients, draw_for, initialize
from chainrule.nn.dropout import fill_mask

SIZES = (5, 8, 6, 3)


def network(**options):
    return Network(SIZES, ("relu", "softmax", "softmax"), "cross_entropy", **options)


def rows(count=20):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 5)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, count)]


def gradient_of(network, draw, count=20):
    gradient = Parameters.empty(network.sizes)
    X, Y = rows(count)
    loss = Backpropagation(network, 20).loss_and_gradient(initialize(network, 0), X, Y, gradient, draw)
    return loss, gradient.flat.tobytes()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_mask_leaves_out_its_rate_and_keeps_the_mean(rate):
    M = np.empty((1000, 100), np.float32)
    fill_mask(draw_for(0, 0, 0)(1), M, rate)
    assert set(np.unique(M)) == {np.float32(0), np.float32(1 / (1 - rate))}
    assert (M == 0).mean() == pytest.approx(rate, abs=0.01)
    assert M.mean() == pytest.approx(1, abs=0.02 / (1 - rate))


def test_what_is_drawn_belongs_to_seed_version_shard_and_layer():
    keys = [(0, 0, 0, 1), (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 2)]
    drawn = [draw_for(*key[:3])(key[3]).random(4).tobytes() for key in keys]
    assert len(set(drawn)) == len(keys)
    assert draw_for(0, 0, 0)(1).random(4).tobytes() == drawn[0]


def test_the_gradient_with_dropout_is_the_derivative():
    for checked in check_gradients(network(dropout=(0.2, 0.5, 0.5)), initialize(network(), 3), *rows(), entries=50):
        assert checked.relative_error < 1e-12


def test_a_step_that_draws_nothing_drops_nothing():
    assert gradient_of(network(dropout=(0.5, 0.5, 0.5)), None) == gradient_of(network(), None)
    assert gradient_of(network(), draw_for(0, 0, 0)) == gradient_of(network(), None)


def test_the_same_draw_gives_the_same_bits_and_another_one_others():
    dropping = network(dropout=(0.0, 0.5, 0.0))
    first = gradient_of(dropping, draw_for(0, 7, 2))
    assert gradient_of(dropping, draw_for(0, 7, 2)) == first
    assert gradient_of(dropping, draw_for(0, 8, 2)) != first
    assert gradient_of(dropping, None) != first


def test_a_smaller_batch_draws_what_it_draws_alone():
    dropping = network(dropout=(0.3, 0.5, 0.2))
    X, Y = rows()
    used, gradient, alone = Backpropagation(dropping, 20), *(Parameters.empty(SIZES) for _ in range(2))
    used.loss_and_gradient(initialize(dropping, 0), X, Y, gradient, draw_for(0, 0, 0))
    for count in (7, 1):
        arguments = (initialize(dropping, 0), X[:count], Y[:count])
        used.loss_and_gradient(*arguments, gradient, draw_for(0, 0, 0))
        Backpropagation(dropping, count).loss_and_gradient(*arguments, alone, draw_for(0, 0, 0))
        np.testing.assert_array_equal(gradient.flat, alone.flat)


@pytest.mark.parametrize("dropout", [(0.5,), (0.1, 1.0, 0.0), (0.1, -0.1, 0.0), (float("nan"), 0.0, 0.0)])
def test_rates_out_of_range_or_too_few_are_refused(dropout):
    with pytest.raises(ValueError, match="dropout"):
        network(dropout=dropout)
