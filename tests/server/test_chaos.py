import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from chainrule.server.chaos import FAULTS, Chaos, Following
from chainrule.wire.job import Job, JobEvent, JobState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job("a1", "digits", JobState.RUNNING, created=NOW)


def event(number, job, kind="progress"):
    return JobEvent(number, NOW, kind, "", job)


@pytest.mark.timeout(30)
def test_a_fault_during_which_the_job_ends_is_over_with_it(tmp_path, monkeypatch):
    """The end of a job is trouble that is told once; it was waited for again and again."""
    happened = threading.Event()

    def watch(job):
        yield event(1, replace(JOB, version=1))
        happened.wait(10)
        yield event(2, replace(JOB, version=2, state=JobState.SUCCEEDED), "state")

    chaos = Chaos(tmp_path, 0, Console(stderr=True))
    chaos._following = Following(SimpleNamespace(watch=watch), "a1")
    monkeypatch.setitem(FAULTS, "the end", lambda chaos: happened.set())
    chaos.let_happen("the end")
    assert chaos._following.state is JobState.SUCCEEDED
    assert chaos.recoveries == []


@pytest.mark.timeout(30)
def test_a_job_that_ends_soon_after_a_fault_has_survived_it(tmp_path, monkeypatch):
    """Where it went on and ended before it was seen to go on for good, the fault was not told."""
    happened, goes_on = threading.Event(), threading.Event()

    def watch(job):
        yield event(1, replace(JOB, version=1))
        happened.wait(10)
        yield event(2, replace(JOB, version=1), "workers")
        goes_on.wait(10)
        yield event(3, replace(JOB, version=2, state=JobState.SUCCEEDED), "state")

    class Waited(Following):
        def wait_for_steps(self, seconds):
            goes_on.set()
            return super().wait_for_steps(seconds)

    chaos = Chaos(tmp_path, 0, Console(stderr=True))
    chaos._following = Waited(SimpleNamespace(watch=watch), "a1")
    monkeypatch.setitem(FAULTS, "a fault", lambda chaos: happened.set())
    chaos.let_happen("a fault")
    assert [name for name, _ in chaos.recoveries] == ["a fault"]
