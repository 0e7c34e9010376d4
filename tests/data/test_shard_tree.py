import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.shard_tree import Node, add_up, deal, fold, largest_nodes, parent, root

shards = st.integers(1, 70)


def nodes(node):
    """All nodes below and with a node."""
    return [node] if node.leaf else [node, *(below for child in node.children for below in nodes(child))]


@st.composite
def ranges(draw):
    S = draw(shards)
    lo = draw(st.integers(0, S))
    return S, lo, draw(st.integers(lo, S))


@given(shards)
def test_children_partition_their_node(S):
    for node in nodes(root(S)):
        if not node.leaf:
            left, right = node.children
            assert (left.lo, left.hi, right.hi) == (node.lo, right.lo, node.hi)
            assert left.lo < left.hi < right.hi
            assert 0 <= (right.hi - right.lo) - (left.hi - left.lo) <= 1


@given(shards)
def test_parent_inverts_children(S):
    assert parent(root(S), S) is None
    for node in nodes(root(S)):
        if not node.leaf:
            assert [parent(child, S) for child in node.children] == [node, node]


@given(shards)
def test_a_tree_has_each_shard_once_and_one_node_less_than_twice_as_many(S):
    tree = nodes(root(S))
    assert [node.lo for node in tree if node.leaf] == list(range(S))
    assert len(set(tree)) == len(tree) == 2 * S - 1


@given(shards, st.integers(-2, 72), st.integers(-2, 72))
def test_what_is_no_node_of_the_tree_has_no_parent(S, lo, hi):
    if Node(lo, hi) not in nodes(root(S)):
        with pytest.raises(ValueError, match="is no node of a tree of"):
            parent(Node(lo, hi), S)


@given(ranges())
def test_the_largest_nodes_are_the_range_and_none_could_be_larger(case):
    S, lo, hi = case
    found = largest_nodes(lo, hi, S)
    assert [shard for node in found for shard in range(node.lo, node.hi)] == list(range(lo, hi))
    for node in found:
        above = parent(node, S)
        assert above is None or not (lo <= above.lo and above.hi <= hi)


@given(ranges())
def test_a_range_has_few_largest_nodes(case):
    S, lo, hi = case
    assert len(largest_nodes(lo, hi, S)) <= 2 * max(1, S - 1).bit_length() + 1


@given(shards, st.integers(1, 80))
def test_dealing_covers_all_shards_in_contiguous_ranges_of_nearly_one_size(S, workers):
    dealt = deal(S, workers)
    assert len(dealt) == workers
    assert [shard for lo, hi in dealt for shard in range(lo, hi)] == list(range(S))
    sizes = [hi - lo for lo, hi in dealt]
    assert max(sizes) - min(sizes) <= 1


@given(shards)
def test_fold_adds_up_in_the_order_of_the_tree(S):
    def written(node):
        return f"{node.lo}" if node.leaf else "({}+{})".format(*map(written, node.children))

    assert fold(root(S), str, lambda left, right: f"({left}+{right})") == written(root(S))


@given(ranges(), st.integers(0, 2**32))
def test_sums_of_parts_have_the_bits_of_the_sum_of_all(case, seed):
    S, lo, hi = case
    values = np.random.default_rng(seed).normal(size=S).astype(np.float32)
    parts = {node: fold(node, values.__getitem__, np.add) for node in nodes(root(S))}
    for node in largest_nodes(lo, hi, S):
        while (above := parent(node, S)) is not None:
            left, right = above.children
            assert parts[above] == parts[left] + parts[right]
            node = above


def test_four_shards():
    assert root(4).children == (Node(0, 2), Node(2, 4))
    assert largest_nodes(1, 4, 4) == (Node(1, 2), Node(2, 4))
    assert str(Node(2, 4)) == "[2, 4)"


@given(shards, st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_what_workers_give_adds_up_to_the_bits_of_all_shards(S, workers, seed):
    values = np.random.default_rng(seed).normal(size=S).astype(np.float32)

    def value(node):
        return fold(node, lambda shard: values[shard], lambda left, right: left + right)

    ranges = deal(S, min(S, workers))
    given_nodes = {node: value(node) for lo, hi in ranges for node in largest_nodes(lo, hi, S)}
    assert add_up(given_nodes, root(S), lambda left, right: left + right) == value(root(S))
