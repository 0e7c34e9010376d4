"""A job's data -> its data shards, and what the rest of the system must know of them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256 as hash_bytes
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from chainrule.data.blocks import Block, Inline, Source, Tasks, names_of, read_source
from chainrule.data.columns import (
    LARGEST_STEP,
    Column,
    check_numbers,
    choose_columns,
    selection_of,
    warnings_of,
    wordy_columns,
)
from chainrule.data.dealing import Part, make_shards
from chainrule.data.encoders import Encoder, NumberEncoder
from chainrule.data.files import Roots
from chainrule.data.fitting import fit
from chainrule.data.fragments import Dialect, Selection
from chainrule.data.labels import Targets, class_factors, find_targets, find_weights
from chainrule.data.numpy_parts import HELD_OUT
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.reading import Reading
from chainrule.data.scaling import Moments, Scaling
from chainrule.data.shards import Rows, split_rows, steps_per_epoch
from chainrule.data.sources import dialect_of
from chainrule.data.values import ValueFormat
from chainrule.nn import LOSSES, Array, Network
from chainrule.wire.errors import InvalidData, InvalidJob, Violation
from chainrule.wire.spec import JobSpec

RULES = "3"
"""Rises when the same job would be trained to other bits, by its data or by its steps."""
GROUP_BYTES = 64 << 20
"""So much of X is made by one task at most, unless one shard has more."""


@dataclass(frozen=True)
class DatasetSummary:
    """What is known once the data has been read: inputs, classes (none for regression), rows, scaling, hash.

    `columns` are the raw ones; where no `encoders` are given, each is a number. `scaling` is of the network's inputs,
    `target_scaling` of the numbers that it predicts. `notes` say how the files were read, `reading` is that.
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
    notes: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)
    rules: str = RULES

    @property
    def preprocessing(self) -> Preprocessing:
        """What makes the network's inputs of raw rows."""
        encoders = self.encoders or tuple(NumberEncoder(name) for name in self.columns)
        return Preprocessing(encoders, self.scaling, self.reading.values)

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
        """Return the summary of a document; of one that version 1 has written, with what it could not say."""
        if "reading" not in document:
            document = document | {"reading": asdict(Reading(values=ValueFormat(legacy=True))), "rules": ""}
        return TypeAdapter(cls).validate_python(document)


def load_dataset(spec: JobSpec, tasks: Tasks | None = None, roots: Roots = None) -> tuple[DatasetSummary, list[Any]]:
    """Read, check, encode and deal the job's rows. Return the summary and a handle of each Shard.

    By default all is done here, and a handle is the Shard. Raises InvalidData, or InvalidJob where the job does not
    fit the data. The result is the same whoever does the work.
    """
    tasks = tasks or Inline()
    training_source, blocks, sha256 = _read(spec, tasks, roots)
    rows, format = training_source.blocks[-1].stop, training_source.dialect.values
    columns = choose_columns(spec, training_source.blocks)
    _check_validation(spec, columns, blocks[len(training_source.blocks) :])
    weights = find_weights(spec, blocks, format)
    targets = find_targets(spec, blocks, rows, format, weights)
    check_numbers(spec, columns, blocks, tasks, format, targets.kept)
    training, validation = _deal(spec, targets, rows)
    in_training = np.zeros(rows, np.bool_)
    in_training[np.concatenate(training)] = True
    check_fit(spec, sum(map(len, training)), sum(map(len, validation)), targets.outputs)
    preprocessing = fit(spec, columns, blocks, in_training, tasks, format)
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
        warnings=(*_row_warnings(spec, targets), *training_source.warnings, *warnings_of(spec, columns, blocks)),
        notes=_notes(spec, training_source),
        reading=Reading.of(training_source, spec),
    )
    return summary, shards


def _read(spec: JobSpec, tasks: Tasks, roots: Roots) -> tuple[Source, list[Block], str]:
    """Return the training source, the blocks of it and of the validation file, and the data's hash."""
    keep, selection = [*spec.data.targets, *filter(None, [spec.data.weight])], selection_of(spec)
    wordy = partial(wordy_columns, spec)
    training = read_source(spec.data.train, dialect_of(spec), selection, tasks, roots, keep, wordy=wordy)
    if spec.data.validation is None:
        return training, training.blocks, training.sha256
    dialect, selection = _validation_reading(spec, training, selection)
    rows = training.blocks[-1].stop
    needed = selection.columns or ()
    more = read_source(spec.data.validation, dialect, selection, tasks, roots, keep, rows, columns=needed)
    sha256 = hash_bytes(f"{training.sha256} {more.sha256}".encode()).hexdigest()
    return training, training.blocks + more.blocks, sha256


def _validation_reading(spec: JobSpec, training: Source, selection: Selection) -> tuple[Dialect, Selection]:
    """Return how the validation file is read: as the training data was, each column as what it is there."""
    columns = choose_columns(spec, training.blocks)
    words = {column.name for column in columns if column.kind != "number"}
    same = spec.data.validation == spec.data.train
    dialect = replace(training.dialect, format=spec.data.format, part=HELD_OUT if same else training.dialect.part)
    needed = frozenset({column.name for column in columns} | {*spec.data.targets, *filter(None, [spec.data.weight])})
    return dialect, Selection(needed, text=selection.text | words)


def _check_validation(spec: JobSpec, columns: Sequence[Column], blocks: Sequence[Block]) -> None:
    """Raise InvalidData where the validation file lacks a column that training has."""
    needed = [*(column.name for column in columns), *spec.data.targets, *filter(None, [spec.data.weight])]
    lacking = [name for name in needed if name not in names_of(blocks)] if blocks else []
    if lacking and not all(each.survey.names == () for each in blocks):
        raise InvalidData(f"{spec.data.validation} has no column {lacking[0]!r}, which {spec.data.train} has")


def _notes(spec: JobSpec, source: Source) -> tuple[str, ...]:
    """Return how the data was read where the job leaves it open."""
    given = spec.data.header is not None and spec.data.delimiter is not None
    return () if given or not source.reasons else ("; ".join(source.reasons),)


def _row_warnings(spec: JobSpec, targets: Targets) -> tuple[str, ...]:
    labels, sentences = ", ".join(map(repr, spec.data.targets)), []
    if targets.unlabelled:
        rows = f"{targets.unlabelled:,} of {len(targets.kept):,} rows"
        sentences.append(f"{rows} have no value of the label {labels} and are left out")
    if targets.Y.ndim == 2 and not targets.classes and not spec.scales_targets:
        Y = targets.Y[targets.kept]
        steps, deviations = np.spacing(np.abs(Y).max(axis=0).astype(np.float32)), Y.std(axis=0)
        if (steps > LARGEST_STEP * deviations)[deviations > 0].any():
            way = 'data.target_scaling = "standardize" keeps them'
            sentences.append(f"float32 does not hold the differences of the label {labels}: {way}")
    return tuple(sentences)


def _deal(spec: JobSpec, targets: Targets, rows: int) -> tuple[list[Rows], list[Rows]]:
    """Return the training rows and the validation rows of each shard; rows that do not count are in neither."""
    data, seed = spec.data, spec.training.seed
    kept = np.flatnonzero(targets.kept[:rows])
    if data.validation is not None:
        training, _ = split_rows(len(kept), 0.0, spec.shards, seed)
        held = rows + np.flatnonzero(targets.kept[rows:])
        return [kept[part] for part in training], np.array_split(held, spec.shards)
    strata = targets.strata[:rows][kept] if data.stratify and targets.strata is not None else None
    training, validation = split_rows(len(kept), data.validation_fraction, spec.shards, seed, strata)
    return [kept[part] for part in training], [kept[part] for part in validation]


def _target_scaling(spec: JobSpec, targets: Targets, training: NDArray[np.bool_]) -> Scaling | None:
    if targets.classes or not spec.scales_targets:
        return None
    return Scaling.fit("standardize", [Moments.of(y) for y in targets.Y[: len(training)][training].T])


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
        Y, held_Y = (_scaled(targets.Y[rows], scaling) for rows in (own, held))
        counted = None if weights is None else weights[own]
        if factors is not None:
            of_classes = factors[targets.Y[own]].astype(np.float32)
            counted = of_classes if counted is None else counted * of_classes
        yield Part(own, Y, counted, held, held_Y, None if weights is None else weights[held])


def _scaled(Y: NDArray[Any], scaling: Scaling | None) -> NDArray[Any]:
    """Return targets as a shard has them: class indices, or numbers that are scaled before they become float32."""
    if Y.ndim == 1:
        return Y
    return scaling.apply(Y.copy()) if scaling else Y.astype(np.float32)


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
