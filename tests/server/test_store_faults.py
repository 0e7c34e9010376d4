"""The store where its process is killed, or a commit fails."""

import os
import signal
import subprocess
import sys

import pytest
from storing import NOW

from chainrule.server.jobs import Move
from chainrule.server.store import Store
from chainrule.wire import faults
from chainrule.wire.errors import TooMuch

KILLED = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from chainrule.server.store import Store

store, now = Store(Path(sys.argv[1])), datetime.now(UTC)
for i in range(5):
    job, _ = store.create({"name": f"{i}", "cluster": {"max_workers": 1}}, None, now)
    print(job.id, flush=True)
"""


@pytest.mark.parametrize("point", ["store.before_commit", "store.after_commit"])
@pytest.mark.parametrize("passes", [0, 1, 3])
def test_wherever_the_process_is_killed_what_was_acknowledged_is_there(path, point, passes):
    environment = {**os.environ, faults.VARIABLE: f"{point}:{passes}=kill"}
    done = subprocess.run([sys.executable, "-c", KILLED, path], env=environment, stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    store, told = Store(path), done.stdout.decode().split()
    kept = [job.id for _, job in store.jobs_behind(0, None)]
    assert kept[: len(told)] == told
    assert len(told) == max(0, passes - 1)  # the first commit makes the tables
    assert len(kept) - len(told) == (1 if point.endswith("after_commit") and passes else 0)
    store.close()


@pytest.mark.parametrize("action", ["EIO", "ENOSPC"])
def test_a_commit_that_fails_is_an_error_and_changes_nothing(store, job_id, monkeypatch, action):
    before = store.job(job_id)
    monkeypatch.setattr(faults, "_faults", faults.parse(f"store.before_commit={action}"))
    with pytest.raises(TooMuch, match="cannot be read or written"):
        store.move(job_id, Move.START, NOW)
    assert store.job(job_id) == before
