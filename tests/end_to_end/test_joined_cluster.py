"""`--ray-address`: a Ray cluster that somebody else has started."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

OPEN_RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}

ON_A_WORKER = """
import json, sys
import numpy as np
import ray
from chainrule.data.shards import Shard
from chainrule.worker.actor import StoredShards
from chainrule.worker.launcher import connect

connect(sys.argv[1], None)
X, Y = np.ones((1000, 100), np.float32), np.zeros(1000, np.int32)

@ray.remote
def look(references):
    import chainrule.nn
    first, second = StoredShards(references)[0], StoredShards(references)[0]
    return {
        "code": chainrule.nn.__file__,
        "shared": np.shares_memory(first.X, second.X),
        "writeable": first.X.flags.writeable,
        "sum": float(first.X.sum()),
    }

print(json.dumps(ray.get(look.remote([ray.put(Shard(X, Y, X[:0], Y[:0]))]))))
"""


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """The address of the head of a real Ray cluster with 2 CPUs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--disable-usage-stats"]
    options = [f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    with subprocess.Popen(
        [*command, *options],
        env=os.environ | OPEN_RAY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as ray:
        next(line for line in ray.stdout if "runtime started" in line)
        yield f"127.0.0.1:{port}"
        processes = [psutil.Process(ray.pid), *psutil.Process(ray.pid).children(recursive=True)]
        ray.terminate()
        for process in psutil.wait_procs(processes, timeout=10)[1]:
            process.kill()


def test_a_job_trains_on_a_cluster_that_is_joined_with_the_same_bits(
    head, service, service_class, job_file, tmp_path, monkeypatch
):
    for name, value in OPEN_RAY.items():
        monkeypatch.setenv(name, value)
    joined = service_class(tmp_path / "joined" / "data")
    joined.data_dir.mkdir(parents=True)
    joined.start("--ray-address", head)
    try:
        done = joined.finish(joined.submit(job_file("there", training={"epochs": 3})))
    finally:
        assert joined.end(signal.SIGTERM) == 0
    assert done["state"] == "SUCCEEDED"
    here = service.finish(service.submit(job_file("here", training={"epochs": 3})))
    assert here["weights_sha256"] == done["weights_sha256"]


def test_workers_get_the_code_from_the_service_and_read_shards_in_place(head):
    done = subprocess.run(
        [sys.executable, "-c", ON_A_WORKER, head],
        env=os.environ | OPEN_RAY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert "py_modules" in seen["code"]
    assert (seen["shared"], seen["writeable"], seen["sum"]) == (True, False, 100_000.0)
