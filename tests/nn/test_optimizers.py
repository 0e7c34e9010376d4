import math
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import OPTIMIZERS, SGD, Adam, Momentum
from chainrule.nn.adaptive import Adadelta, Adagrad, AdamW, NAdam, RMSprop
from chainrule.nn.arrays import BLOCK
from chainrule.nn.optimizers import Lion, Nesterov
from chainrule.nn.threads import threads

STEPS = 50


def published(optimizer, theta, gradients):
    """The equations of the papers, in float64, number by number."""
    result = []
    for i, x in enumerate(theta.astype(np.float64)):
        v = m = u = 0.0
        for t, gradient in enumerate(gradients, start=1):
            g = float(gradient[i])
            match optimizer:
                case SGD(eta):
                    x = x - eta * g
                case Nesterov(eta, mu):
                    v = mu * v + g
                    x = x - eta * (g + mu * v)
                case Momentum(eta, mu):
                    v = mu * v + g
                    x = x - eta * v
                case Adagrad(eta, epsilon):
                    v = v + g * g
                    x = x - eta * g / (math.sqrt(v) + epsilon)
                case Adadelta(eta, rho, epsilon):
                    v = rho * v + (1 - rho) * g * g
                    change = math.sqrt(u + epsilon) / math.sqrt(v + epsilon) * g
                    u = rho * u + (1 - rho) * change * change
                    x = x - eta * change
                case RMSprop(eta, rho, epsilon):
                    v = rho * v + (1 - rho) * g * g
                    x = x - eta * g / (math.sqrt(v) + epsilon)
                case Lion(eta, beta1, beta2, decay):
                    c = beta1 * m + (1 - beta1) * g
                    x = x - eta * ((c > 0) - (c < 0) + decay * x)
                    m = beta2 * m + (1 - beta2) * g
                case NAdam(eta, beta1, beta2, epsilon):
                    m = beta1 * m + (1 - beta1) * g
                    v = beta2 * v + (1 - beta2) * g * g
                    ahead = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
                    x = x - eta * ahead / (math.sqrt(v / (1 - beta2**t)) + epsilon)
                case AdamW(eta, beta1, beta2, epsilon, decay):
                    m = beta1 * m + (1 - beta1) * g
                    v = beta2 * v + (1 - beta2) * g * g
                    x = x - eta * ((m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + epsilon) + decay * x)
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
epsilons = st.sampled_from([1e-8, 1e-5])
optimizers = st.one_of(
    st.builds(SGD, rates),
    st.builds(Momentum, rates, st.floats(0, 0.95)),
    st.builds(Nesterov, rates, st.floats(0, 0.95)),
    st.builds(Adagrad, rates, epsilons),
    st.builds(Adadelta, st.floats(0.1, 1), decays, st.sampled_from([1e-6, 1e-4])),
    st.builds(RMSprop, rates, decays, epsilons),
    st.builds(Adam, rates, decays, decays, epsilons),
    st.builds(AdamW, rates, decays, decays, epsilons, st.floats(0, 0.1)),
    st.builds(NAdam, rates, decays, decays, epsilons),
    st.builds(Lion, rates, decays, decays, st.floats(0, 0.1)),
)


@settings(max_examples=300)
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
    expected = published(optimizer, theta, gradients)
    np.testing.assert_allclose(run(optimizer, theta, gradients), expected, rtol=1e-4)
    assert (expected != theta).all()


@settings(max_examples=300)
@given(optimizers, st.integers(0, 2**32))
def test_fifty_steps_in_float64_are_those_of_the_published_equations_to_its_last_digits(optimizer, seed):
    rng = np.random.default_rng(seed)
    theta, gradients = rng.normal(size=5), rng.normal(size=(STEPS, 5))
    np.testing.assert_allclose(
        run(optimizer, theta, gradients), published(optimizer, theta, gradients), rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_buffer_cut_into_blocks_gives_the_same_bits(name):
    rng = np.random.default_rng(1)
    theta, gradients = rng.normal(size=40).astype(np.float32), rng.normal(size=(5, 40)).astype(np.float32)
    optimizer = OPTIMIZERS[name]()
    blocks = [run(optimizer, theta[i : i + 8], gradients[:, i : i + 8]) for i in range(0, 40, 8)]
    np.testing.assert_array_equal(np.concatenate(blocks), run(optimizer, theta, gradients))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_buffer_of_many_blocks_is_updated_to_its_end(name):
    rng = np.random.default_rng(2)
    size = 2 * BLOCK + 3
    theta, gradients = rng.normal(size=size).astype(np.float32), rng.normal(size=(3, size)).astype(np.float32)
    whole = run(OPTIMIZERS[name](), theta, gradients)
    for i in (0, BLOCK - 1, BLOCK, 2 * BLOCK, size - 1):
        one = slice(i, i + 1)
        np.testing.assert_array_equal(whole[one], run(OPTIMIZERS[name](), theta[one], gradients[:, one]))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_update_needs_no_memory_that_grows_with_the_network(name):
    theta, g = np.ones((2, 40 * BLOCK), np.float32)
    optimizer = OPTIMIZERS[name]()
    state = {slot: np.zeros_like(theta) for slot in optimizer.slots}
    tracemalloc.start()
    try:
        optimizer.update(theta, g, state, 0)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * BLOCK * theta.itemsize * threads()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_names_its_paper(name):
    assert re.search(r"\([A-Z].* (19|20)\d\d", OPTIMIZERS[name].__doc__)


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"adamw"}))
def test_a_zero_gradient_at_the_start_changes_nothing(name):
    theta = np.float32([1, -2, 0])
    np.testing.assert_array_equal(run(OPTIMIZERS[name](), theta, np.zeros((3, 3), np.float32)), theta)


def test_the_weights_of_adamw_decay_without_a_gradient():
    theta = run(AdamW(learning_rate=0.5, weight_decay=0.5), np.float32([8, -4]), np.zeros((2, 2), np.float32))
    np.testing.assert_array_equal(theta, np.float32([8, -4]) * 0.75**2)


def test_a_step_of_lion_is_the_learning_rate_in_the_gradients_direction():
    theta = run(Lion(learning_rate=0.25), np.zeros(3, np.float32), np.float32([[3, -1e-3, 0]]))
    np.testing.assert_array_equal(theta, np.float32([-0.25, 0.25, 0]))


def test_the_first_step_of_adam_is_the_learning_rate_in_the_gradients_direction():
    theta = run(Adam(learning_rate=0.25), np.zeros(2, np.float32), np.float32([[3, -1e-3]]))
    np.testing.assert_allclose(theta, [-0.25, 0.25], rtol=1e-4)
