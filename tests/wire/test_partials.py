import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.partials import Partial, Sums

sums = st.builds(Sums, *[st.floats(allow_nan=False)] * 3)


@given(sums)
def test_sums_survive_their_message(ours):
    assert Sums.from_message(pb.Sums.FromString(ours.message().SerializeToString())) == ours


@given(sums, sums)
def test_sums_add_part_by_part(a, b):
    expected = (a.loss + b.loss, a.weight + b.weight, a.right + b.right)
    np.testing.assert_array_equal([(a + b).loss, (a + b).weight, (a + b).right], expected)


def test_a_sum_of_partials_lies_in_the_left_ones_buffer():
    left = Partial(np.float32([1, 2]), Sums(1, 2, 0), Sums())
    right = Partial(np.float32([10, 20]), Sums(3, 4, 1), Sums(5, 6, 7))
    total = left.add(right)
    assert total.gradient is left.gradient
    assert total.gradient.tolist() == [11, 22]
    assert right.gradient.tolist() == [10, 20]
    assert (total.training, total.validation) == (Sums(4, 6, 1), Sums(5, 6, 7))
