import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.assignment import PROOF, Assignment

ACTIONS = st.sampled_from(["deal", "add", "remove", "take", "take", "answer", "answer", "answer", "look", "look"])
MOVES = st.lists(st.tuples(ACTIONS, st.integers(0, 100), st.floats(0, 2)), max_size=60)


def dealt(shards, workers, version=0):
    """An assignment to workers 1, 2, ... at the beginning of a version."""
    assignment = Assignment(shards)
    for worker in range(1, workers + 1):
        assignment.add(worker)
    assignment.deal(version)
    return assignment


def all_nodes(shards):
    return [Node(lo, hi) for lo in range(shards) for hi in range(lo + 1, shards + 1)]


@settings(max_examples=300)
@given(st.integers(1, 12), st.integers(0, 6), MOVES)
def test_every_missing_shard_is_owed_by_one_worker_or_two_or_waits_for_a_free_one(shards, first, moves):
    assignment, nodes, now, version = dealt(shards, first), all_nodes(shards), 0.0, 0
    computing, settled, lent, number = {worker: set() for worker in range(1, first + 1)}, set(), set(), first
    for action, i, later in moves:
        now += later
        workers = list(computing)
        if action == "deal":
            version, settled, lent = version + 1, set(), set()
            assignment.deal(version)
        elif action == "add":
            number += 1
            computing[number] = set()
            assignment.add(number)
        elif action == "look":
            due, before = assignment.next_deadline(), owners(assignment, nodes, computing)
            late = assignment.overtake(now)
            assert bool(late) == (due is not None and due <= now)
            assert all(times >= 3 for times in late.values())
            lent |= {node for node, owing in owners(assignment, nodes, computing).items() if owing != before[node]}
            again = assignment.next_deadline()
            assert again is None or again > now, "who waits for this moment would not wait at all"
        elif workers:
            worker = workers[i % len(workers)]
            if action == "remove":
                assignment.remove(worker)
                del computing[worker]
            elif action == "take":
                told = {(version, node) for node in assignment.take(worker, now)}
                assert not told & computing[worker]
                computing[worker] |= told
            elif computing[worker]:
                at, node = sorted(computing[worker])[i % len(computing[worker])]
                wanted = assignment.owes(worker, node) and at == version
                assignment.answer(worker, at, node, now)
                computing[worker].remove((at, node))
                if wanted:
                    assignment.settle(node)
                    settled.update(range(*node))
        check(owners(assignment, nodes, computing), computing, shards, settled, lent, version)
    for worker in computing:
        told = computing[worker] | {(version, node) for node in assignment.take(worker, now)}
        assert all((version, node) in told for node in nodes if assignment.owes(worker, node))


def owners(assignment, nodes, workers):
    return {node: {worker for worker in workers if assignment.owes(worker, node)} for node in nodes}


def check(owing, computing, shards, settled, lent, version):
    behind = {worker for worker, told in computing.items() if any(at < version for at, _ in told)}
    owed = [shard for node, who in owing.items() if who for shard in range(*node)]
    assert len(owed) == len(set(owed)), "two nodes that overlap are owed"
    assert not set(owed) & settled
    assert not any(who & behind for who in owing.values())
    assert all(len(who) <= (2 if node in lent else 1) for node, who in owing.items())
    if set(owed) | settled != set(range(shards)):
        assert set(computing) == behind, "a shard waits although a worker is free"


@given(st.integers(1, 20), st.integers(1, 25))
def test_dealing_gives_each_worker_nearly_as_many_shards(shards, workers):
    assignment = dealt(shards, workers)
    sizes = [sum(node.hi - node.lo for node in assignment.take(worker, 0.0)) for worker in range(1, workers + 1)]
    assert sum(sizes) == shards
    assert max(sizes) - min(sizes) <= 1


def test_work_that_waits_goes_to_the_first_who_comes():
    assignment = dealt(4, 0)
    assignment.add(1)
    assert assignment.take(1, 0.0) == (Node(0, 4),)


def test_what_a_lost_worker_has_delivered_is_not_wanted_again():
    assignment = dealt(4, 2)
    assignment.settle(Node(0, 2))
    assignment.take(2, 0.0)
    assignment.remove(1)
    assert assignment.take(2, 0.0) == ()


def test_a_stranger_owes_nothing_and_gets_nothing():
    assignment = dealt(2, 1)
    assignment.remove(7)
    assignment.answer(7, 0, Node(0, 2), 0.0)
    assert assignment.take(7, 0.0) == ()
    assert not assignment.owes(7, Node(0, 2))


def answer(assignment, worker, version, node, now):
    assignment.answer(worker, version, node, now)
    assignment.settle(node)


@pytest.fixture
def overtaken():
    """Worker 2 has taken three times as long as worker 1, who is asked too, and an idle worker 3 has not begun."""
    assignment = dealt(2, 2)
    assert [assignment.take(worker, 10.0) for worker in (1, 2)] == [(Node(0, 1),), (Node(1, 2),)]
    answer(assignment, 1, 0, Node(0, 1), 12.0)
    assert assignment.next_deadline() == 16.0
    assert assignment.overtake(15.9) == {}
    assert assignment.overtake(16.0) == {2: 3.0}
    assert assignment.next_deadline() is None
    return assignment


def test_what_is_late_is_computed_elsewhere_too(overtaken):
    assert overtaken.take(1, 16.0) == (Node(1, 2),)
    assert overtaken.owes(1, Node(1, 2))
    assert overtaken.owes(2, Node(1, 2))


def test_a_third_one_is_not_asked(overtaken):
    overtaken.add(3)
    assert overtaken.next_deadline() is None
    assert overtaken.overtake(1000.0) == {}
    assert overtaken.take(3, 1000.0) == ()


def test_where_the_second_one_dies_a_third_one_is_asked(overtaken):
    overtaken.add(3)
    overtaken.remove(1)
    assert overtaken.take(3, 17.0) == ()
    assert overtaken.overtake(17.0) == {2: 3.5}
    assert overtaken.take(3, 17.0) == (Node(1, 2),)


def test_where_the_late_one_dies_the_second_one_goes_on(overtaken):
    overtaken.take(1, 16.0)
    overtaken.remove(2)
    assert overtaken.owes(1, Node(1, 2))
    assert overtaken.take(1, 17.0) == ()


def test_one_answer_settles_it_for_both(overtaken):
    answer(overtaken, 2, 0, Node(1, 2), 17.0)
    assert not any(overtaken.owes(worker, Node(1, 2)) for worker in (1, 2))
    assert overtaken.take(1, 17.0) == ()


def test_who_was_overtaken_takes_part_again_once_it_has_answered(overtaken):
    overtaken.take(1, 16.0)
    answer(overtaken, 1, 0, Node(1, 2), 18.0)
    for version in (1, 2):
        overtaken.deal(version)
        assert overtaken.take(2, 18.0) == ()
        assert overtaken.take(1, 18.0) == (Node(0, 2),)
        answer(overtaken, 1, version, Node(0, 2), 22.0)
    overtaken.answer(2, 0, Node(1, 2), 30.0)
    overtaken.deal(3)
    assert [len(overtaken.take(worker, 30.0)) for worker in (1, 2)] == [1, 1]


def test_who_was_overtaken_is_relied_on_again_after_many_answers_in_time(overtaken):
    """One hiccup must not keep workers from taking steps among themselves for ever."""
    answer(overtaken, 2, 0, Node(1, 2), 17.0)
    overtaken.remove(1)
    overtaken.add(3)
    for version in range(1, PROOF):
        overtaken.deal(version)
        assert overtaken.fresh() == {}
        for worker in (2, 3):
            for node in overtaken.take(worker, 20.0):
                answer(overtaken, worker, version, node, 21.0)
    for version in (PROOF, PROOF + 1):
        overtaken.deal(version)
    assert overtaken.fresh().keys() == {2, 3}


def test_what_nobody_owes_goes_to_one_who_has_caught_up(overtaken):
    overtaken.take(1, 16.0)
    answer(overtaken, 1, 0, Node(1, 2), 18.0)
    overtaken.deal(1)
    overtaken.remove(1)
    assert overtaken.take(2, 19.0) == ()
    overtaken.answer(2, 0, Node(1, 2), 20.0)
    assert overtaken.take(2, 20.0) == (Node(0, 2),)


def test_help_is_asked_first_of_those_who_were_not_overtaken_lately(overtaken):
    for worker in (3, 4):
        overtaken.add(worker)
    answer(overtaken, 2, 0, Node(1, 2), 20.0)
    overtaken.remove(1)
    overtaken.deal(1)
    assert [len(overtaken.take(worker, 20.0)) for worker in (2, 3, 4)] == [0, 1, 1]


def test_a_worker_with_two_nodes_has_time_for_both():
    assignment = dealt(3, 2)
    assert [assignment.take(worker, 0.0) for worker in (1, 2)] == [(Node(0, 1),), (Node(1, 3),)]
    answer(assignment, 1, 0, Node(0, 1), 1.0)
    assert assignment.next_deadline() == 6.0


def test_a_worker_lags_by_what_it_still_computes():
    assignment = dealt(4, 2)
    assignment.take(1, 0.0)
    assert [assignment.lag(worker) for worker in (1, 2, 3)] == [0, 0, 0]
    assignment.deal(3)
    assert [assignment.lag(worker) for worker in (1, 2)] == [3, 0]
    assignment.answer(1, 0, Node(0, 2), 1.0)
    assert assignment.lag(1) == 0


def test_shards_that_are_apart_are_nodes_of_their_own():
    assignment = Assignment(5, apart=True)
    for worker in (1, 2):
        assignment.add(worker)
    assignment.deal(1)
    owed = [assignment.take(worker, 0.0) for worker in (1, 2)]
    assert [node for nodes in owed for node in nodes] == [Node(k, k + 1) for k in range(5)]
