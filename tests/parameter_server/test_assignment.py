from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.assignment import Assignment

ACTIONS = st.sampled_from(["deal", "add", "remove", "take", "settle"])


@settings(max_examples=200)
@given(st.integers(1, 20), st.integers(0, 6), st.lists(st.tuples(ACTIONS, st.integers(0, 100)), max_size=25))
def test_every_unsettled_shard_is_owed_by_one_worker_or_waits_for_one(shards, first, actions):
    assignment, workers, number = Assignment(shards), list(range(first)), first
    assignment.deal(workers)
    nodes = all_nodes(shards)
    settled, told = set(), {worker: set() for worker in workers}
    for action, i in actions:
        if action == "deal":
            assignment.deal(workers)
            settled, told = set(), {worker: set() for worker in workers}
        elif action == "add":
            assignment.add(number)
            workers.append(number)
            told[number] = set()
            number += 1
        elif workers:
            worker = workers[i % len(workers)]
            if action == "remove":
                workers.remove(worker)
                assignment.remove(worker)
            elif action == "take":
                told[worker].update(assignment.take(worker))
                assert assignment.take(worker) == ()
            elif open_ := [node for node in told[worker] if assignment.owes(worker, node)]:
                assignment.settle(worker, open_[0])
                settled.update(range(*open_[0]))
        owed = [shard for w in workers for node in nodes if assignment.owes(w, node) for shard in range(*node)]
        assert len(owed) == len(set(owed)), "a shard is owed twice"
        if workers:
            assert set(owed) | settled == set(range(shards))
        assert not set(owed) & settled
    for worker in workers:
        told[worker].update(assignment.take(worker))
        assert all(node in told[worker] for node in nodes if assignment.owes(worker, node))


def all_nodes(shards):
    return [Node(lo, hi) for lo in range(shards) for hi in range(lo + 1, shards + 1)]


@given(st.integers(1, 20), st.integers(1, 25))
def test_dealing_gives_each_worker_nearly_as_many_shards(shards, workers):
    assignment = Assignment(shards)
    assignment.deal(range(workers))
    sizes = [sum(node.hi - node.lo for node in assignment.take(worker)) for worker in range(workers)]
    assert sum(sizes) == shards
    assert max(sizes) - min(sizes) <= 1


def test_work_that_waits_goes_to_the_first_who_comes():
    assignment = Assignment(4)
    assignment.deal([])
    assignment.add(1)
    assert assignment.take(1) == (Node(0, 4),)


def test_what_a_lost_worker_has_delivered_is_not_wanted_again():
    assignment = Assignment(4)
    assignment.deal([1, 2])
    assignment.settle(1, Node(0, 2))
    assignment.take(2)
    assignment.remove(1)
    assert assignment.take(2) == ()


def test_a_stranger_owes_nothing_and_gets_nothing():
    assignment = Assignment(2)
    assignment.deal([1])
    assignment.remove(7)
    assert assignment.take(7) == ()
    assert not assignment.owes(7, Node(0, 2))
