from datetime import UTC, datetime

import pytest

from chainrule.server.live import KEPT_SECONDS, Ended, LiveJob, Waiting
from chainrule.wire.job import Job, JobState


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def job(id):
    return LiveJob(Job(id, id, JobState.FAILED, datetime.now(UTC)))


def ids(ended):
    return [live.job.id for live in ended]


def test_the_figures_of_a_job_that_has_ended_are_kept_for_a_while(clock):
    ended = Ended(clock)
    ended.add(job("a"))
    clock.now += KEPT_SECONDS - 1
    ended.add(job("b"))
    assert ids(ended) == ["b", "a"]
    clock.now += 1
    assert ids(ended) == ["b"]


def test_those_whose_time_is_over_need_no_memory(clock):
    ended = Ended(clock)
    for i in range(1000):
        ended.add(job(str(i)))
        clock.now += KEPT_SECONDS / 10
    assert len(ended._jobs) == 10


def test_a_job_that_is_deleted_is_forgotten(clock):
    ended = Ended(clock)
    for name in "ab":
        ended.add(job(name))
    ended.forget("a")
    assert ids(ended) == ["b"]


def test_a_job_waits_since_it_was_first_seen_to_wait(clock):
    waiting = Waiting(clock)
    assert (len(waiting), waiting.longest()) == (0, 0)
    for name, seconds in (("a", 5), ("b", 5), ("a", 5)):
        waiting.note(name, True)
        clock.now += seconds
    assert (len(waiting), waiting.longest()) == (2, 15)
    waiting.note("a", False)
    assert (len(waiting), waiting.longest()) == (1, 10)


def test_no_wait_is_negative_while_the_clock_moves_between_two_reads():
    ticks = iter(range(100))
    waiting = Waiting(lambda: float(next(ticks)))
    assert waiting.longest() == 0
    waiting.note("a", True)
    assert waiting.longest() > 0
    waiting.note("a", False)
    assert waiting.longest() == 0
