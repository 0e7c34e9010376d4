import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.chunks import CHUNK_BYTES, to_chunks
from chainrule.wire.frames import Chunk, gradient_frames, server_message, to_bytes, weights_frames, worker_message

FLAT = np.random.default_rng(0).standard_normal(CHUNK_BYTES // 2 + 3, np.float32)


@given(st.integers(0, 2**63))
def test_weights_are_the_messages_that_protobuf_reads(version):
    read = [pb.ServerMessage.FromString(frame).weights for frame in weights_frames(version, FLAT)]
    assert [(each.version, each.offset, each.data) for each in read] == [(version, *chunk) for chunk in to_chunks(FLAT)]


def test_gradients_are_the_messages_that_protobuf_reads():
    read = [pb.WorkerMessage.FromString(frame).chunk for frame in gradient_frames(FLAT)]
    assert [(each.offset, each.data) for each in read] == list(to_chunks(FLAT))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_chunks_that_protobuf_writes_are_read(version, offset, data):
    down = pb.ServerMessage(weights=pb.WeightsChunk(version=version, offset=offset, data=data))
    up = pb.WorkerMessage(chunk=pb.GradientChunk(offset=offset, data=data))
    assert server_message(down.SerializeToString()) == Chunk(offset, data)
    assert worker_message(up.SerializeToString()) == Chunk(offset, data)


def test_other_messages_are_what_they_are():
    down = pb.ServerMessage(stop=pb.Stop(reason="over"))
    up = pb.WorkerMessage(hello=pb.Hello(generation=3))
    assert server_message(to_bytes(down)) == down
    assert worker_message(to_bytes(up)) == up
    assert to_bytes(b"frame") == b"frame"


@given(st.binary(max_size=40), st.sampled_from([server_message, worker_message]))
def test_nonsense_is_an_error_or_a_chunk_but_never_reads_beyond_its_end(raw, read):
    for start in (b"\x0a", b"\x1a"):
        try:
            message = read(start + raw)
        except Exception as error:
            assert type(error).__name__ in ("ValueError", "DecodeError", "KeyError")  # noqa: PT017
        else:
            assert not isinstance(message, Chunk) or len(message.data) <= len(raw)


@pytest.mark.parametrize("flat", [np.empty(0, np.float32)])
def test_nothing_is_sent_of_nothing(flat):
    assert list(gradient_frames(flat)) == list(weights_frames(1, flat)) == []
