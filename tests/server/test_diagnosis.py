import pytest

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
    assert found - {""} == set(WORDS)
