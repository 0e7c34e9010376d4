import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import OPTIMIZERS, SGD, Adam, Momentum

STEPS = 50


def published(optimizer, theta, gradients):
    """The equations of the papers, in float64, number by number."""
    result = []
    for i, x in enumerate(theta.astype(np.float64)):
        v = m = 0.0
        for t, gradient in enumerate(gradients, start=1):
            g = float(gradient[i])
            match optimizer:
                case SGD(eta):
                    x = x - eta * g
                case Momentum(eta, mu):
                    v = mu * v + g
                    x = x - eta * v
                case Adam(eta, beta1, beta2, epsilon):
                    m = beta1 * m + (1 - beta1) * g
                    v = beta2 * v + (1 - beta2) * g * g
                    x = x - eta * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + epsilon)
        result.append(x)
    return np.array(result)


def run(optimizer, theta, gradients):
    theta, state = theta.copy(), {name: np.zeros_like(theta) for name in optimizer.slots}
    for t, g in enumerate(gradients):
        optimizer.update(theta, g.copy(), state, t)
    return theta


rates = st.floats(1e-4, 0.5)
decays = st.floats(0, 0.999)
optimizers = st.one_of(
    st.builds(SGD, rates),
    st.builds(Momentum, rates, st.floats(0, 0.95)),
    st.builds(Adam, rates, decays, decays, st.sampled_from([1e-8, 1e-5])),
)


@settings(max_examples=80)
@given(optimizers, st.integers(0, 2**32), st.sampled_from([1e-2, 1.0, 30.0]))
def test_fifty_steps_are_those_of_the_published_equations(optimizer, seed, scale):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=9).astype(np.float32)
    gradients = (scale * rng.normal(size=(STEPS, 9))).astype(np.float32)
    expected = published(optimizer, theta, gradients)
    way = np.abs(expected - theta).max() + STEPS * optimizer.learning_rate * scale
    np.testing.assert_allclose(run(optimizer, theta, gradients), expected, rtol=1e-4, atol=1e-5 * max(1, way))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_the_defaults_are_those_of_the_published_equations_too(name):
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=9).astype(np.float32), rng.normal(size=(STEPS, 9)).astype(np.float32)
    optimizer = OPTIMIZERS[name]()
    np.testing.assert_allclose(run(optimizer, theta, gradients), published(optimizer, theta, gradients), rtol=1e-4)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_buffer_cut_into_blocks_gives_the_same_bits(name):
    rng = np.random.default_rng(1)
    theta, gradients = rng.normal(size=40).astype(np.float32), rng.normal(size=(5, 40)).astype(np.float32)
    optimizer = OPTIMIZERS[name]()
    blocks = [run(optimizer, theta[i : i + 8], gradients[:, i : i + 8]) for i in range(0, 40, 8)]
    np.testing.assert_array_equal(np.concatenate(blocks), run(optimizer, theta, gradients))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_zero_gradient_at_the_start_changes_nothing(name):
    theta = np.float32([1, -2, 0])
    np.testing.assert_array_equal(run(OPTIMIZERS[name](), theta, np.zeros((3, 3), np.float32)), theta)


def test_the_first_step_of_adam_is_the_learning_rate_in_the_gradients_direction():
    theta = run(Adam(learning_rate=0.25), np.zeros(2, np.float32), np.float32([[3, -1e-3]]))
    np.testing.assert_allclose(theta, [-0.25, 0.25], rtol=1e-4)
