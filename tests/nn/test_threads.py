import itertools
import threading

import numpy as np
import pytest

from chainrule.nn import OPTIMIZERS, threads
from chainrule.nn.arrays import BLOCK


@pytest.fixture(params=(1, 2, 3, 4))
def count(request, monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("size", [0, 1, BLOCK, threads.LEAST, 9 * BLOCK - 1, 9 * BLOCK + 1])
def test_parts_make_up_the_whole_and_meet_at_blocks(count, size):
    parts = []
    threads.in_parts(lambda start, stop: parts.append((start, stop)), size)
    parts.sort()
    assert parts[0][0] == 0
    assert parts[-1][1] == size
    assert len(parts) <= count
    assert all(left[1] == right[0] and left[1] % BLOCK == 0 for left, right in itertools.pairwise(parts))


def test_parts_of_large_arrays_run_side_by_side(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 4)
    meeting = threading.Barrier(4)
    threads.in_parts(lambda start, stop: meeting.wait(timeout=30), 4 * threads.LEAST)


def test_an_error_in_a_part_reaches_the_caller(count):
    def fail(start, stop):
        if stop == 4 * threads.LEAST:
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        threads.in_parts(fail, 4 * threads.LEAST)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_update_has_the_same_bits_by_any_number_of_threads(name, monkeypatch):
    optimizer = OPTIMIZERS[name]()

    def updated(count):
        monkeypatch.setattr(threads, "threads", lambda: count)
        theta, g = np.random.default_rng(0).standard_normal((2, 8 * BLOCK + 3)).astype(np.float32)
        state = {slot: np.zeros_like(theta) for slot in optimizer.slots}
        for t in range(2):
            optimizer.update(theta, g, state, t)
        return [theta, *state.values()]

    for one, several in zip(updated(1), updated(3), strict=True):
        np.testing.assert_array_equal(one, several)
