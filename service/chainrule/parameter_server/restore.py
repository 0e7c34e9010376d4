"""Where a parameter server begins: at the latest checkpoint that is whole, or at version 0."""

from collections.abc import Sequence

import psutil

from chainrule.data.dataset import DatasetSummary
from chainrule.data.model import Model
from chainrule.nn import Array, Network, aligned_empty, initialize, parameter_count
from chainrule.parameter_server.checkpoints import Checkpoint, read_checkpoint
from chainrule.parameter_server.plan import Plan
from chainrule.parameter_server.state import BEST, TrainingState
from chainrule.parameter_server.watch import make_watch
from chainrule.wire.errors import InvalidData, TooMuch, TrainingFailed
from chainrule.wire.recipe import make_update
from chainrule.wire.spec import JobSpec


def restore(
    spec: JobSpec, summary: DatasetSummary, generation: int, checkpoints: Sequence[Checkpoint]
) -> tuple[TrainingState, list[str]]:
    """Return the state and a warning for each damaged checkpoint. The latest comes first.

    Raises TooMuch, and TrainingFailed where a checkpoint belongs to another job, other data or other libraries.
    """
    network = summary.network(spec)
    plan = make_plan(spec, summary)
    update, watch = make_update(spec, plan.steps, plan.steps_per_epoch), make_watch(spec)
    names = (*update.optimizer.slots, *([BEST] if watch.stopping else []))
    check_memory(network, len(names))
    warnings = []
    for checkpoint in checkpoints:
        try:
            model, slots, memory = read_checkpoint(checkpoint)
        except InvalidData as error:
            warnings.append(f"{error}; the one before it is used")
            continue
        _check_same_job(checkpoint, model, spec, summary)
        state = TrainingState(plan, generation, model.parameters, update, slots, watch, memory)
        state.start_at(model.version)
        return state, warnings
    parameters = initialize(network, spec.training.seed)
    slots = {name: _zeros(parameters.flat.size) for name in names}
    return TrainingState(plan, generation, parameters, update, slots, watch), warnings


def _check_same_job(checkpoint: Checkpoint, model: Model, spec: JobSpec, summary: DatasetSummary) -> None:
    theirs, ours = model.spec.document(), spec.document()
    differing = [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
    differing += ["the data"] if model.summary.sha256 != summary.sha256 else []
    if differing:
        raise TrainingFailed(
            f"the checkpoint {checkpoint.path} is of another job, so training cannot go on from it: "
            f"{', '.join(differing)} {'differ' if len(differing) > 1 else 'differs'}"
        )


def make_plan(spec: JobSpec, summary: DatasetSummary) -> Plan:
    """Return what a job's steps are."""
    steps, validates = summary.steps(spec), summary.validation_rows > 0
    own = summary.steps_per_epoch(spec), spec.shards
    return Plan(steps, *own, validates, spec.training.hash_every, spec.training.halves)


def _zeros(size: int) -> Array:
    zeros = aligned_empty(size)
    zeros.fill(0)
    return zeros


def check_memory(network: Network, slots: int) -> None:
    """Raise TooMuch where weights and slots, a snapshot of them and two partials are more than the free memory."""
    count = parameter_count(network.sizes)
    needed, free = 4 * count * (2 * (1 + slots) + 2), psutil.virtual_memory().available
    if needed > free:
        raise TooMuch(
            f"the network has {count:,} weights and biases and its parameter server needs {needed / 1e9:,.1f} GB, "
            f"but {free / 1e9:,.1f} GB are free here: fewer units are needed, or a larger machine"
        )
