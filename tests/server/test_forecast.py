from dataclasses import replace

import pytest
from costing import COSTS, costs, counts, seconds
from hypothesis import example, given
from hypothesis import strategies as st

from chainrule.server.costs import Talk
from chainrule.server.forecast import ENOUGH, Link, Place, forecast, worthwhile

HERE, LOOPBACK = Place(tcp=False), Place()
TINY = 1 + 1e-9  # of rounding


def hosts(bits=10e9, latency=1e-4):
    return Place(link=Link(bits, latency))


def places():
    links = st.builds(Link, st.floats(1e8, 1e11), st.floats(0, 1e-2))
    return st.one_of(st.just(HERE), st.just(LOOPBACK), links.map(lambda link: Place(link=link)))


@given(costs(), places(), st.integers(1, 300), st.sampled_from([1, 3, 8, 256]))
@example(replace(COSTS, cores=1), HERE, 2, 3)
def test_phases_are_durations(costs, place, workers, shards):
    told = forecast(counts(shards), costs, place, workers)
    assert min(told.phases.values()) >= -1e-9
    assert told.samples_per_second == pytest.approx(256 * shards / sum(told.phases.values()))


@given(costs(), st.integers(1, 64), st.floats(1e8, 1e11), st.floats(1, 100))
def test_more_bandwidth_is_never_slower(costs, workers, bits, factor):
    step = counts(64)
    slow, fast = (forecast(step, costs, hosts(each), workers).seconds for each in (bits, bits * factor))
    assert fast <= slow * TINY


@given(costs(), st.integers(1, 64), seconds(0), seconds(0))
def test_a_round_trip_is_waited_for_once_in_a_step(costs, workers, one, more):
    near, far = (forecast(counts(64), costs, hosts(latency=each), workers).seconds for each in (one, one + more))
    assert far - near == pytest.approx(more)


FIELDS = ("validate", "add", "fingerprint", "apply_one", "apply_two", "copy", "stream", "sharing")


@given(costs(), places(), st.integers(1, 16), st.sampled_from([1, 6, 16]), st.sampled_from(FIELDS), st.floats(1, 9))
@example(COSTS, LOOPBACK, 2, 6, "copy", 2.0)
def test_what_costs_more_never_makes_a_step_faster(costs, place, workers, shards, field, factor):
    dear = replace(costs, **{field: getattr(costs, field) * factor})
    cheap, dear = (forecast(counts(shards), each, place, workers).seconds for each in (costs, dear))
    assert cheap <= dear * TINY


@given(costs(), places(), st.sampled_from([1, 8]))
def test_one_worker_has_no_straggler(costs, place, shards):
    assert forecast(counts(shards), costs, place, 1).phases["stragglers"] == pytest.approx(0)


@given(places(), st.integers(2, 16))
def test_where_all_are_as_fast_nobody_is_waited_for(place, workers):
    even = replace(COSTS, crowded=(0.011,) * 9, cores=16)
    assert forecast(counts(16), even, place, workers).phases["stragglers"] == pytest.approx(0)


def test_the_more_draws_the_later_the_last_one():
    times = [forecast(counts(64), COSTS, hosts(), n).phases["stragglers"] for n in (1, 2, 4, 64)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(max(COSTS.crowded) - sum(COSTS.crowded) / 4, rel=0.01)


def test_one_worker_on_the_host_of_the_server_takes_the_sum_of_its_parts():
    told = forecast(counts(1, hashes=False), COSTS, HERE, 1)
    assert told.seconds == pytest.approx(COSTS.local.step + 0.010 + COSTS.apply_one)
    assert (told.bytes_down, told.bytes_up) == (0, 0)


@given(costs(), st.integers(1, 64), st.floats(1e7, 1e11))
def test_nothing_is_faster_than_the_link_of_the_server(costs, workers, bits):
    told = forecast(counts(64), costs, hosts(bits), workers)
    size = counts().weight_bytes
    assert told.phases["weights"] * TINY >= workers * size / Link(bits, 0).bytes
    assert told.seconds * TINY >= 2 * workers * size / Link(bits, 0).bytes - costs.shard(workers) * 64


@given(costs(), st.integers(1, 32))
def test_processors_that_are_shared_do_all_the_work(costs, workers):
    step = counts(32)
    for place in (HERE, LOOPBACK):
        assert forecast(step, costs, place, workers).seconds * costs.cores * TINY >= 32 * costs.shard(workers)


@given(costs(), places(), st.integers(1, 9))
def test_more_workers_than_shards_change_nothing(costs, place, shards):
    step = counts(shards)
    assert forecast(step, costs, place, shards + 5).seconds == forecast(step, costs, place, shards).seconds


@given(costs(), st.integers(1, 16), st.floats(1e8, 1e11))
def test_rounded_gradients_of_a_shard_for_each_worker_are_never_slower(costs, workers, bits):
    exact, rounded = (forecast(counts(workers, up=up), costs, hosts(bits), workers) for up in (4, 2))
    assert rounded.seconds <= exact.seconds * TINY
    assert rounded.bytes_down == exact.bytes_down
    assert exact.bytes_up - rounded.bytes_up == workers * 2 * counts().parameters


def test_partials_queue_for_the_server():
    """All of 64 workers are ready at once: the server's messages come one behind the other."""
    even = replace(COSTS, crowded=(0.011,), tcp=Talk(1e-3, 1e-3, 0.0), cores=64, crowd=64)
    few, many = (forecast(counts(n), even, hosts(1e15), n).phases["collect"] for n in (1, 64))
    assert many >= few + 63e-3


def test_more_workers_are_worth_having_as_long_as_they_help():
    assert worthwhile({1: 10.0, 2: 19.0, 4: 20.0, 8: 15.0}) == 2
    assert worthwhile({1: 10.0, 2: 20.0 * ENOUGH - 0.1, 4: 20.0}) == 4
    assert worthwhile({1: 3.0}) == 1
