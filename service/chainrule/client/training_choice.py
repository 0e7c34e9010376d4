"""How long, in which portions and on which rows a suggested job trains. What is chosen follows from the rows."""

import math
from dataclasses import dataclass

from chainrule.client.input_choice import Inputs
from chainrule.client.label_choice import Label

FEW_ROWS, SOME_ROWS, MANY_ROWS = 1_000, 5_000, 200_000
STEPS, MOST_EPOCHS, EPOCHS = 2_000, 1_000, 100
"""The steps of a job on few rows, the most epochs that they may take, and the epochs of any other job."""
PATIENCE_STEPS, PATIENCE_EPOCHS = 1_000, 10
VALIDATION, LEAST_HELD_OUT = 0.2, 5


@dataclass(frozen=True)
class Training:
    """The lines of a job file's sections that say how it trains, and the network's hidden layers."""

    data: list[str]
    units: tuple[int, ...]
    dropout: float
    input_dropout: float
    optimizer: list[str]
    training: list[str]
    early_stopping: list[str]
    cluster: list[str]


def choose_training(rows: int, label: Label, inputs: Inputs, workers: int) -> Training:
    """Return how a job with this number of rows trains; rows without a label are left out."""
    rows -= label.missing
    few = rows < FEW_ROWS
    fraction = 0.1 if few else VALIDATION
    held_out = round(rows * fraction)
    if held_out < LEAST_HELD_OUT:
        fraction, held_out = 0.0, 0
    training = rows - held_out
    shards, batch = _portions(training, workers)
    steps = math.ceil(training / batch)
    epochs = min(MOST_EPOCHS, max(EPOCHS, math.ceil(STEPS / steps))) if few else EPOCHS
    return Training(
        data=_held_out(rows, fraction),
        units=(512, 256) if inputs.images and not few else (128, 64),
        dropout=0.3 if few else 0.4 if inputs.images else 0.0,
        input_dropout=0.2 if inputs.images and not few else 0.0,
        optimizer=_optimizer(few, inputs.images),
        training=_training(training, epochs, batch, shards, epochs * steps),
        early_stopping=[] if few or not held_out else _early_stopping(steps),
        cluster=_cluster(workers, shards),
    )


def _portions(rows: int, workers: int) -> tuple[int, int]:
    """Return the shards, one for each worker or more, and the rows of a step, a multiple of them."""
    usual = 32 if rows < SOME_ROWS else 256 if rows >= MANY_ROWS else 64
    shards = workers if workers % 2 else max(workers, 4)
    shards = max(1, min(shards, rows))
    return shards, max(1, min(max(usual, shards), rows) // shards) * shards


def _held_out(rows: int, fraction: float) -> list[str]:
    if fraction:
        return [f"validation_fraction = {fraction}"]
    return [f"validation_fraction = 0.0  # {rows:,} rows are too few to hold some out"]


def _optimizer(few: bool, images: bool) -> list[str]:
    if few:
        return ['name = "adamw"', "learning_rate = 0.001", "weight_decay = 1.0  # few rows: keeps the weights small"]
    return ['name = "adam"', f"learning_rate = {0.0005 if images else 0.001}"]


def _training(rows: int, epochs: int, batch: int, shards: int, steps: int) -> list[str]:
    return [
        f"epochs = {epochs}  # {steps:,} steps",
        f"batch_size = {batch}  # of {rows:,} training rows",
        f"shards = {shards}",
        "seed = 0",
    ]


def _early_stopping(steps_per_epoch: int) -> list[str]:
    steps = max(PATIENCE_STEPS, PATIENCE_EPOCHS * steps_per_epoch)
    return [
        'metric = "validation_loss"',
        f"patience_steps = {steps}  # without a better value; the best weights are kept",
    ]


def _cluster(workers: int, shards: int) -> list[str]:
    if workers > shards:
        return [f"max_workers = {shards}  # not {workers}: there are only {shards} training rows"]
    return [f"max_workers = {workers}"]
