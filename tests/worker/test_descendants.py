import json
import subprocess
import sys

import psutil
import pytest

SCRIPT = """
import json, subprocess, sys
import psutil
from chainrule.worker.descendants import adopt_orphans, end_descendants

adopt_orphans()
sleeper = "import signal; signal.pause()"
sleeps = f"subprocess.Popen([sys.executable, '-Sc', {sleeper!r}], stdout=subprocess.DEVNULL)"
parent = f"import subprocess, sys; print({sleeps}.pid, flush=True)"
ends = subprocess.run([sys.executable, "-Sc", parent], stdout=subprocess.PIPE, text=True)
lives = subprocess.Popen([sys.executable, "-Sc", f"{parent}; {sleeper}"], stdout=subprocess.PIPE, text=True)
started = [int(ends.stdout), int(lives.stdout.readline()), lives.pid]
left = [process.pid for process in end_descendants()]
print(json.dumps({"started": started, "left": left}), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans have another parent here")
def test_children_grandchildren_and_orphans_end():
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        told = json.loads(process.stdout.readline())
        assert len(told["started"]) == 3
        assert told["left"] == []
        assert not any(psutil.pid_exists(pid) for pid in told["started"])
        process.stdin.close()
