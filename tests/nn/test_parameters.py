import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Parameters, parameter_count

sizes = st.lists(st.integers(1, 7), min_size=2, max_size=5).map(tuple)


@given(sizes)
def test_the_views_lie_over_the_flat_buffer_in_the_order_w1_b1_w2_b2(sizes):
    flat = np.arange(parameter_count(sizes), dtype=np.float32)
    parameters = Parameters.view(flat, sizes)
    order = [array for L in range(1, len(sizes)) for array in (parameters.W[L], parameters.B[L])]
    assert all(np.shares_memory(array, flat) for array in order)
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in order]), flat)
    for L, (m, n) in enumerate(itertools.pairwise(sizes), start=1):
        assert parameters.W[L].shape == (n, m)
        assert parameters.B[L].shape == (n,)


@given(sizes)
def test_writing_to_a_view_writes_to_the_buffer_alone_where_the_view_lies(sizes):
    parameters = Parameters.empty(sizes)
    parameters.flat.fill(0)
    for number, (_, array) in enumerate(parameters.named(), start=1):
        array[...] = number
    lengths = [length for m, n in itertools.pairwise(sizes) for length in (m * n, n)]
    np.testing.assert_array_equal(parameters.flat, np.repeat(np.arange(1, len(lengths) + 1), lengths))


@given(sizes)
def test_the_parts_of_the_layers_are_the_buffer(sizes):
    parameters = Parameters.empty(sizes)
    parameters.flat[:] = np.arange(parameters.flat.size)
    assert np.concatenate([layer for _, layer in parameters.layers()]).tolist() == parameters.flat.tolist()
    for L, part in parameters.parts.items():
        assert parameters.flat[part].tolist() == [*parameters.W[L].ravel(), *parameters.B[L]]


@given(sizes)
def test_names_come_in_the_order_of_the_buffer(sizes):
    names = [name for name, _ in Parameters.empty(sizes).named()]
    assert names == [f"{letter}{L}" for L in range(1, len(sizes)) for letter in "WB"]


@given(sizes, st.sampled_from([np.float32, np.float64]))
def test_a_new_buffer_is_aligned(sizes, dtype):
    flat = Parameters.empty(sizes, dtype).flat
    assert flat.ctypes.data % 64 == 0
    assert flat.dtype == dtype
    assert flat.size == parameter_count(sizes)


@pytest.mark.parametrize("wrong", [0, 1, 19, 21])
def test_a_buffer_of_another_size_is_refused_with_both_sizes(wrong):
    with pytest.raises(ValueError, match=rf"\({wrong},\), the network needs \(20,\)"):
        Parameters.view(np.zeros(wrong, np.float32), (4, 4))


def test_the_count_is_that_of_the_paper():
    assert parameter_count((64, 32, 10)) == 32 * 64 + 32 + 10 * 32 + 10
