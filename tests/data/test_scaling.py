import functools
import json
import operator
from dataclasses import asdict

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.data.scaling import Moments, Scaling


def fitted(kind, X):
    return Scaling.fit(kind, [Moments.of(x) for x in X.T])


matrices = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6))


@given(matrices)
def test_standardised_columns_have_mean_0_and_deviation_1(X):
    spread = X.std(axis=0)
    assume((spread > 1e-3).all())
    scaled = fitted("standardize", X).apply(X.copy())
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-4)


@given(st.floats(-1e6, 1e6), st.integers(1, 200))
def test_a_constant_column_becomes_0(value, rows):
    X = np.full((rows, 1), value)
    scaled = fitted("standardize", X).apply(X.copy())
    np.testing.assert_allclose(scaled, 0, atol=1e-4)


@given(matrices)
def test_no_scaling_changes_nothing(X):
    np.testing.assert_array_equal(fitted("none", X).apply(X.copy()), X.astype(np.float32))


@given(matrices, st.integers(0, 2**32))
def test_a_row_is_scaled_alike_alone_and_among_others_after_a_trip_through_json(X, seed):
    scaling = fitted("standardize", X)
    there = json.loads(json.dumps(asdict(scaling)))
    back = Scaling(tuple(there["mean"]), tuple(there["scale"]))
    i = seed % len(X)
    np.testing.assert_array_equal(back.apply(X[i : i + 1].copy())[0], scaling.apply(X.copy())[i])


@given(matrices)
def test_min_max_gives_numbers_from_0_to_1(X):
    scaled = fitted("min_max", X).apply(X.copy())
    assert ((scaled >= 0) & (scaled <= 1)).all()
    for x, z in zip(X.T, scaled.T, strict=True):
        if x.max() - x.min() > 1e-3:
            assert (z.min(), z.max()) == (0, 1)


@given(matrices, st.lists(st.integers(0, 6), max_size=3).map(sorted))
def test_moments_of_parts_add_up_to_those_of_the_whole(X, cuts):
    whole, parts = Moments.of(X[:, 0]), [Moments.of(part) for part in np.split(X[:, 0], cuts)]
    total = functools.reduce(operator.add, parts)
    assert (total.count, total.low, total.high) == (whole.count, whole.low, whole.high)
    np.testing.assert_allclose([total.mean, total.squares], [whole.mean, whole.squares], rtol=1e-9, atol=1e-3)


@given(matrices)
def test_inverting_brings_back_what_was_scaled(X):
    scaling = fitted("standardize", X)
    np.testing.assert_allclose(scaling.invert(scaling.apply(X.copy())), X, rtol=1e-3, atol=1)


def test_no_numbers_at_all_are_left_as_they_are():
    assert Moments.of(np.empty(0)).affine("standardize") == (0.0, 1.0)
