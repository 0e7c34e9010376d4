import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Backpropagation, Network, Parameters, initialize, one_hot
from chainrule.server.diagnosis import DEAD, GROWTH, LONGEST_STEP, WORDS, diagnose
from chainrule.wire.layers import LayerFigures


def words(*slopes, **figures):
    """The words of layers whose gradients are so long, of weights of length 2; all have the other figures."""
    layers = [LayerFigures(L, 2 * slope, 1.0, 2.0, **figures) for L, slope in enumerate(slopes, start=1)]
    return [layer.diagnosis for layer in diagnose(layers)]


def test_a_healthy_network_has_nothing():
    assert words(0.01, 0.1, 1.0, update_ratio=1e-3, dead_ratio=0.1) == ["", "", ""]


def test_a_gradient_that_has_shrunk_on_its_way_back_is_vanishing():
    assert words(0.9 / GROWTH, 1.1 / GROWTH, 1.0) == ["vanishing", "", ""]
    assert words(0.0, 1.0) == ["vanishing", ""]


def test_a_gradient_that_has_grown_on_its_way_back_is_exploding():
    assert words(1.1 * GROWTH, 0.9 * GROWTH, 1.0) == ["exploding", "", ""]


def test_a_step_that_is_longer_than_the_weights_is_exploding():
    assert words(1.0, 1.0, update_ratio=1.01 * LONGEST_STEP) == ["exploding", "exploding"]
    assert words(1.0, 1.0, update_ratio=0.99 * LONGEST_STEP) == ["", ""]


def test_a_layer_of_relus_that_give_nothing_is_dead_and_that_is_why_its_gradient_vanishes():
    assert words(1e-9, 1.0, dead_ratio=DEAD + 0.01) == ["dead", "dead"]
    assert words(1.0, 1.0, dead_ratio=DEAD) == ["", ""]


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (1.0, 0.0)])
def test_where_nothing_is_left_to_learn_nothing_is_wrong(slopes):
    assert words(*slopes) == ["", ""]


def test_what_is_not_known_is_not_wrong():
    assert [layer.diagnosis for layer in diagnose([LayerFigures(1), LayerFigures(2)])] == ["", ""]
    assert diagnose([]) == ()


def test_every_word_is_named():
    found = {*words(1e4, 1.0), *words(1.0, dead_ratio=1.0), *words(1e-4, 1.0)}
    found |= {layer.diagnosis for layer in diagnose([LayerFigures(1, 0.0), LayerFigures(2, 0.0, dead_ratio=1.0)])}
    assert found - {""} == set(WORDS)


@st.composite
def networks_with_a_dead_layer(draw):
    """(network, parameters, dead layer): relus whose biases are far below 0 give 0 for every row."""
    sizes = (3, *draw(st.lists(st.integers(2, 5), min_size=1, max_size=4)), 2)
    network = Network(sizes, (*["relu"] * (len(sizes) - 2), "softmax"), "cross_entropy")
    parameters = initialize(network, draw(st.integers(0, 99)))
    for L in range(1, len(sizes) - 1):  # the others are alive
        parameters.B[L][:] = 1.0
        np.abs(parameters.W[L], out=parameters.W[L])
    dead = draw(st.integers(1, len(sizes) - 2))
    parameters.B[dead][:] = -1e6
    return network, parameters, dead


@given(networks_with_a_dead_layer())
def test_a_dead_layer_anywhere_is_why_the_others_get_no_gradient(made):
    """What back-propagation gives: nothing reaches the layers before it, and the one behind it sees inputs of 0."""
    network, parameters, dead = made
    X = np.random.default_rng(0).random((8, 3)).astype(np.float32)
    Y = one_hot(np.arange(8) % 2, np.zeros((8, 2), np.float32))
    gradient, seen = Parameters.view(np.zeros_like(parameters.flat), network.sizes), {}
    Backpropagation(network, 8).loss_and_gradient(
        parameters, X, Y, gradient, see=lambda L, A: seen.update({L: float((A <= 0).all(axis=0).mean())})
    )
    layers = [
        LayerFigures(L, float(np.linalg.norm(gradient.W[L])), None, float(np.linalg.norm(W)), None, seen.get(L))
        for L, W in parameters.W.items()
    ]
    words = {layer.layer: layer.diagnosis for layer in diagnose(layers)}
    assert words[dead] == "dead"
    assert {L for L, word in words.items() if word == "no gradient"} == {*range(1, dead + 2)} - {dead}
