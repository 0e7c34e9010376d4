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
    told = roll.told({1: 0, 2: 1, 3: 0}, now=12.0)
    assert [(each["name"], each["incarnation"], each["leases_lost"]) for each in told] == [
        ("w1", 1, 0),
        ("w2", 2, 0),
        ("w3", 3, 0),
    ]
    assert [each["shards"] for each in told] == [[[0, 2], [3, 4]], [[2, 3]], []]
    assert [(each["samples_per_second"], each["lag"]) for each in told] == [(48.0, 0), (8.0, 1), (0.0, 0)]


def test_rates_are_those_since_the_last_look_and_shards_those_of_the_last_version():
    roll = Roll(now=0.0)
    roll.join(1, "w1")
    roll.applied(1, 0, Node(0, 2), 100.0)
    roll.told({1: 0}, now=1.0)
    roll.applied(1, 1, Node(0, 1), 30.0)
    [entry] = roll.told({1: 0}, now=4.0)
    assert (entry["samples_per_second"], entry["shards"]) == (10.0, [[0, 1]])
    assert roll.told({1: 0}, now=4.0)[0]["samples_per_second"] == 0.0


def test_a_name_that_has_lost_its_lease_and_is_back_keeps_the_count():
    roll = Roll(now=0.0)
    roll.join(1, "w1")
    roll.lose(1)
    roll.join(2, "w1")
    assert [(each["incarnation"], each["leases_lost"]) for each in roll.told({2: 0}, 1.0)] == [(2, 1)]
