"""Warnings of what a job may say and probably does not mean."""

from collections.abc import Iterator

from chainrule.nn import OPTIMIZERS
from chainrule.wire.spec import JobSpec

_UNNORMALIZED = (
    "which does not make the outputs of a row add up to 1, so that cross_entropy never punishes a wrong class: use "
    "softmax with cross_entropy for one class of several, or sigmoid with binary_cross_entropy"
)
_BOUNDED = "whose outputs are at most 1, and poisson predicts counts: use softplus with poisson"
_PAIRS = {
    **dict.fromkeys((("cross_entropy", name) for name in ("relu", "sigmoid", "softplus")), _UNNORMALIZED),
    ("binary_cross_entropy", "softmax"): (
        "whose outputs add up to 1, but binary_cross_entropy takes each for an answer by itself: use sigmoid with "
        "binary_cross_entropy, or softmax with cross_entropy for one class of several"
    ),
    ("poisson", "relu"): "which has no gradient where its output is 0, a mean of no count: use softplus with poisson",
    **dict.fromkeys((("poisson", name) for name in ("sigmoid", "softmax")), _BOUNDED),
}
ROUNDED_TO_ONE = 2.0**-25
"""float32 rounds 1 minus up to this to 1."""


def advice(spec: JobSpec) -> tuple[str, ...]:
    """Return a sentence for each thing in a job that the mathematics allows and that hardly anyone means."""
    return (*_last_layer(spec), *_weight_decay(spec))


def _last_layer(spec: JobSpec) -> Iterator[str]:
    last, name, loss = len(spec.network.layers) - 1, spec.network.activations[-1], spec.network.loss
    if (loss, name) in _PAIRS:
        yield f"network.layers[{last}].activation is {name}, {_PAIRS[loss, name]}"


def _weight_decay(spec: JobSpec) -> Iterator[str]:
    decay = spec.optimizer.weight_decay
    rate = spec.optimizer.learning_rate or OPTIMIZERS[spec.optimizer.name]().learning_rate
    if decay and rate * decay <= ROUNDED_TO_ONE:
        yield (
            f"optimizer.weight_decay is {decay:g}: times optimizer.learning_rate ({rate:g}) it is less than float32 "
            f"can take from a weight, so that no weight decays: give at least {2 * ROUNDED_TO_ONE / rate:.1g}"
        )
