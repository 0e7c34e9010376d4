"""What is wrong with a layer, in a word. Pure; the page, `chainrule watch` and the alerts all take the word from here.

Gradients are compared by ‖∂E/∂W^L‖ / ‖W^L‖, which does not depend on a layer's size, with that of the last layer, where
back-propagation begins. Each word has a threshold:

exploding: the gradient has grown by more than GROWTH on its way back from the last layer (Bengio, Simard and Frasconi
1994; Pascanu, Mikolov and Bengio 2013), or a step is longer than LONGEST_STEP times the weights that it moves, so that
little of what was learnt is left. About 1e-3 is usual (Stanford CS231n, "Ratio of weights:updates").
dead: more than DEAD of the relus give 0 for every row (Amazon SageMaker Debugger's rule DeadRelu has this limit).
no gradient: the gradient is exactly 0 because of a dead layer elsewhere: through one that gives 0 for every row nothing
comes back to the layers before it, and the weights behind it see inputs of 0 alone.
vanishing: the gradient has shrunk by more than GROWTH on its way back (Hochreiter 1991; Glorot and Bengio 2010). Layers
of healthy networks differ by some hundred times (You, Gitman and Ginsburg 2017), so GROWTH is more.
"""

from collections.abc import Sequence
from dataclasses import replace

from chainrule.wire.layers import LayerFigures

NO_GRADIENT = "no gradient"
WORDS = ("vanishing", "exploding", "dead", NO_GRADIENT)
GROWTH = 1000.0
LONGEST_STEP = 1.0
DEAD = 0.5


def diagnose(layers: Sequence[LayerFigures]) -> tuple[LayerFigures, ...]:
    """Return the layers of a network, first to last, each with the word that fits it best, if any."""
    last = _slope(layers[-1]) if layers else None
    dead = any(_is_dead(layer) for layer in layers)
    return tuple(replace(layer, diagnosis=_word(layer, last, dead=dead)) for layer in layers)


def _word(layer: LayerFigures, last: float | None, *, dead: bool) -> str:
    grown = _growth(_slope(layer), last)
    if grown > GROWTH or (layer.update_ratio or 0.0) > LONGEST_STEP:
        return "exploding"
    if _is_dead(layer):
        return "dead"
    if dead and layer.gradient_norm == 0:
        return NO_GRADIENT
    return "vanishing" if grown < 1 / GROWTH else ""


def _is_dead(layer: LayerFigures) -> bool:
    return (layer.dead_ratio or 0.0) > DEAD


def _growth(slope: float | None, last: float | None) -> float:
    """Return how many times the last layer's this is; 1 where it cannot be told, as where nothing is left to learn."""
    return 1.0 if slope is None or not last else slope / last


def _slope(layer: LayerFigures) -> float | None:
    if layer.gradient_norm is None or not layer.weight_norm:
        return None
    return layer.gradient_norm / layer.weight_norm
