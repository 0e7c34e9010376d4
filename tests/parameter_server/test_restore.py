from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.model import Model
from chainrule.nn import Network, initialize
from chainrule.parameter_server.checkpoints import write_checkpoint
from chainrule.parameter_server.restore import check_memory, restore
from chainrule.parameter_server.watch import Memory
from chainrule.wire.errors import TooMuch, TrainingFailed


@pytest.fixture
def job(data):
    return data()


@pytest.fixture
def checkpoints(job, tmp_path):
    """Three checkpoints, the latest first."""

    def write(version):
        model = Model(job.spec, job.summary, initialize(job.summary.network(job.spec), version), version)
        size = model.parameters.flat.size
        slots = {name: np.full(size, version, np.float32) for name in ("mean", "square")}
        return write_checkpoint(tmp_path, 1, model, slots, Memory())

    return [write(version) for version in (9, 6, 3)]


def damage(checkpoint):
    (Path(checkpoint.path) / "model.safetensors").write_bytes(b"")


def test_a_job_without_checkpoints_begins_with_its_seeds_weights(job):
    state, warnings = restore(job.spec, job.summary, 4, [])
    assert (state.version, state.generation, warnings) == (0, 4, [])
    expected = initialize(job.summary.network(job.spec), job.spec.training.seed)
    np.testing.assert_array_equal(state.parameters.flat, expected.flat)
    assert {name: slot.any() for name, slot in state.slots.items()} == {"mean": False, "square": False}


def test_a_job_goes_on_from_its_latest_checkpoint(job, checkpoints):
    state, warnings = restore(job.spec, job.summary, 2, checkpoints)
    assert (state.version, state.generation, warnings) == (9, 2, [])
    np.testing.assert_array_equal(state.parameters.flat, initialize(job.summary.network(job.spec), 9).flat)
    assert (state.slots["mean"] == 9).all()


@pytest.mark.parametrize(("damaged", "version"), [(1, 6), (2, 3), (3, 0)])
def test_a_damaged_checkpoint_is_warned_of_and_the_one_before_it_is_used(job, checkpoints, damaged, version):
    for checkpoint in checkpoints[:damaged]:
        damage(checkpoint)
    state, warnings = restore(job.spec, job.summary, 2, checkpoints)
    assert state.version == version
    assert len(warnings) == damaged
    for warning, checkpoint in zip(warnings, checkpoints, strict=False):
        assert checkpoint.path in warning
        assert "damaged" in warning


def test_the_plan_is_that_of_the_job_and_its_data(job):
    plan = restore(job.spec, job.summary, 1, [])[0].plan
    assert (plan.steps, plan.steps_per_epoch, plan.shards, plan.validates) == (24, 6, 4, True)
    without = replace(job.summary, validation_rows=0)
    assert not restore(job.spec, without, 1, [])[0].plan.validates


def test_a_huge_network_is_refused_in_a_sentence_with_what_it_needs():
    network = Network((1_000_000, 10_000_000, 2), ("relu", "softmax"), "cross_entropy")
    with pytest.raises(TooMuch, match=r"10,000,030,000,002 weights and biases .* needs 320,001\.0 GB, but .* are free"):
        check_memory(network, 2)


def test_a_small_network_fits():
    check_memory(Network((10, 10), ("relu",), "mse"), 2)


CHANGES = {
    "optimizer": {"optimizer": {"name": "adam", "learning_rate": 0.25}},
    "network": {"network": {"layers": [{"units": 5}, {}]}},
    "training": {"training": {"epochs": 4, "batch_size": 16, "shards": 4, "seed": 1}},
}


@pytest.mark.parametrize("section", CHANGES)
def test_a_checkpoint_of_another_job_is_refused_with_what_differs(data, checkpoints, section):
    other = data(sections=CHANGES[section])
    with pytest.raises(TrainingFailed, match=rf"of another job, .*: {section} differs"):
        restore(other.spec, other.summary, 2, checkpoints)


def test_a_checkpoint_of_other_data_is_refused(job, checkpoints):
    with pytest.raises(TrainingFailed, match="the data differs"):
        restore(job.spec, replace(job.summary, sha256="other"), 2, checkpoints)
