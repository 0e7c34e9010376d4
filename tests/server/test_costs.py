import itertools
from dataclasses import replace

import numpy as np
import pytest
from costing import COSTS
from hypothesis import given
from hypothesis import strategies as st

from chainrule.server.costs import in_order


@given(st.lists(st.floats(0, 10), min_size=1, max_size=4), st.integers(1, 4))
def test_the_order_of_draws_is_the_mean_over_all_that_can_be_drawn(samples, draws):
    every = np.sort(list(itertools.product(samples, repeat=draws)), axis=1)
    np.testing.assert_allclose(in_order(samples, draws), every.mean(axis=0), atol=1e-9)


@given(st.lists(st.floats(1e-3, 1), min_size=1, max_size=200), st.integers(1, 300))
def test_draws_are_in_order_and_have_the_mean_of_the_samples(samples, draws):
    ordered = in_order(samples, draws)
    assert len(ordered) == draws
    assert (np.diff(ordered) >= -1e-12).all()
    assert ordered.mean() == pytest.approx(np.mean(samples))


def test_a_shard_takes_longer_the_more_processes_compute():
    four = replace(COSTS, crowd=4, alone=(1.0,), crowded=(1.6, 2.0))
    assert [four.shard(busy) for busy in (1, 2, 3, 4, 99)] == pytest.approx(
        [1.0, 1.8 - 1.6 / 3, 1.8 - 0.8 / 3, 1.8, 1.8]
    )
    assert replace(COSTS, crowd=1, alone=(1.0,), crowded=(1.0,)).shard(9) == 1.0


def test_several_shards_are_drawn_as_they_followed_each_other():
    uneven = replace(COSTS, crowded=(1.0, 3.0), alone=(2.0,), crowd=2)
    assert uneven.draws(2, 1, 2) == pytest.approx([1.5, 2.5])
    assert uneven.draws(2, 2, 2) == pytest.approx([4.0, 4.0])
    assert uneven.draws(1, 5, 1) == pytest.approx([10.0])
