"""A parameter server in a process of its own, and workers on threads or in processes of theirs."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from chainrule.wire import faults
from chainrule.wire.errors import ChainruleError, ServiceUnavailable
from chainrule.wire.faults import VARIABLE
from chainrule.worker.training_loop import train

EXIT_CODES = {"Fenced": 3, "ServiceUnavailable": 4}
"""Of a worker's process, by the error that has ended it."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["chainrule.worker.training_loop"])


def work_until_something_dies(*args):
    with suppress(ServiceUnavailable, OSError):
        train(*args)


class Server:
    """`python -m chainrule.parameter_server` as the service starts it, and workers on threads."""

    def __init__(self, job, folder, generation=1, checkpoints=(), log=None, fail_at=""):
        self.job, self.seen, self._threads = job, [], []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chainrule.parameter_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, VARIABLE: fail_at},
        )
        self.send(
            job_id="a1",
            generation=generation,
            host="127.0.0.1",
            folder=str(folder),
            spec=job.spec.document(),
            data=job.summary.document(),
            checkpoints=list(checkpoints),
        )

    def send(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def until(self, wanted, condition=lambda _: True):
        """Read events on to the one that is wanted, and return it."""
        for line in self.process.stdout:
            self.seen.append(json.loads(line))
            if self.seen[-1]["event"] == wanted and condition(self.seen[-1]):
                return self.seen[-1]
        pytest.fail(f"the process has ended without {wanted}: {self.seen[-3:]}")

    def work(self, workers):
        address = self.until("listening")["address"]
        for i in range(workers):
            args = (address, "a1", f"w{i}", self.job.shards)
            self._threads.append(threading.Thread(target=work_until_something_dies, args=args, daemon=True))
            self._threads[-1].start()

    def all(self, event):
        return [seen for seen in self.seen if seen["event"] == event]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.stdout.close()
        code = self.process.wait(20)
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        return code


def known(checkpoint):
    return {name: value for name, value in checkpoint.items() if name != "event"}


def run(server, workers):
    """Train to the end; return the last checkpoint."""
    server.work(workers)
    assert server.until("ended") == {"event": "ended", "complete": True, "reason": ""}
    return server.all("checkpoint")[-1]


def losses(server):
    return {step[0]: step[1] for report in server.all("report") for step in report["steps"]}


def start_worker(server, address, name, fail_at=""):
    """Start a worker in a process, which is forked from one that has loaded all the code already."""
    process = FORKS.Process(target=_work, args=(address, name, server.job.shards, fail_at), daemon=True)
    process.start()
    return process


def _work(address, name, shards, fail_at):
    faults._faults = faults.parse(fail_at)
    try:
        train(address, "a1", name, shards)
    except ChainruleError as error:
        sys.exit(EXIT_CODES.get(type(error).__name__, 1))
