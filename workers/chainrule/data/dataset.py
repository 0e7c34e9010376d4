"""A job's data -> its data shards, and what the rest of the system must know of them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256 as hash_bytes
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from chainrule.data.blocks import Block, Inline, Tasks, read_source
from chainrule.data.columns import check_numbers, choose_columns, warnings_of
from chainrule.data.dealing import Part, make_shards
from chainrule.data.encoders import Encoder, NumberEncoder
from chainrule.data.files import Roots
from chainrule.data.fitting import fit
from chainrule.data.labels import Targets, class_factors, find_targets, find_weights
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.scaling import Moments, Scaling
from chainrule.data.shards import Rows, split_rows, steps_per_epoch
from chainrule.data.sources import dialect_of
from chainrule.nn import LOSSES, Array, Network
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.spec import JobSpec

GROUP_BYTES = 64 << 20
"""So much of X is made by one task at most, unless one shard has more."""


@dataclass(frozen=True)
class DatasetSummary:
    """What is known once the data has been read: inputs, classes (none for regression), rows, scaling, hash.

    `columns` are the raw ones; where no `encoders` are given, each is a number. `scaling` is of the network's inputs,
    `target_scaling` of the numbers that it predicts.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    outputs: int
    rows_of_shards: tuple[int, ...]
    validation_rows: int
    scaling: Scaling
    sha256: str
    sha256_of_shards: tuple[str, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    target_scaling: Scaling | None = None
    warnings: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        """What makes the network's inputs of raw rows."""
        return Preprocessing(self.encoders or tuple(NumberEncoder(name) for name in self.columns), self.scaling)

    def network(self, spec: JobSpec) -> Network:
        """Return the job's network with the sizes n^0 and n^N that the data gives."""
        hidden = [layer.units or 0 for layer in spec.network.layers[:-1]]
        return spec.network.network((len(self.scaling.mean), *hidden, self.outputs))

    def steps_per_epoch(self, spec: JobSpec) -> int:
        """Return the number of steps of one epoch."""
        return steps_per_epoch(self.rows_of_shards, spec.rows_per_shard)

    def steps(self, spec: JobSpec) -> int:
        """Return the number of steps of the whole job, its last version."""
        return spec.training.epochs * self.steps_per_epoch(spec)

    def document(self) -> dict[str, Any]:
        """Return the summary as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "DatasetSummary":
        """Return the summary of a document."""
        return TypeAdapter(cls).validate_python(document)


def load_dataset(spec: JobSpec, tasks: Tasks | None = None, roots: Roots = None) -> tuple[DatasetSummary, list[Any]]:
    """Read, check, encode and deal the job's rows. Return the summary and a handle of each Shard.

    By default all is done here, and a handle is the Shard. Raises InvalidData, or InvalidJob where the job does not
    fit the data. The result is the same whoever does the work.
    """
    tasks = tasks or Inline()
    blocks, rows, sha256 = _read(spec, tasks, roots)
    columns = choose_columns(spec, blocks)
    check_numbers(spec, columns, blocks, tasks)
    targets, weights = find_targets(spec, blocks, rows), find_weights(spec, blocks)
    training, validation = _deal(spec, targets, rows, blocks[-1].stop)
    in_training = np.zeros(rows, np.bool_)
    in_training[np.concatenate(training)] = True
    check_fit(spec, sum(map(len, training)), sum(map(len, validation)), targets.outputs)
    preprocessing = fit(spec, columns, blocks, in_training, tasks)
    target_scaling = _target_scaling(spec, targets, in_training)
    parts = list(_parts(spec, targets, weights, training, validation, target_scaling))
    shards, hashes = _make_shards(blocks, preprocessing, parts, tasks)
    summary = DatasetSummary(
        columns=tuple(column.name for column in columns),
        classes=targets.classes,
        outputs=targets.outputs,
        rows_of_shards=tuple(map(len, training)),
        validation_rows=sum(map(len, validation)),
        scaling=preprocessing.scaling,
        sha256=sha256,
        sha256_of_shards=tuple(hashes),
        encoders=preprocessing.encoders,
        target_scaling=target_scaling,
        warnings=warnings_of(columns, blocks),
    )
    return summary, shards


def _read(spec: JobSpec, tasks: Tasks, roots: Roots) -> tuple[list[Block], int, str]:
    """Return the blocks, how many rows of them are not of the validation file, and the data's hash."""
    keep, dialect = [*spec.data.targets, *filter(None, [spec.data.weight])], dialect_of(spec)
    blocks, sha256 = read_source(spec.data.train, dialect, keep, tasks, roots)
    rows = blocks[-1].stop
    if spec.data.validation is None:
        return blocks, rows, sha256
    more, other = read_source(spec.data.validation, dialect, keep, tasks, roots, rows)
    return blocks + more, rows, hash_bytes(f"{sha256} {other}".encode()).hexdigest()


def _deal(spec: JobSpec, targets: Targets, rows: int, all_rows: int) -> tuple[list[Rows], list[Rows]]:
    """Return the training rows and the validation rows of each shard."""
    data, seed = spec.data, spec.training.seed
    if data.validation is not None:
        training, _ = split_rows(rows, 0.0, spec.shards, seed)
        return training, np.array_split(np.arange(rows, all_rows), spec.shards)
    strata = targets.strata if data.stratify else None
    return split_rows(rows, data.validation_fraction, spec.shards, seed, strata)


def _target_scaling(spec: JobSpec, targets: Targets, training: NDArray[np.bool_]) -> Scaling | None:
    if spec.data.target_scaling == "none":
        return None
    Y = targets.Y[: len(training)][training].astype(np.float64)
    return Scaling.fit(spec.data.target_scaling, [Moments.of(y) for y in Y.T])


def _parts(
    spec: JobSpec,
    targets: Targets,
    weights: Array | None,
    training: Sequence[Rows],
    validation: Sequence[Rows],
    scaling: Scaling | None,
) -> Iterator[Part]:
    factors = None
    if spec.data.class_weights is not None:
        factors = class_factors(spec, targets, np.sort(np.concatenate(training)))
    for own, held in zip(training, validation, strict=True):
        Y, held_Y = (scaling.apply(y.astype(np.float64)) if scaling else y for y in (targets.Y[own], targets.Y[held]))
        counted = None if weights is None else weights[own]
        if factors is not None:
            of_classes = factors[targets.Y[own]].astype(np.float32)
            counted = of_classes if counted is None else counted * of_classes
        yield Part(own, Y, counted, held, held_Y, None if weights is None else weights[held])


def _make_shards(
    blocks: Sequence[Block], preprocessing: Preprocessing, parts: Sequence[Part], tasks: Tasks
) -> tuple[list[Any], list[str]]:
    """Return a handle of each shard, and each shard's hash."""
    held, starts = tasks.sequence([block.handle for block in blocks]), [block.start for block in blocks]
    row_bytes = 4 * len(preprocessing.scaling.mean)
    groups = list(_groups(parts, row_bytes))
    shards, hashes = [], []
    for results in tasks.stream(make_shards, ((held, starts, preprocessing, group) for group in groups)):
        for shard in results:
            shards.append(shard)
            hashes.append(tasks.get(next(results)))
    return shards, hashes


def _groups(parts: Sequence[Part], row_bytes: int) -> Iterator[list[Part]]:
    """Yield the parts in groups of at most GROUP_BYTES, or of one part."""
    group, size = list[Part](), 0
    for part in parts:
        part_size = row_bytes * (len(part.rows) + len(part.held))
        if group and size + part_size > GROUP_BYTES:
            yield group
            group, size = [], 0
        group, size = [*group, part], size + part_size
    if group:
        yield group


def check_fit(spec: JobSpec, rows: int, held_out: int, outputs: int) -> None:
    """Raise InvalidJob where the job's numbers do not fit the data's."""
    violations = []
    if spec.training.batch_size > rows:
        nearest = rows // spec.shards * spec.shards
        hint = f": the largest that fits is {nearest}" if nearest else f" and fewer than {spec.shards} shards"
        problem = f"is {spec.training.batch_size}, more than the {rows} training rows{hint}"
        violations.append(Violation("training.batch_size", problem))
    if spec.follows_validation and not held_out:
        problem = f"is {spec.data.validation_fraction:g}, which leaves no row for the metric that is followed"
        violations.append(Violation("data.validation_fraction", problem))
    last = len(spec.network.layers) - 1
    units = spec.network.layers[last].units
    if units not in (None, outputs):
        label = ", ".join(map(repr, spec.data.targets))
        problem = f"is {units}, but the label {label} needs {outputs}; leave it out to follow the data"
        violations.append(Violation(f"network.layers[{last}].units", problem))
    elif outputs == 1 and spec.network.activations[last] == "softmax":
        problem = "is softmax, and the data asks for one output: a softmax of one unit is 1 whatever the weights are; "
        problem += f"use {LOSSES[spec.network.loss].activation} with {spec.network.loss}"
        violations.append(Violation(f"network.layers[{last}].activation", problem))
    if violations:
        raise InvalidJob(violations)
