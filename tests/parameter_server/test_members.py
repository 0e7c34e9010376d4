import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.parameter_server.members import HEARTBEAT_SECONDS, LEASE_SECONDS, Members
from chainrule.wire.errors import Fenced


def test_a_lease_outlives_some_lost_heartbeats():
    assert LEASE_SECONDS >= 3 * HEARTBEAT_SECONDS


def test_a_silent_worker_loses_its_lease():
    members = Members()
    worker = members.join(100.0)
    assert members.expired(100.0 + LEASE_SECONDS - 0.01) == []
    assert members.expired(100.0 + LEASE_SECONDS) == [worker]


def test_a_heartbeat_renews_the_lease():
    members = Members()
    worker = members.join(0.0)
    members.beat(worker, 4.0)
    assert members.expired(4.0 + LEASE_SECONDS - 0.01) == []
    assert members.next_end() == 4.0 + LEASE_SECONDS


def test_a_heartbeat_after_the_end_is_fenced():
    members = Members()
    worker = members.join(0.0)
    members.leave(worker)
    for stranger in (worker, worker + 1):
        with pytest.raises(Fenced, match=f"worker {stranger} has lost its lease"):
            members.beat(stranger, 1.0)


def test_nobody_has_no_next_end():
    assert Members().next_end() is None


def test_a_member_may_leave_while_members_are_counted():
    members = Members()
    for _ in range(3):
        members.join(0.0)
    for worker in members:
        members.leave(worker)
    assert len(members) == 0


times = st.floats(0, 3)


@given(st.lists(st.tuples(st.sampled_from(["join", "beat", "leave", "look"]), times, st.integers(0, 5))))
def test_members_are_those_who_were_heard_within_the_lease(moves):
    members, heard, given_, now = Members(), {}, [], 0.0
    for move, later, i in moves:
        now += later
        if move == "join":
            given_.append(members.join(now))
            heard[given_[-1]] = now
        elif move == "leave" and given_:
            members.leave(given_[i % len(given_)])
            heard.pop(given_[i % len(given_)], None)
        elif move == "beat" and given_ and given_[i % len(given_)] in heard:
            members.beat(given_[i % len(given_)], now)
            heard[given_[i % len(given_)]] = now
        else:
            assert set(members.expired(now)) == {m for m, moment in heard.items() if moment + LEASE_SECONDS <= now}
        assert set(members) == set(heard)
        assert members.next_end() == min((moment + LEASE_SECONDS for moment in heard.values()), default=None)
    assert len(set(given_)) == len(given_)


def test_staleness_is_that_of_the_last_of_those_who_have_answered():
    members = Members()
    first, second = members.join(0.0), members.join(0.0)
    assert members.staleness(7) == 0
    members.answer(first, 6)
    assert members.staleness(7) == 0
    members.answer(second, 3)
    members.answer(second, 2)  # late
    assert members.staleness(7) == 3
    members.leave(second)
    members.answer(second, 3)
    assert members.staleness(7) == 0
