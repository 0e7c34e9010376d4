"""The losses of a job at a version, read from the store: after a restart, and of the weights that a job keeps."""

from chainrule.data.dataset import DatasetSummary
from chainrule.server.board import Board
from chainrule.server.losses import Losses
from chainrule.wire.spec import JobSpec

READ_STEPS = 20_000
"""The steps that are read at once, so that other queries of the store come in between."""


def new_losses(spec: JobSpec, summary: DatasetSummary) -> Losses:
    """Return the losses of a job before its first step."""
    return Losses(summary.steps_per_epoch(spec), spec.early_stopping, validates=summary.validation_rows > 0)


async def recall(board: Board, job_id: str, spec: JobSpec, summary: DatasetSummary, version: int) -> Losses:
    """Return the losses of a job at a version. Steps from it on, which training will take again, are not among them."""
    losses, store = new_losses(spec, summary), board.store
    evaluations = await board.read(store.evaluations, job_id, version)
    for first in range(losses.first_needed(version), version, READ_STEPS):
        last = min(first + READ_STEPS, version)
        steps = await board.read(store.steps, job_id, first, last)
        losses.take(steps, [each for each in evaluations if each[0] <= last])
    losses.take((), evaluations)
    if (missing := losses.incomplete) is not None:
        losses.complete(await board.read(store.steps, job_id, missing.start, missing.stop))
    return losses
