import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Parameters, parameter_count
from chainrule.nn.arrays import BLOCK
from chainrule.nn.clipping import clip_by_global_norm, clip_by_layer_norm, clip_by_value, norm

sizes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)


@st.composite
def gradients(draw):
    shape = draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    flat = rng.normal(size=parameter_count(shape)) * 10.0 ** draw(st.integers(-3, 3))
    return shape, flat.astype(np.float32)


limits = st.floats(1e-3, 1e3)


@given(gradients(), limits)
def test_by_value_each_number_is_cut_off(gradient, limit):
    shape, flat = gradient
    clipped = Parameters.view(flat.copy(), shape)
    clip_by_value(clipped, limit)
    limit = np.float32(limit)
    np.testing.assert_array_equal(clipped.flat, np.where(flat > limit, limit, np.where(flat < -limit, -limit, flat)))


def shortened(x, limit):
    """What is expected of x: itself, or its direction at the limit's length."""
    length = np.sqrt((x.astype(np.float64) ** 2).sum())
    return x if length <= limit else x * (limit / length)


@given(gradients(), limits)
def test_by_global_norm_the_direction_stays(gradient, limit):
    shape, flat = gradient
    clipped = Parameters.view(flat.copy(), shape)
    clip_by_global_norm(clipped, limit)
    np.testing.assert_allclose(clipped.flat, shortened(flat, limit), rtol=1e-5)
    assert norm(clipped.flat) <= limit * (1 + 1e-6)


@given(gradients(), limits)
def test_by_layer_norm_each_layer_has_its_own_length(gradient, limit):
    shape, flat = gradient
    before, clipped = Parameters.view(flat.copy(), shape), Parameters.view(flat.copy(), shape)
    clip_by_layer_norm(clipped, limit)
    for L in before.W:
        layer, result = (np.concatenate([p.W[L].ravel(), p.B[L]]) for p in (before, clipped))
        np.testing.assert_allclose(result, shortened(layer, limit), rtol=1e-5)


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_layer_norm, clip_by_global_norm])
def test_a_gradient_within_the_limit_keeps_its_bits(clip):
    gradient = Parameters.view(np.float32([0.1, -0.2, 0.3]), (2, 1))
    clip(gradient, 1.0)
    np.testing.assert_array_equal(gradient.flat, np.float32([0.1, -0.2, 0.3]))


@pytest.mark.parametrize("clip", [clip_by_layer_norm, clip_by_global_norm])
def test_squares_that_overflow_float32_are_clipped_all_the_same(clip):
    gradient = Parameters.view(np.float32([3e30, -4e30, 0]), (2, 1))
    clip(gradient, 5.0)
    np.testing.assert_allclose(gradient.flat, [3, -4, 0], rtol=1e-6)


def test_a_norm_of_many_blocks():
    x = np.random.default_rng(0).normal(size=3 * BLOCK + 5).astype(np.float32)
    assert norm(x) == pytest.approx(np.linalg.norm(x.astype(np.float64)), rel=1e-12)
