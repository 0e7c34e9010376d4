import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.wire import faults
from chainrule.wire.faults import POINTS, VARIABLE, Fault, fail_at, parse


def test_a_text_names_points_passes_and_actions():
    assert parse("") == {}
    text = "store.before_commit:3=kill,checkpoint.before_fsync=EIO"
    assert parse(text) == {"store.before_commit": Fault("kill", 3), "checkpoint.before_fsync": Fault("EIO")}


@pytest.mark.parametrize(
    "text", ["nowhere=kill", "store.before_commit", "store.before_commit=dance", "store.before_commit:x=EIO"]
)
def test_a_wrong_text_is_refused_with_what_there_is(text):
    with pytest.raises(ValueError, match=r"points are store\.before_commit"):
        parse(text)


def test_a_fault_happens_once_after_its_passes(monkeypatch):
    monkeypatch.setattr(faults, "_faults", parse("worker.before_push:2=ENOSPC"))
    outcomes = []
    for _ in range(5):
        fail_at("worker.after_push")
        try:
            fail_at("worker.before_push")
            outcomes.append(0)
        except OSError as error:
            outcomes.append(error.errno)
    assert outcomes == [0, 0, errno.ENOSPC, 0, 0]


def test_nothing_fails_unless_asked_for():
    for point in POINTS:
        fail_at(point)


@pytest.mark.parametrize(("action", "ended"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_a_process_is_killed_or_stopped(action, ended):
    environment = {**os.environ, VARIABLE: f"worker.before_push={action}"}
    code = "from chainrule.wire.faults import fail_at; fail_at('worker.before_push')"
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert (os.WSTOPSIG(status) if action == "stop" else os.WTERMSIG(status)) == ended
        process.kill()
        process.returncode = -ended


@pytest.mark.parametrize("point", POINTS)
def test_each_point_is_in_the_code_and_in_a_test(point):
    root = Path(__file__).parents[2]
    sources = [path.read_text() for folder in ("workers", "service") for path in (root / folder).rglob("*.py")]
    tests = [path.read_text() for path in (root / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert sum(f'fail_at("{point}")' in text for text in sources) == 1
    assert any(point in text for text in tests)
