"""A job's data file -> its data shards, and what the rest of the system must know of them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import TypeAdapter

from chainrule.data.scaling import Scaling
from chainrule.data.shards import Shard, split_rows, steps_per_epoch
from chainrule.data.tables import numbers, read_csv
from chainrule.nn import LOSSES, Network
from chainrule.wire.errors import InvalidData, InvalidJob, Violation
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class DatasetSummary:
    """What is known once the data has been read: inputs, classes (none for regression), rows, scaling, hash."""

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    outputs: int
    rows_of_shards: tuple[int, ...]
    validation_rows: int
    scaling: Scaling
    sha256: str
    sha256_of_shards: tuple[str, ...] = ()

    def network(self, spec: JobSpec) -> Network:
        """Return the job's network with the sizes n^0 and n^N that the data gives."""
        hidden = [layer.units or 0 for layer in spec.network.layers[:-1]]
        return spec.network.network((len(self.columns), *hidden, self.outputs))

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


def load_dataset(spec: JobSpec) -> tuple[DatasetSummary, list[Shard]]:
    """Read, check, scale and deal the job's rows. Raises InvalidData, or InvalidJob where the job does not fit them."""
    source, label = spec.data.train, spec.data.label
    table, sha256 = read_csv(source)
    if label not in table.column_names:
        raise InvalidData(f"{source} has no column {label!r}, the label; it has {_some(table.column_names)}")
    columns = tuple(name for name in table.column_names if name != label)
    if not columns:
        raise InvalidData(f"{source} has no column beside the label {label!r}")
    classes, Y = _targets(table.column(label), spec)
    raw = numbers(table, columns, source)
    training, validation = split_rows(len(raw), spec.data.validation_fraction, spec.shards, spec.training.seed)
    _check_fit(spec, sum(map(len, training)), sum(map(len, validation)), len(classes) or 1)
    scaling = Scaling.fit(spec.data.scaling, raw[np.sort(np.concatenate(training))])
    X = scaling.apply(raw)
    shards = [Shard(X[own], Y[own], X[held], Y[held]) for own, held in zip(training, validation, strict=True)]
    rows = tuple(len(own) for own in training)
    held_out = sum(map(len, validation))
    hashes = tuple(shard.sha256 for shard in shards)
    return DatasetSummary(columns, classes, len(classes) or 1, rows, held_out, scaling, sha256, hashes), shards


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _targets(label: pa.ChunkedArray, spec: JobSpec) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Return (classes, class index of each row) for a loss over classes, else ((), numbers (rows, 1))."""
    source, name = spec.data.train, spec.data.label
    if not LOSSES[spec.network.loss].classes:
        return (), _check_domain(numbers(pa.table({name: label}), [name], source), spec).astype(np.float32)
    absent = pc.equal(label, "") if pa.types.is_string(label.type) else pc.is_null(label)
    if pc.any(absent).as_py():
        row = pc.index(absent, pa.scalar(True)).as_py()
        raise InvalidData(f"{source}: row {row + 1} has no label in column {name!r}")
    if pa.types.is_floating(label.type):
        _check_whole(label.to_numpy(), source)
    values, indices = np.unique(label.to_numpy(), return_inverse=True)
    if len(values) < 2:
        raise InvalidData(
            f"{source}: the label {name!r} has one class only ({values[0]}), so there is nothing to learn"
        )
    return tuple(str(value) for value in values), indices.astype(np.int32)


def _check_domain(Y: NDArray[np.float64], spec: JobSpec) -> NDArray[np.float64]:
    """Return the targets (rows, 1). Raises InvalidData where the loss has no value for one."""
    lowest, highest = LOSSES[spec.network.loss].domain
    wrong = np.flatnonzero((lowest > Y[:, 0]) | (Y[:, 0] > highest))
    if len(wrong):
        row, value = wrong[0] + 1, Y[wrong[0], 0]
        limits = f"from {lowest:g} to {highest:g}" if highest < np.inf else f">= {lowest:g}"
        raise InvalidData(
            f"{spec.data.train}: row {row} has the label {value:g}, but loss {spec.network.loss} wants numbers {limits}"
        )
    return Y


def _check_whole(label: NDArray[np.float64], source: str) -> None:
    """Raise InvalidData where a number is not whole: it is no class."""
    wrong = np.flatnonzero(~(np.isfinite(label) & (label == np.floor(label))))
    if len(wrong):
        row, value = wrong[0] + 1, label[wrong[0]]
        raise InvalidData(f"{source}: row {row} has the label {value}, which is no class; loss mse predicts numbers")


def _check_fit(spec: JobSpec, rows: int, held_out: int, outputs: int) -> None:
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
        problem = f"is {units}, but the label {spec.data.label!r} needs {outputs}; leave it out to follow the data"
        violations.append(Violation(f"network.layers[{last}].units", problem))
    if violations:
        raise InvalidJob(violations)
