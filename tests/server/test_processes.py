import subprocess
import sys

import psutil
import pytest

from chainrule.server.processes import Processes, _matches

PARENT = """
import subprocess, sys
child = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
started = subprocess.Popen([sys.executable, "-c", child, "chainrule.parameter_server"], stdin=subprocess.PIPE)
sys.stdin.read()
"""
"""The child tells of itself: for a moment after its start the system knows no command line of it yet."""


@pytest.fixture
def parent():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.child = int(process.stdout.readline())
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("words", "kind", "right"),
    [
        (["ray::WorkerActor.run"], "ray::WorkerActor.run", True),
        (["ray::WorkerActor"], "ray::WorkerActor.run", False),
        (["ray::WorkerActor.run"], "ray::WorkerActor", False),
        (["ray::IDLE"], "ray::WorkerActor", False),
        (["/x/ray/core/src/ray/gcs/gcs_server", "--log"], "gcs_server", True),
        (["python", "-m", "chainrule.worker"], "chainrule.worker", True),
        (["python", "-m", "chainrule.worker.other"], "chainrule.worker", False),
    ],
)
def test_a_kind_is_known_by_its_command_line(words, kind, right):
    assert _matches(words, kind) is right


def test_processes_are_found_by_their_kind(parent):
    processes = Processes(parent.pid)
    assert [process.pid for process in processes.of("parameter server")] == [parent.child]
    assert processes.of("worker") == []


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_the_end_is_awaited_with_all_that_was_started(parent, end):
    getattr(Processes(parent.pid), end)()
    assert not psutil.pid_exists(parent.pid)
    assert not psutil.pid_exists(parent.child)
