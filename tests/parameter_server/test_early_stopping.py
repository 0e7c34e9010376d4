"""Jobs whose steps depend on what validation has told: the same bits wherever they go on."""

import numpy as np
import pytest

from chainrule.data.model import Model
from chainrule.data.shard_tree import root
from chainrule.nn import Parameters
from chainrule.parameter_server.checkpoints import write_checkpoint
from chainrule.parameter_server.restore import restore
from chainrule.worker.partials import PartialComputer

NETWORK = {"layers": [{"units": 16, "activation": "relu", "dropout": 0.3}, {}], "input_dropout": 0.1}
SECTIONS = {
    "network": NETWORK,
    "optimizer": {"name": "adam", "learning_rate": 0.1},
    "regularization": {"l1": 1e-4, "l2": 1e-3, "max_norm": 3.0},
    "clipping": {"value": 1.0, "global_norm": 2.0},
    "schedule": {"name": "plateau", "patience": 2, "gamma": 0.5, "warm_up": 3},
    "early_stopping": {"patience": 4},
}


def train(job, state, until=None, seen=None):
    """Train up to a version, or to the end, with one worker; `seen` gets the weights of each version."""
    worker, steps = state.join(0.0), []
    state.start_at(state.version)
    network, per_epoch = job.summary.network(job.spec), job.summary.steps_per_epoch(job.spec)
    computer = PartialComputer(job.spec, network, per_epoch, job.shards)
    while state.version != until and (work := state.take_work(worker, 0.0)) is not None:
        if seen is not None:
            seen[work.version] = state.parameters.flat.copy()
        for node in work.nodes:
            assert node == root(4)
            partial = computer.compute(state.parameters, work.version, node, train=work.train, evaluate=work.evaluate)
            steps.append(state.push(worker, state.generation, work.version, node, partial, 0.0)[1])
    return steps


def saved(job, state, folder):
    parameters = Parameters.view(state.parameters.flat.copy(), state.parameters.sizes)
    model = Model(job.spec, job.summary, parameters, state.version)
    return write_checkpoint(folder, state.generation, model, state.slots, state.memory)


def began(job):
    return restore(job.spec, job.summary, 1, [])[0]


@pytest.fixture
def job(data):
    return data(sections=SECTIONS, epochs=60)


def test_it_stops_before_its_last_step_and_keeps_the_best_weights(job):
    state, seen = began(job), {}
    steps = train(job, state, seen=seen)
    losses = {s.version: s.validation.loss / s.validation.weight for s in steps if s.validation}
    best = min(losses, key=losses.get)
    assert state.memory.stopping.version == best
    assert state.version == best + 4 * state.plan.steps_per_epoch < state.plan.steps
    np.testing.assert_array_equal(state.parameters.flat, seen[best])
    assert [s.version for s in steps if s.training] == list(range(state.version))


def test_it_goes_on_from_any_checkpoint_with_the_same_bits(job, tmp_path):
    undisturbed = began(job)
    train(job, undisturbed)
    assert undisturbed.memory.reductions
    for version in (1, 4, 13, 20, undisturbed.version - 1, undisturbed.version):
        first = began(job)
        train(job, first, version)
        second, warnings = restore(job.spec, job.summary, 2, [saved(job, first, tmp_path / str(version))])
        assert (warnings, second.version, second.memory) == ([], version, first.memory)
        train(job, second)
        assert second.version == undisturbed.version
        assert second.memory == undisturbed.memory
        assert second.parameters.flat.tobytes() == undisturbed.parameters.flat.tobytes()


def test_a_checkpoint_of_the_end_is_the_end(job, tmp_path):
    state = began(job)
    train(job, state)
    again, _ = restore(job.spec, job.summary, 2, [saved(job, state, tmp_path)])
    assert again.complete
    assert again.take_work(again.join(0.0), 0.0) is None
    assert again.parameters.flat.tobytes() == state.parameters.flat.tobytes()


@pytest.mark.parametrize("metric", ["validation_accuracy", "train_loss"])
def test_any_metric_can_be_followed(data, metric):
    job = data(sections={**SECTIONS, "early_stopping": {"metric": metric, "patience": 3}}, epochs=60)
    state = began(job)
    train(job, state)
    assert state.complete
    assert state.watch.describe(state.memory, state.version, state.plan.steps).startswith("stopped early")


def test_the_training_loss_needs_no_validation_rows(data):
    sections = {
        "data": {"train": str(data().spec.data.train), "label": "label", "validation_fraction": 0.0},
        "early_stopping": {"metric": "train_loss", "patience": 50},
    }
    job = data(sections=sections, epochs=3)
    state = began(job)
    steps = train(job, state)
    assert (state.complete, state.version, len(steps)) == (True, state.plan.steps, state.plan.steps)
    assert state.memory.stopping.version + state.memory.stopping.waited * 8 == state.plan.steps
    assert state.memory.ended


def test_without_patience_the_last_weights_are_kept(data):
    job = data(epochs=3)
    state = began(job)
    train(job, state)
    assert state.version == state.plan.steps
    assert state.memory.stopping.best is None
    assert "best" not in state.slots
