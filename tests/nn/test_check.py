import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import ACTIVATIONS, LOSSES, Network, Parameters, check_gradients, initialize

BOUND = 1e-7


def problem(network, seed, rows):
    """Parameters, X and Y that are inside the loss's domain and off the kinks, which are points alone."""
    rng = np.random.default_rng(seed)
    parameters = Parameters.empty(network.sizes, np.float64)
    parameters.flat[:] = rng.uniform(-1, 1, parameters.flat.size)
    loss, N = LOSSES[network.loss], network.layers
    if not inside(network):  # z near ±1/2, so that 0 < a < 1
        parameters.W[N] /= 100 * (1 + parameters.W[N].shape[1])
        sign = -1 if network.activations[-1] == "softplus" else 1
        parameters.B[N][:] = sign * rng.uniform(0.4, 0.6, network.sizes[-1])
    X = rng.uniform(-1, 1, (rows, network.sizes[0]))
    Y = np.eye(network.sizes[-1])[rng.integers(0, network.sizes[-1], rows)]
    if not (loss.classes or loss.domain == (0, 1)):
        Y = rng.uniform(0, 3, Y.shape)
    return parameters, X, Y


def inside(network):
    """Whether the last activation's range lies in the loss's domain, edges apart."""
    (low, high), (least, most) = ACTIVATIONS[network.activations[-1]].range, LOSSES[network.loss].domain
    return network.activations[-1] != "relu" and least <= low and high <= most


def worst(network, seed=0, rows=3):
    parameters, X, Y = problem(network, seed, rows)
    return max(layer.relative_error for layer in check_gradients(network, parameters, X, Y))


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_last_activation_and_loss_holds(name, loss, seed):
    assert worst(Network((3, 4, 3), ("tanh", name), loss), seed) < BOUND


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_hidden_activation_holds_with_every_loss(name, loss):
    network = Network((3, 5, 4, 2), (name, name, LOSSES[loss].activation), loss)
    assert worst(network) < BOUND


@st.composite
def networks(draw):
    names = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=4))
    sizes = draw(st.lists(st.integers(1, 5), min_size=len(names) + 1, max_size=len(names) + 1))
    loss = draw(st.sampled_from(sorted(LOSSES)))
    smoothing = draw(st.floats(0, 0.5)) if LOSSES[loss].classes else 0.0
    options = draw(st.floats(0.1, 3)), draw(st.floats(0.05, 0.95))
    return Network(tuple(sizes), tuple(names), loss, smoothing, *options)


@settings(max_examples=400, deadline=None)
@given(networks(), st.integers(0, 2**32), st.integers(1, 5))
def test_random_networks_hold(network, seed, rows):
    assert worst(network, seed, rows) < BOUND


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_a_wrong_derivative_is_found_in_the_layers_that_it_reaches(name, monkeypatch):
    def wrong(A, K, d):
        right.pull_back(A, K, d)
        d *= 1 + 1e-5

    right = ACTIVATIONS[name]
    network = Network((3, 4, 4, 2), ("softmax", name, "softmax"), "cross_entropy")
    monkeypatch.setitem(ACTIVATIONS, name, dataclasses.replace(right, pull_back=wrong))
    found = check_gradients(network, *problem(network, 0, 4))
    assert [layer.layer for layer in found] == [1, 2, 3]
    assert [layer.activation for layer in found] == ["softmax", name, "softmax"]
    assert [layer.checked for layer in found] == [16, 20, 10]
    assert [layer.relative_error > BOUND for layer in found] == [True, True, False]


def test_float32_parameters_are_checked_in_float64_and_stay_as_they_are():
    network = Network((3, 4, 2), ("relu", "softmax"), "cross_entropy")
    parameters = initialize(network, 0)
    before = parameters.flat.copy()
    X, Y = np.float32([[1, 2, 3], [-1, 0, 0.5]]), np.float32([[1, 0], [0, 1]])
    assert max(layer.relative_error for layer in check_gradients(network, parameters, X, Y)) < 1e-12
    np.testing.assert_array_equal(parameters.flat, before)


def test_of_a_large_layer_as_many_numbers_are_checked_as_are_asked_for():
    network = Network((50, 60, 2), ("gelu", "identity"), "huber")
    found = check_gradients(network, *problem(network, 0, 4), entries=100)
    assert [layer.checked for layer in found] == [100, 100]
    assert max(layer.relative_error for layer in found) < BOUND


def test_a_gradient_that_cancels_is_not_measured_by_its_rounding():
    network = Network((2, 3), ("softmax",), "mean_absolute_error")
    parameters, X, _ = problem(network, 0, 2)
    (layer,) = check_gradients(network, parameters, X, np.full((2, 3), 7.0))
    assert layer.largest < 1e-15
    assert layer.relative_error < 1e-7


def test_a_gradient_that_is_zero_has_no_error():
    network = Network((2, 1), ("softmax",), "cross_entropy")
    (layer,) = check_gradients(network, *problem(network, 0, 2))
    assert (layer.largest, layer.relative_error) == (0, 0)
