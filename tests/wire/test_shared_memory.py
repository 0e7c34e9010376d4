import os

import numpy as np
import pytest

from chainrule.wire import shared_memory


@pytest.fixture
def descriptor():
    descriptor = shared_memory.create(100)
    yield descriptor
    os.close(descriptor)


def test_what_one_view_writes_the_others_read(descriptor):
    mine, theirs = shared_memory.view(descriptor, writable=True), shared_memory.view(descriptor, writable=False)
    assert (mine.shape, mine.dtype, mine.ctypes.data % 64) == ((100,), np.float32, 0)
    mine[:] = np.arange(100)
    np.testing.assert_array_equal(theirs, mine)
    assert not theirs.flags.writeable


@pytest.mark.parametrize("size", [0, 8000])
def test_nobody_can_cut_or_stretch_what_others_read(descriptor, size):
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, size)


def test_a_view_outlives_its_descriptor():
    descriptor = shared_memory.create(3)
    view = shared_memory.view(descriptor, writable=True)
    os.close(descriptor)
    view[:] = 1
    assert view.sum() == 3
