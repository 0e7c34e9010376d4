import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import ACTIVATIONS, LOSSES
from chainrule.wire.advice import advice
from chainrule.wire.errors import InvalidJob
from chainrule.wire.validation import parse_spec


def spec(loss="cross_entropy", activation=None, **sections):
    last = {} if activation is None else {"activation": activation}
    network = {"loss": loss, "layers": [{"units": 4}, last]}
    return parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": network, **sections})


def test_the_pair_that_is_the_default_needs_no_advice():
    for loss in LOSSES:
        assert advice(spec(loss)) == ()


@pytest.mark.parametrize(
    ("loss", "activation", "meant"),
    [
        ("cross_entropy", "sigmoid", ["softmax with cross_entropy", "sigmoid with binary_cross_entropy"]),
        ("cross_entropy", "relu", ["softmax with cross_entropy", "sigmoid with binary_cross_entropy"]),
        ("cross_entropy", "softplus", ["softmax with cross_entropy", "sigmoid with binary_cross_entropy"]),
        ("binary_cross_entropy", "softmax", ["sigmoid with binary_cross_entropy", "softmax with cross_entropy"]),
        ("poisson", "relu", ["softplus with poisson"]),
        ("poisson", "sigmoid", ["softplus with poisson"]),
        ("poisson", "softmax", ["softplus with poisson"]),
    ],
)
def test_a_pair_that_is_hardly_meant_is_named_with_the_one_that_is(loss, activation, meant):
    (sentence,) = advice(spec(loss, activation))
    assert sentence.startswith(f"network.layers[1].activation is {activation}, ")
    assert loss in sentence
    assert all(pair in sentence for pair in meant)


@given(st.sampled_from(sorted(LOSSES)), st.sampled_from(sorted(ACTIVATIONS)))
def test_only_likelihoods_ask_for_an_activation(loss, activation):
    try:
        job = spec(loss, activation)
    except InvalidJob:
        return
    likelihoods = ("cross_entropy", "binary_cross_entropy", "poisson")
    assert bool(advice(job)) == (loss in likelihoods and activation != LOSSES[loss].activation)


def test_a_weight_decay_that_float32_rounds_away_is_told():
    def decaying(**optimizer):
        return advice(spec(optimizer={"name": "adamw", **optimizer}))

    (sentence,) = decaying(learning_rate=1e-6, weight_decay=0.01)
    assert sentence.startswith("optimizer.weight_decay is 0.01: times optimizer.learning_rate (1e-06) it is less than")
    assert sentence.endswith("give at least 0.06")
    assert decaying(weight_decay=0.01) == decaying(weight_decay=0.0) == decaying() == ()
