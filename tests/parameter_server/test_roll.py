from chainrule.data.shard_tree import Node
from chainrule.parameter_server.roll import Roll


def test_shards_rate_lag_and_lost_leases():
    roll = Roll(now=10.0)
    for incarnation, name in ((1, "w1"), (2, "w2"), (3, "w3")):
        roll.join(incarnation, name)
    for lo in (0, 1):
        roll.applied(1, 4, Node(lo, lo + 1), 32.0)
    roll.applied(1, 4, Node(3, 4), 32.0)
    roll.applied(2, 3, Node(2, 3), 16.0)
    assert roll.told([1, 2, 3], version=5, now=12.0) == [
        {"name": "w1", "incarnation": 1, "shards": [[0, 2], [3, 4]], "samples_per_second": 48.0, "lag": 0, "leases_lost": 0},
        {"name": "w2", "incarnation": 2, "shards": [[2, 3]], "samples_per_second": 8.0, "lag": 1, "leases_lost": 0},
        {"name": "w3", "incarnation": 3, "shards": [], "samples_per_second": 0.0, "lag": None, "leases_lost": 0},
    ]  # fmt: skip


def test_rates_are_those_since_the_last_look_and_shards_those_of_the_last_version():
    roll = Roll(now=0.0)
    roll.join(1, "w1")
    roll.applied(1, 0, Node(0, 2), 100.0)
    roll.told([1], version=1, now=1.0)
    roll.applied(1, 1, Node(0, 1), 30.0)
    [entry] = roll.told([1], version=2, now=4.0)
    assert (entry["samples_per_second"], entry["shards"]) == (10.0, [[0, 1]])
    assert roll.told([1], version=2, now=4.0)[0]["samples_per_second"] == 0.0


def test_a_name_that_has_lost_its_lease_and_is_back_keeps_the_count():
    roll = Roll(now=0.0)
    roll.join(1, "w1")
    roll.lose(1)
    roll.join(2, "w1")
    assert [(each["incarnation"], each["leases_lost"]) for each in roll.told([2], 0, 1.0)] == [(2, 1)]
