import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from chainrule.client.top import SORTS, age, arranged, document, headline, jobs_table
from chainrule.wire.errors import ServiceUnavailable
from chainrule.wire.job import Health, JobState

MAIN = "import sys; from chainrule.client.commands import *; sys.exit(invoke(group))"


@pytest.fixture
def jobs(job):
    """One job in each state, handed in a minute apart; the losses fall."""
    return [
        replace(
            job,
            id=f"{i:012x}",
            name=f"job {state.lower()}",
            state=state,
            created=job.created + timedelta(minutes=i),
            metrics={"train": {"loss": 9.0 - i}},
            workers=i if state is JobState.RUNNING else 0,
        )
        for i, state in enumerate(JobState)
    ]


def lines(jobs, now, width=80, **options):
    console = Console(file=io.StringIO(), width=width)
    console.print(jobs_table(jobs, now, **options))
    return console.file.getvalue().splitlines()


def test_those_that_train_come_first_and_then_those_that_wait(jobs):
    states = [job.state for job in arranged(jobs, "state", None)]
    assert states[:4] == [JobState.RUNNING, JobState.STARTING, JobState.QUEUED, JobState.PAUSED]


def test_where_there_is_no_room_the_oldest_that_have_ended_go(jobs, job):
    ended = [replace(job, id=str(i), state=JobState.SUCCEEDED, created=job.created + timedelta(i)) for i in range(9)]
    kept = {job.id for job in arranged([*ended, *jobs[:4]], "name", 6)}
    assert kept == {*(job.id for job in jobs[:4]), "8", "7"}


@pytest.mark.parametrize("by", SORTS)
def test_every_order_keeps_every_job(jobs, job, by):
    unknown = replace(job, id="unknown", metrics={}, steps=0)
    nan = replace(job, id="nan", metrics={"train": {"loss": float("nan")}})
    found = arranged([unknown, *jobs, nan], by, None)
    assert {job.id for job in found} == {"unknown", "nan", *(job.id for job in jobs)}
    if by == "loss":
        assert (found[0].id, found[-1].id) == ("nan", "unknown")
        assert [job.metrics["train"]["loss"] for job in found[1:-1]] == sorted(9.0 - i for i in range(len(jobs)))


def test_a_line_fits_into_80_columns_and_has_all_facts(job):
    name, sick = (
        "a name that is much too long for this",
        Health("warn", "vanishing gradients", "in layer 1: relu may help"),
    )
    busy = replace(job, id="0123456789ab", name=name, health=sick, samples_per_second=1234567.0)
    header, line = lines([busy], job.created + timedelta(hours=3), fitted=True)
    assert max(len(header), len(line)) <= 80
    assert "0123456789ab" in line
    assert "a name" in line
    for fact in ("running", "50.0%", "0.25", "1,234,567", " 2 ", "3h", "vanishing gra"):
        assert fact in line


def test_in_a_pipe_nothing_is_cut_and_nothing_is_markup(job):
    failed = replace(job, name="[red]x[/red] " * 9, health=Health("bad", "failed", "there is no column y " * 9))
    _, line = lines([failed], job.created, width=4096)
    assert failed.name.strip() in line
    assert failed.health.sentence.strip() in line
    assert len(line) < 600


def test_the_age_is_the_time_since_submission(job):
    later = job.created + timedelta(hours=1)
    assert age(job, later) == 3600
    assert age(replace(job, finished=job.created + timedelta(seconds=9)), later) == 3600
    assert age(job, job.created - timedelta(hours=1)) == 0


def test_the_headline_counts(jobs):
    assert headline(jobs, "here:1") == "here:1: 2 training on 2 workers, 2 waiting, 3 ended"


def test_a_document_has_the_facts_beside_those_of_show(job):
    found = document(job, job.created + timedelta(seconds=5))
    facts = ("state", "progress", "samples_per_second", "age_seconds", "health")
    assert [found[name] for name in facts] == ["RUNNING", 0.5, 9120.0, 5.0, None]


class Terminal:
    """`chainrule top` in a terminal of its own."""

    def __init__(self, address):
        self._inner, self._outer = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        command = [sys.executable, "-c", MAIN, "--server", address, "top", "--interval", "0.2"]
        self.before = termios.tcgetattr(self._outer)
        self.process = subprocess.Popen(
            command, stdin=self._outer, stdout=self._outer, stderr=self._outer, env=environment
        )

    def until(self, text):
        seen, end = b"", time.monotonic() + 20
        while text not in seen:
            left = end - time.monotonic()
            assert left > 0, seen
            assert select.select([self._inner], [], [], left)[0], seen
            seen += os.read(self._inner, 65536)

    def press(self, key):
        os.write(self._inner, key)

    def is_as_before(self):
        """Whether typed letters are shown and read by the line again, and the first screen is back."""
        self.until(b"\x1b[?1049l")
        return termios.tcgetattr(self._outer) == self.before

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._inner)
        os.close(self._outer)


@pytest.fixture
def terminal(address):
    terminal = Terminal(address)
    yield terminal
    terminal.close()


class TestCommand:
    def test_prints_once_in_a_pipe(self, run, remote):
        code, out, _ = run("top")
        assert code == 0
        head, header, line = out.splitlines()
        assert "0 training on 0 workers, 1 waiting, 0 ended" in head
        assert (header.split()[0], line.split()[0]) == ("ID", "a1")

    def test_prints_json(self, run, remote):
        [found] = json.loads(run("top", "--json", "--sort", "loss")[1])
        assert (found["id"], found["state"]) == ("a1", "QUEUED")

    def test_draws_in_a_terminal_until_ctrl_c(self, terminal, remote, job):
        remote.jobs["a1"] = replace(job, health=Health("wait", "waiting", "waits for its turn"))
        terminal.until(b"waiting: waits for its turn")
        remote.jobs["a1"] = replace(job, health=Health("bad", "diverging", "the loss has risen"))
        terminal.until(b"diverging")
        remote.errors = [ServiceUnavailable("it is started again")] * 20  # the channel tries again by itself
        terminal.until(b"This is how it was")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(20) == 0
        assert terminal.is_as_before()

    def test_ends_at_q_and_at_no_other_key(self, terminal, remote):
        terminal.until(b"AGE: since submission")
        terminal.press(b"x")
        remote.jobs["b2"] = replace(remote.jobs["a1"], id="b2")
        terminal.until(b"b2")
        terminal.press(b"q")
        assert terminal.process.wait(20) == 0
        assert terminal.is_as_before()

    def test_says_in_its_help_what_the_age_is(self, run):
        assert "AGE is the time since a job was submitted" in run("top", "--help")[1]
