import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Parameters, parameter_count
from chainrule.wire.arena import LINE, Arena, Layout, layers_of, part_of
from chainrule.wire.fingerprints import layer_hash

LAYOUT = Layout(size=37, slots=("m", "v"), workers=3, nodes=4)


@pytest.fixture
def arena():
    return Arena(np.zeros(LAYOUT.count, np.float32), LAYOUT)


@given(st.integers(1, 5000), st.integers(1, 9))
def test_the_parts_of_workers_are_the_whole_and_share_no_cache_line(size, workers):
    parts = [part_of(size, workers, seat) for seat in range(workers)]
    assert [i for part in parts for i in range(size)[part]] == list(range(size))
    assert all(part.start % LINE == 0 for part in parts)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.integers(1, 5))
def test_each_layer_is_hashed_by_one_worker(sizes, workers):
    shares = layers_of(sizes, workers)
    assert len(shares) == workers
    assert sorted(L for share in shares for L in share) == list(range(1, len(sizes)))


def test_the_largest_layer_goes_alone_to_one_worker():
    assert sorted(map(sorted, layers_of((784, 512, 256, 10), 2))) == [[1], [2, 3]]


def test_the_hash_of_a_layer_is_that_of_its_weights_and_biases():
    sizes = (2, 3, 1)
    parameters = Parameters.view(np.arange(parameter_count(sizes), dtype=np.float32), sizes)
    before = [layer_hash(parameters, L) for L in (1, 2)]
    parameters.B[1][0] = 42
    assert [layer_hash(parameters, L) == old for L, old in zip((1, 2), before, strict=True)] == [False, True]


def test_nothing_lies_on_anything_else(arena):
    arrays = [arena.state.theta, *arena.state.slots.values(), *arena.gradients]
    assert [len(array) for array in arrays] == [LAYOUT.size] * 7
    for i, array in enumerate(arrays):
        array.fill(i)
    for node in range(LAYOUT.nodes):
        arena.set_weight(node, 100.0 + node)
    for seat in range(LAYOUT.workers):
        arena.tell_pushed(seat, 7, modest=True)
        arena.tell_applied(seat, 8)
    assert [set(array.tolist()) for array in arrays] == [{i} for i in range(7)]
    assert [arena.weight(node) for node in range(LAYOUT.nodes)] == [100.0, 101.0, 102.0, 103.0]
    assert all(array.ctypes.data % 64 == arena.state.theta.ctypes.data % 64 for array in arrays)


def test_a_version_is_there_when_all_have_told_so(arena):
    for seat in range(LAYOUT.workers):
        assert not arena.pushed(5)
        arena.tell_pushed(seat, 5, modest=True)
    assert arena.pushed(5)
    assert arena.modest(5)
    assert not arena.pushed(6)
    for seat in range(LAYOUT.workers):
        assert not arena.applied(6)
        arena.tell_applied(seat, 6)
    assert arena.applied(6)
    assert not arena.applied(7)


def test_one_gradient_that_is_not_modest_is_seen_by_all(arena):
    for seat in range(LAYOUT.workers):
        arena.tell_pushed(seat, 5, modest=seat != 1)
    assert arena.pushed(5)
    assert not arena.modest(5)
    assert not arena.pushed(6)


def test_a_part_of_a_state_is_copied(arena):
    other = Arena(np.ones(LAYOUT.count, np.float32), LAYOUT)
    part = part_of(LAYOUT.size, 2, 1)
    arena.state.part(part).copy_from(other.state.part(part))
    for array in (arena.state.theta, *arena.state.slots.values()):
        assert array.tolist() == [0.0] * part.start + [1.0] * (LAYOUT.size - part.start)
