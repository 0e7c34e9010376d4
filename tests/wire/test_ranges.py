import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import OPTIMIZERS
from chainrule.wire.validation import parse_spec

ENDS = {
    "learning_rate": (1e-20, 1e30),
    "epsilon": (1e-20, 1e30),
    **dict.fromkeys(("momentum", "beta1", "beta2", "rho"), (0.0, 1e-20, 0.9999999)),
}


@st.composite
def optimizers(draw):
    """An optimizer that a job may have, its hyperparameters often at an end of their range."""
    name = draw(st.sampled_from(sorted(OPTIMIZERS)))
    fields = {field.name for field in dataclasses.fields(OPTIMIZERS[name])} & ENDS.keys()
    ends = {field: st.sampled_from(ENDS[field]) for field in sorted(fields)}
    given = draw(st.fixed_dictionaries({}, optional=ends))
    if name == "adamw":
        given["weight_decay"] = 0.0
    network = {"layers": [{}]}
    job = parse_spec({"data": {"train": "a", "label": "b"}, "network": network, "optimizer": {"name": name, **given}})
    return OPTIMIZERS[name](**job.optimizer.hyperparameters)


@given(optimizers(), st.sampled_from([0, 1, 10, 1000, 2**31, 2**40]))
def test_float32_holds_all_numbers_that_an_optimizer_computes_with(optimizer, t):
    for number in optimizer.numbers(t):
        with np.errstate(over="ignore"):
            held = np.float32(number)
        assert np.isfinite(held)
        assert number == 0 or abs(held) >= np.finfo(np.float32).tiny
        assert number == 1 or held != 1


@settings(max_examples=300)
@given(optimizers(), st.sampled_from([0.0, 1e-30, 1e-23, 1e-10, 1.0]))
def test_no_step_is_longer_than_the_learning_rate_explains(optimizer, size):
    """However small the gradient: its square may be 0 in float32, and ε is then all that it is divided by."""
    theta = np.zeros(3, np.float32)
    state = {name: np.zeros_like(theta) for name in optimizer.slots}
    for t in range(3):
        with np.errstate(all="ignore"):
            optimizer.update(theta, np.float32([size, -size, 0]), state, t)
        assert np.isfinite(theta).all()
        assert np.abs(theta).max() <= 1e8 * optimizer.learning_rate


@pytest.mark.parametrize("epsilon", [1e-20, 1e-8])
def test_an_epsilon_that_is_allowed_divides_nothing_by_zero(epsilon):
    theta, state = np.zeros(1, np.float32), {name: np.zeros(1, np.float32) for name in ("square", "change")}
    for t in range(5):
        OPTIMIZERS["adadelta"](epsilon=epsilon).update(theta, np.zeros(1, np.float32), state, t)
    assert theta == 0
