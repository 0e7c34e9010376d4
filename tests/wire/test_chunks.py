import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chainrule.nn import aligned_empty
from chainrule.wire.chunks import CHUNK_BYTES, Assembly, to_chunks
from chainrule.wire.errors import ShapeMismatch

PER_CHUNK = CHUNK_BYTES // 4


def numbers(size):
    return np.random.default_rng(size).normal(size=size).astype(np.float32)


@settings(max_examples=20)
@given(st.integers(0, 3 * PER_CHUNK))
@example(0)
@example(1)
@example(PER_CHUNK)
@example(PER_CHUNK + 1)
@example(2 * PER_CHUNK)
def test_a_buffer_of_any_size_comes_over_bit_by_bit(size):
    sent, received = numbers(size), aligned_empty(size)
    assembly, complete = Assembly(received), []
    for offset, data in to_chunks(sent):
        assert 0 < len(data) <= CHUNK_BYTES
        complete.append(assembly.add(offset, data))
    assert complete == [False] * (len(complete) - 1) + [True] * (size > 0)
    assert received.tobytes() == sent.tobytes()


def test_the_bytes_are_little_endian_float32():
    assert list(to_chunks(np.array([1.0]))) == [(0, b"\x00\x00\x80\x3f")]


def test_a_view_with_gaps_is_sent_as_its_numbers():
    assert b"".join(data for _, data in to_chunks(numbers(10)[::3])) == numbers(10)[::3].tobytes()


def test_a_chunk_is_a_copy():
    flat = numbers(3)
    chunks = list(to_chunks(flat))
    before = chunks[0][1]
    flat.fill(0)
    assert np.frombuffer(before, np.float32).any()


@pytest.mark.parametrize(
    ("offset", "data"), [(4, b"1234"), (0, b"12345678" * 2), (8, b""), (2**40, b"1234"), (-4, b"1234")]
)
def test_a_chunk_out_of_place_is_refused_and_changes_nothing(offset, data):
    flat = np.zeros(2, np.float32)
    assembly = Assembly(flat)
    with pytest.raises(ShapeMismatch, match=f"a chunk of {len(data)} bytes at {offset}, expected at 0 of 8"):
        assembly.add(offset, data)
    assert not flat.any()
    assert assembly.add(0, np.float32([1, 2]).tobytes())


def test_a_chunk_that_comes_twice_is_refused():
    assembly = Assembly(np.zeros(2, np.float32))
    assert not assembly.add(0, b"1234")
    with pytest.raises(ShapeMismatch):
        assembly.add(0, b"1234")


def test_a_chunk_behind_the_end_is_refused():
    assembly = Assembly(np.zeros(1, np.float32))
    assert assembly.add(0, b"1234")
    with pytest.raises(ShapeMismatch):
        assembly.add(4, b"1")


def test_nothing_fits_into_an_empty_buffer():
    with pytest.raises(ShapeMismatch):
        Assembly(aligned_empty(0)).add(0, b"1234")
