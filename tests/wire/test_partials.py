import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn.arrays import BLOCK
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


@pytest.mark.parametrize(("left", "right"), [(True, False), (False, True), (True, True)])
def test_a_borrowed_gradient_is_only_read(left, right):
    one = Partial(np.float32([1, 2]), Sums(), Sums(), borrowed=left)
    other = Partial(np.float32([10, 20]), Sums(), Sums(), borrowed=right)
    for partial in (one, other):
        partial.gradient.flags.writeable = not partial.borrowed
    total = one.add(other)
    assert total.gradient.tolist() == [11, 22]
    assert not total.borrowed


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_wherever_it_is(number):
    for place in (0, BLOCK - 1, BLOCK, 2 * BLOCK):
        gradient = np.ones(2 * BLOCK + 1, np.float32)
        gradient[place] = number
        assert not Partial(gradient, Sums(), Sums()).finite


def test_large_numbers_are_finite_but_their_sums_may_not_be():
    partial = Partial(np.full(3, 3e38, np.float32), Sums(), Sums())
    assert (partial.finite, partial.modest) == (True, False)


def test_a_digest_tells_gradients_and_sums_apart_but_not_whole_numbers_from_floats():
    gradient = np.float32([1, -2])
    partials = [
        Partial(gradient, Sums(1.5, 8), Sums()),
        Partial(gradient, Sums(1.5, 8), Sums(0, 0, 1)),
        Partial(gradient, Sums(1.5, 9), Sums()),
        Partial(-gradient, Sums(1.5, 8), Sums()),
    ]
    assert len({partial.digest for partial in partials}) == len(partials)
    assert partials[0].digest == Partial(gradient.copy(), Sums(1.5, 8.0, 0), Sums(0.0)).digest
