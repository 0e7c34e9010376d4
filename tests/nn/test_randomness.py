from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Purpose, generator

seeds = st.integers(0, 2**63 - 1)
counters = st.lists(st.integers(0, 2**31), min_size=1, max_size=3)
purposes = st.sampled_from(list(Purpose))


def numbers(seed, purpose, *counters):
    return generator(seed, purpose, *counters).integers(0, 2**62, 8).tolist()


@given(seeds, purposes, counters)
def test_the_same_arguments_give_the_same_numbers(seed, purpose, counters):
    expected = numbers(seed, purpose, *counters)
    numbers(seed + 1, purpose, *counters)
    assert numbers(seed, purpose, *counters) == expected


@given(seeds, purposes, counters, st.data())
def test_the_numbers_depend_on_every_argument(seed, purpose, counters, data):
    ours = numbers(seed, purpose, *counters)
    assert numbers(data.draw(seeds.filter(lambda other: other != seed)), purpose, *counters) != ours
    for other in Purpose:
        assert other == purpose or numbers(seed, other, *counters) != ours
    for i in range(len(counters)):
        changed = [*counters[:i], counters[i] + 1, *counters[i + 1 :]]
        assert numbers(seed, purpose, *changed) != ours


def test_the_order_of_the_counters_counts():
    drawn = {tuple(numbers(0, Purpose.ORDER_OF_ROWS, *order)) for order in permutations((1, 2, 3))}
    assert len(drawn) == 6


def test_the_numbers_are_those_of_every_release():
    assert [int(purpose) for purpose in Purpose] == [1, 2, 3, 4, 5]
    assert generator(0, Purpose.DEAL_ROWS).permutation(10).tolist() == [0, 5, 8, 1, 3, 4, 6, 7, 9, 2]
