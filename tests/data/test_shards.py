from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.shards import RowOrder, split_rows, steps_per_epoch

rows = st.integers(1, 300)
fractions = st.floats(0, 0.9)
seeds = st.integers(0, 2**63 - 1)


@given(rows, fractions, st.integers(1, 20), seeds)
def test_splitting_gives_every_row_to_one_shard_once(rows, fraction, shards, seed):
    training, validation = split_rows(rows, fraction, shards, seed)
    assert len(training) == len(validation) == shards
    assert sorted(np.concatenate([*training, *validation]).tolist()) == list(range(rows))
    assert abs(sum(map(len, validation)) - rows * fraction) <= 0.5
    for parts in (training, validation):
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(rows, fractions, st.integers(1, 20), seeds)
def test_splitting_depends_on_its_arguments_only(rows, fraction, shards, seed):
    first = split_rows(rows, fraction, shards, seed)
    split_rows(rows + 1, fraction, shards, seed + 1)
    again = split_rows(rows, fraction, shards, seed)
    for ours, theirs in zip([*first[0], *first[1]], [*again[0], *again[1]], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), fractions, st.integers(1, 9), seeds)
def test_each_class_has_its_share_of_the_validation_rows(classes, fraction, shards, seed):
    Y = np.array(classes, np.int32)
    training, validation = (np.concatenate(parts) for parts in split_rows(len(Y), fraction, shards, seed, Y))
    assert sorted([*training, *validation]) == list(range(len(Y)))
    assert len(validation) == round(len(Y) * fraction)
    for c in range(5):
        assert abs(np.sum(Y[validation] == c) - np.sum(c == Y) * len(validation) / len(Y)) < 1


@given(fractions, seeds)
def test_another_seed_splits_otherwise(fraction, seed):
    training = [np.concatenate(split_rows(100, fraction, 2, seed + i)[0]).tolist() for i in range(2)]
    assert training[0] != training[1]


@given(seeds, st.integers(0, 50), rows, st.integers(1, 40), st.integers(0, 5))
def test_an_epoch_visits_every_row_once_and_only_its_last_step_is_smaller(seed, shard, rows, per_step, epoch):
    order = RowOrder(seed, shard, rows, per_step)
    steps = [order.rows(epoch, step) for step in range(steps_per_epoch((rows,), per_step))]
    assert sorted(np.concatenate(steps).tolist()) == list(range(rows))
    assert all(len(step) == per_step for step in steps[:-1])
    assert 1 <= len(steps[-1]) <= per_step


@given(st.lists(rows, min_size=1, max_size=6), st.integers(1, 40))
def test_after_the_steps_of_an_epoch_the_largest_shard_has_nothing_left(rows_of_shards, per_step):
    steps = steps_per_epoch(tuple(rows_of_shards), per_step)
    orders = [RowOrder(0, shard, rows, per_step) for shard, rows in enumerate(rows_of_shards)]
    assert sum(len(order.rows(0, step)) for order in orders for step in range(steps)) == sum(rows_of_shards)
    assert any(len(order.rows(0, steps - 1)) for order in orders)
    assert not any(len(order.rows(0, steps)) for order in orders)


@settings(max_examples=30)
@given(seeds, st.integers(0, 50), st.integers(0, 50))
def test_orders_differ_by_seed_epoch_and_shard(seed, epoch, shard):
    def order(seed, epoch, shard):
        return RowOrder(seed, shard, 50, 50).rows(epoch, 0).tolist()

    ours = order(seed, epoch, shard)
    assert ours == order(seed, epoch, shard)
    for other in ((seed + 1, epoch, shard), (seed, epoch + 1, shard), (seed, epoch, shard + 1)):
        assert order(*other) != ours


@given(seeds, st.permutations([(epoch, step) for epoch in range(3) for step in range(3)]))
def test_the_rows_of_a_step_do_not_depend_on_the_steps_asked_for_before(seed, questions):
    used = RowOrder(seed, 1, 10, 4)
    for epoch, step in questions:
        np.testing.assert_array_equal(used.rows(epoch, step), RowOrder(seed, 1, 10, 4).rows(epoch, step))


def test_every_way_to_deal_is_as_likely():
    ways = Counter(str(split_rows(3, 0, 3, seed)[0]) for seed in range(600))
    assert len(ways) == 6
    assert all(60 < count < 150 for count in ways.values())
