import os
from dataclasses import astuple

import numpy as np
import psutil
import pytest

from chainrule.data.dataset import load_dataset
from chainrule.server import calibration, probing
from chainrule.server.calibration import ServerPart, calibrate, cores
from chainrule.server.probing import Probe
from chainrule.wire.errors import LaunchFailed


@pytest.fixture
def quick(monkeypatch):
    """Measure for less long than a user does."""
    monkeypatch.setattr(calibration, "ROUNDS_SECONDS", 0.02)
    monkeypatch.setattr(probing, "TALK_SECONDS", 0.02)


def test_costs_are_measured_by_processes_that_end(spec, quick):
    told, before = [], set(psutil.Process().children())
    costs = calibrate(spec, load_dataset(spec)[0], workers=cores() + 1, told=told.append)
    assert costs.crowd == costs.cores == cores()
    assert min(len(costs.alone), len(costs.crowded) // costs.crowd) >= calibration.LEAST_ROUNDS
    numbers = np.hstack([np.ravel(value) for value in (*astuple(costs)[2:], astuple(costs.local), astuple(costs.tcp))])
    assert (numbers > 0).all()
    assert list(costs.ready) == sorted(costs.ready)
    assert costs.ready[-1] <= 1
    assert costs.sharing >= 1
    assert costs.local.step >= costs.local.worker
    assert told == ["starting processes", "taking steps", "talking over sockets"]
    assert set(psutil.Process().children()) == before


def test_a_process_that_cannot_take_a_step_is_told_of(spec, capfd):
    with Probe({"spec": spec.document(), "sizes": [3, 9], "rows_of_shard": 9}) as probe, pytest.raises(LaunchFailed):
        probe.do("compute")  # of a network of two layers, whose sizes are three
    capfd.readouterr()


def test_the_servers_part_is_what_the_job_asks_for(spec, monkeypatch):
    """Its update changes the weights, and what is not wanted is not hashed."""
    part = ServerPart(spec, load_dataset(spec)[0])
    before = part._theta.flat.copy()
    part.take(several=True)
    assert (part._theta.flat != before).any()
    assert set(part.medians()) == {"apply_two", "fingerprint", "add"}
    assert part._slots.keys() == {"mean", "square"}


def test_processors_are_those_that_may_be_used():
    assert cores() == len(os.sched_getaffinity(0))
