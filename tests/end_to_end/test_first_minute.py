"""The first minute on a machine: odd paths of the interpreter and of temporary files, and an end while Ray starts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

MARK = "CHAINRULE_TEST_OF_FIRST_MINUTE"


def marked(mark):
    """The processes whose environment has the mark, on to all that they start."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def words(process):
    """The command line, empty where the process has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_the_demo_runs_by_an_interpreter_and_with_temporary_files_at_odd_paths(tmp_path):
    environment = tmp_path / 'it\'s a "Prüfung" of $HOME' / ("é" * 60)
    temporary = tmp_path / ("tmp ü" * 20)
    for folder in (environment, temporary):
        folder.mkdir(parents=True)
    (environment / "venv").symlink_to(sys.prefix)
    python = environment / "venv" / Path(sys.executable).relative_to(sys.prefix)
    assert len(os.fsencode(python)) > 127  # the longest interpreter of a script that Linux starts
    command = [python, "-m", "chainrule.server", "demo", "--dir", environment / "demo", "--json"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"TMPDIR": str(temporary), MARK: str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] >= 0.96
    log = (environment / "demo" / "service.log").read_text(encoding="utf-8")
    assert f"TMPDIR={temporary} cannot hold Ray's files" in log
    assert marked(str(tmp_path)) == []


@pytest.fixture
def begun(service_class, tmp_path, monkeypatch):
    """A service that has just been launched, and a place of its own for Ray's files, whose path must be short."""
    place = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))
    monkeypatch.setenv(MARK, str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(place))
    service = service_class(tmp_path / "data")
    service.launch("--num-cpus", "1")
    yield service, place
    for process in marked(str(tmp_path)):
        process.kill()
    service.ended()
    shutil.rmtree(place)


@pytest.mark.parametrize("newest", ["chainrule.worker", "runtime_env/agent"])
def test_a_service_that_is_told_to_end_while_ray_starts_leaves_nothing_behind(begun, tmp_path, newest):
    service, place = begun
    while not any(newest in words(process) for process in marked(str(tmp_path))):
        assert service.process.poll() is None
        time.sleep(0.01)
    started = marked(str(tmp_path))
    assert service.end(signal.SIGTERM) == 0
    psutil.wait_procs(started, timeout=1)
    assert marked(str(tmp_path)) == []
    assert list(place.iterdir()) == []
