import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Sums
from chainrule.wire.stretched import DIGEST_BYTES, Seconds, StretchStep, most_steps, pack, unpack

numbers = st.floats(allow_nan=False)


@st.composite
def stretches(draw):
    nodes, layers = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    step = st.builds(
        StretchStep,
        st.tuples(*[st.builds(Sums, numbers, numbers)] * nodes),
        st.tuples(*[st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES)] * nodes),
        st.binary(min_size=8 * layers, max_size=8 * layers),
        st.builds(Seconds, numbers, numbers, numbers, numbers),
    )
    return draw(st.lists(step, max_size=5))


@given(stretches())
def test_steps_come_out_as_they_went_in(steps):
    message = pb.Stretched.FromString(pack(3, steps).SerializeToString())
    assert message.number == 3
    assert unpack(message) == tuple(steps)


@pytest.mark.parametrize("field", ["numbers", "digests", "layers"])
def test_bytes_that_are_no_steps_are_refused(field):
    step = StretchStep((Sums(1.0, 2.0),), (bytes(DIGEST_BYTES),), bytes(16), Seconds(1, 2, 3, 4))
    message = pack(1, [step, step])
    setattr(message, field, getattr(message, field)[:-1])
    with pytest.raises(ShapeMismatch, match="of 1 nodes"):
        unpack(message)


@pytest.mark.parametrize(("nodes", "layers"), [(1, 2), (4, 16), (20, 200)])
def test_the_most_steps_fill_a_packet(nodes, layers):
    nothing = (bytes(DIGEST_BYTES),) * nodes
    step = StretchStep((Sums(0.1, 0.1),) * nodes, nothing, bytes(8 * layers), Seconds(1, 2, 3, 4))
    steps = [step] * most_steps(nodes, layers)
    length = len(pb.WorkerMessage(stretched=pack(2**60, steps)).SerializeToString())
    assert 0.95 * packets.MOST_BYTES < length <= packets.MOST_BYTES
