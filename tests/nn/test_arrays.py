import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import aligned_empty

shapes = st.one_of(st.integers(0, 300), st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple))


@given(shapes, st.sampled_from([np.float32, np.float64]))
def test_an_array_begins_on_a_cache_line_and_has_the_shape_that_was_asked_for(shape, dtype):
    array = aligned_empty(shape, dtype)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.size == 0 or array.ctypes.data % 64 == 0


def test_a_number_is_float32_unless_it_is_said_otherwise():
    assert aligned_empty(3).dtype == np.float32


@pytest.mark.parametrize("value", [0.0, -1.5, 3e38])
def test_two_arrays_share_no_memory(value):
    first, second = aligned_empty(1000), aligned_empty(1000)
    first.fill(value)
    second.fill(1)
    assert (first == np.float32(value)).all()
