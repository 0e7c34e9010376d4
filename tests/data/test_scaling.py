import json
from dataclasses import asdict

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.data.scaling import Scaling

matrices = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6))


@given(matrices)
def test_standardised_columns_have_mean_0_and_deviation_1(X):
    spread = X.std(axis=0)
    assume((spread > 1e-3).all())
    scaled = Scaling.fit("standardize", X).apply(X)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-4)


@given(st.floats(-1e6, 1e6), st.integers(1, 200))
def test_a_constant_column_becomes_0(value, rows):
    X = np.full((rows, 1), value)
    scaled = Scaling.fit("standardize", X).apply(X)
    np.testing.assert_allclose(scaled, 0, atol=1e-4)


@given(matrices)
def test_no_scaling_changes_nothing(X):
    np.testing.assert_array_equal(Scaling.fit("none", X).apply(X), X.astype(np.float32))


@given(matrices, st.integers(0, 2**32))
def test_a_row_is_scaled_alike_alone_and_among_others_after_a_trip_through_json(X, seed):
    scaling = Scaling.fit("standardize", X)
    there = json.loads(json.dumps(asdict(scaling)))
    back = Scaling(tuple(there["mean"]), tuple(there["scale"]))
    i = seed % len(X)
    np.testing.assert_array_equal(back.apply(X[i : i + 1])[0], scaling.apply(X)[i])
