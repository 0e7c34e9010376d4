"""The command that disturbs a job by a seeded plan; `make soak` runs it with many seeds."""

import json
import os
import subprocess
import sys

import pytest
from rich.console import Console

from chainrule.server.chaos import FAULTS, Chaos
from chainrule.server.verify import verify

LONG = {"epochs": 1300, "checkpoint_seconds": 1.0}
SLOW = {"layers": [*({"units": units, "activation": "relu"} for units in (512, 512)), {"activation": "softmax"}]}
"""A step takes long enough for faults to come in the midst of training, and is short enough for stretches."""


def chaos(job, folder, seed, minutes):
    command = (sys.executable, "-m", "chainrule.server", "chaos", job, "--json")
    options = ("--seed", seed, "--minutes", minutes, "--dir", folder)
    environment = {**os.environ, "CHAINRULE_SERVER": "127.0.0.1:1"}  # it takes no other service than its own
    return subprocess.run(
        list(map(str, command + options)), capture_output=True, text=True, env=environment, check=False
    )


def test_a_job_whose_processes_are_killed_has_the_bits_of_an_undisturbed_one(job_file, tmp_path):
    often = {"epochs": 500, "checkpoint_seconds": 0.5}
    done = chaos(job_file("chaos", training=often), tmp_path, 140, 0.03)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["same"] is True
    assert (verdict["first"], verdict["last"]) == (0, 500 * 12 - 1)
    assert [survived["fault"] for survived in verdict["survived"]] == ["a checkpoint is damaged"]


def test_a_job_that_cannot_succeed_is_told(job_file, tmp_path):
    done = chaos(job_file("chaos", data={"label": "nothing"}), tmp_path, 0, 0.1)
    assert done.returncode != 0
    assert "no column 'nothing'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_twenty_seeds_in_a_row(job_file, tmp_path, seed):
    done = chaos(job_file("chaos", training=LONG, network=SLOW), tmp_path, seed, 0.5)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["same"] is True
    assert verdict["survived"] != []


@pytest.mark.soak
def test_each_fault_in_turn(job_file, tmp_path):
    chaos = Chaos(tmp_path, 0, Console(stderr=True))
    with chaos.training(job_file("chaos", training=LONG | {"epochs": 100_000}, network=SLOW)):
        for name in sorted(FAULTS):
            chaos.let_happen(name)
        verdict = verify(chaos.client, chaos.job, 0, None, None, chaos.console)
    assert verdict.same
    assert {name for name, _ in chaos.recoveries} == set(FAULTS)
