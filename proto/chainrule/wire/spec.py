"""A job as data: frozen dataclasses, checked when they are made from a document (TOML, JSON or a message)."""

import dataclasses
from typing import Annotated, Any

from annotated_types import Ge, Le, MinLen
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from chainrule.nn import ACTIVATIONS, CLIPPINGS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES, Network
from chainrule.wire.ranges import (
    ClassWeights,
    Columns,
    Count,
    CountOrNone,
    DateFormat,
    Decay,
    Delimiter,
    DropoutRate,
    Fraction,
    Magnitude,
    NotNegative,
    Quantile,
    Seconds,
    Share,
    Source,
    Strength,
    Text,
    Words,
    one_of,
)
from chainrule.wire.units import scales_targets

MOST_SHARDS = 65536
SCALINGS = ("standardize", "min_max", "none")
FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow", "npy", "npz", "idx")
COLUMN_KINDS = ("number", "category", "date", "time", "boolean")
MISSING = ("refuse", "median", "mean")
MISSING_LABEL = ("refuse", "drop")
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "latin-1")
THOUSANDS = (",", ".", " ", "'", "_", "\u00a0", "\u202f")
SCHEDULE_NAMES = (*SCHEDULES, "plateau")
WIRES = ("float32", "bfloat16")
METRICS = ("validation_loss", "validation_accuracy", "train_loss")


_strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, config=_strict)
class DataSpec:
    """Where the rows are, which column is to be predicted, and what becomes of the others.

    Inputs are all `columns`, by default those of the file, but those to `ignore`; `kinds` says of a column what does
    not show. Rows that are to be validated are a fraction, or those of a file.
    """

    train: Source
    label: Source | None = None
    labels: Columns | None = None
    validation_fraction: Fraction = 0.2
    validation: Source | None = None
    stratify: bool = True
    format: Annotated[str, one_of(*FORMATS)] | None = None
    delimiter: Delimiter | None = None
    header: bool | None = None
    encoding: Annotated[str, one_of(*ENCODINGS)] | None = None
    decimal: Annotated[str, one_of(".", ",")] = "."
    thousands: Annotated[str, one_of(*THOUSANDS)] | None = None
    missing_values: Words | None = None
    date_format: DateFormat | None = None
    missing_label: Annotated[str, one_of(*MISSING_LABEL)] = "refuse"
    unpack_limit: Annotated[int, Ge(1), Le(2**63 - 1)] = 2**36
    columns: Columns | None = None
    ignore: Columns | None = None
    kinds: dict[str, Annotated[str, one_of(*COLUMN_KINDS)]] = Field(default_factory=dict)
    missing: Annotated[str, one_of(*MISSING)] = "refuse"
    most_categories: Annotated[int, Ge(1), Le(10_000)] = 100
    hash_buckets: Annotated[int, Ge(1), Le(10_000)] = 64
    scaling: Annotated[str, one_of(*SCALINGS)] = "standardize"
    target_scaling: Annotated[str, one_of("standardize", "none")] | None = None
    class_weights: ClassWeights | None = None
    weight: Source | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are to be predicted."""
        return self.labels or ((self.label,) if self.label else ())


@dataclass(frozen=True, config=_strict)
class LayerSpec:
    """Layer L: its number of neurons n^L, its activation, how its weights begin, and its rate of dropout."""

    units: Count | None = None
    activation: Annotated[str, one_of(*ACTIVATIONS)] | None = None
    initializer: Annotated[str, one_of(*INITIALIZERS)] | None = None
    dropout: DropoutRate | None = None


@dataclass(frozen=True, config=_strict)
class NetworkSpec:
    """The layers 1..N and the loss; options of the loss that are None take the defaults of chainrule.nn.network."""

    layers: Annotated[tuple[LayerSpec, ...], MinLen(1)]
    loss: Annotated[str, one_of(*LOSSES)] = "cross_entropy"
    label_smoothing: Decay | None = None
    delta: Magnitude | None = None
    quantile: Quantile | None = None
    input_dropout: DropoutRate | None = None

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer; by default relu, and at the end the one that suits the loss."""
        defaults = ["relu"] * (len(self.layers) - 1) + [LOSSES[self.loss].activation]
        return tuple(layer.activation or default for layer, default in zip(self.layers, defaults, strict=True))

    def network(self, sizes: tuple[int, ...]) -> Network:
        """Return the network with the sizes n^0..n^N, of which the data gives the first and the last."""
        options = {name: getattr(self, name) for name in ("label_smoothing", "delta", "quantile")}
        given = {name: value for name, value in options.items() if value is not None}
        initializers = tuple(layer.initializer for layer in self.layers)
        dropout = (self.input_dropout or 0.0, *(layer.dropout or 0.0 for layer in self.layers[:-1]))
        return Network(sizes, self.activations, self.loss, initializers=initializers, dropout=dropout, **given)


@dataclass(frozen=True, config=_strict)
class OptimizerSpec:
    """The optimizer and its hyperparameters; what is None takes the default of chainrule.nn.optimizers."""

    name: Annotated[str, one_of(*OPTIMIZERS)] = "adam"
    learning_rate: Magnitude | None = None
    momentum: Decay | None = None
    beta1: Decay | None = None
    beta2: Decay | None = None
    epsilon: Magnitude | None = None
    rho: Decay | None = None
    weight_decay: Strength | None = None

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The hyperparameters that the job gives."""
        return _given(self, "name")


@dataclass(frozen=True, config=_strict)
class RegularizationSpec:
    """Strengths λ of L1 and L2, and the largest norm of a neuron's incoming weights."""

    l1: Strength = 0.0
    l2: Strength = 0.0
    max_norm: Magnitude | None = None


@dataclass(frozen=True, config=_strict)
class ClippingSpec:
    """Limits of the mean gradient."""

    value: Magnitude | None = None
    layer_norm: Magnitude | None = None
    global_norm: Magnitude | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits that the job gives, in the order in which they are applied."""
        given = _given(self)
        return {name: given[name] for name in CLIPPINGS if name in given}


@dataclass(frozen=True, config=_strict)
class ScheduleSpec:
    """By what the learning rate is multiplied at each step, behind `warm_up` steps in which it rises from 0."""

    name: Annotated[str, one_of(*SCHEDULE_NAMES)] = "constant"
    warm_up: CountOrNone = 0
    steps: Count | None = None
    every: Count | None = None
    gamma: Share | None = None
    low: Share | None = None
    peak: Share | None = None
    start: Share | None = None
    end: Share | None = None
    patience: Count | None = None
    min_delta: NotNegative | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What the job gives beside the name and the warm-up."""
        return _given(self, "name", "warm_up")


@dataclass(frozen=True, config=_strict)
class EarlyStoppingSpec:
    """Stop when a metric has not become better for `patience` epochs, or for `patience_steps` steps.

    Where neither is given, it is 10 epochs. The best weights are kept in any case.
    """

    metric: Annotated[str, one_of(*METRICS)] = "validation_loss"
    patience: Count | None = None
    min_delta: NotNegative = 0.0
    patience_steps: Count | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The fields of chainrule.nn.Patience that the job gives, and those that have a default here."""
        return _given(self)


@dataclass(frozen=True, config=_strict)
class TrainingSpec:
    """How long and in which portions. `batch_size` is over all shards; shards None means as many as max_workers.

    The history has the hash of every `hash_every`-th version, 0 for none. Over a bfloat16 wire each shard's gradient
    travels by itself and rounded, in half as many bytes; weights travel as they are.
    """

    epochs: Count = 30
    batch_size: Count = 64
    shards: Annotated[int, Ge(1), Le(MOST_SHARDS)] | None = None
    seed: Annotated[int, Ge(0), Le(2**63 - 1)] = 0
    checkpoint_seconds: Seconds = 30.0
    hash_every: CountOrNone = 1
    wire: Annotated[str, one_of(*WIRES)] = "float32"

    @property
    def halves(self) -> bool:
        """Whether gradients are rounded to the upper halves of their float32."""
        return self.wire == "bfloat16"

    def hashes(self, version: int) -> bool:
        """Whether the history has the hash of this version, if training does a step from it."""
        return self.hash_every > 0 and version % self.hash_every == 0


@dataclass(frozen=True, config=_strict)
class ClusterSpec:
    """How many workers; each takes one CPU. Those on the parameter server's host may share its memory."""

    min_workers: Count = 1
    max_workers: Count = 1
    shared_memory: bool = True


@dataclass(frozen=True, config=_strict)
class JobSpec:
    """One training run. Make one with `parse_spec`, which also checks what fields say of each other."""

    data: DataSpec
    network: NetworkSpec
    name: Text = "job"
    optimizer: OptimizerSpec = Field(default_factory=OptimizerSpec)
    training: TrainingSpec = Field(default_factory=TrainingSpec)
    cluster: ClusterSpec = Field(default_factory=ClusterSpec)
    regularization: RegularizationSpec = Field(default_factory=RegularizationSpec)
    clipping: ClippingSpec = Field(default_factory=ClippingSpec)
    schedule: ScheduleSpec = Field(default_factory=ScheduleSpec)
    early_stopping: EarlyStoppingSpec | None = None

    @property
    def scales_targets(self) -> bool:
        """Whether the loss compares standardized labels."""
        return scales_targets(self.network.loss, self.data.target_scaling)

    @property
    def shards(self) -> int:
        """S, the number of data shards."""
        return self.training.shards or self.cluster.max_workers

    @property
    def rows_per_shard(self) -> int:
        """The rows that a shard contributes to a step."""
        return self.training.batch_size // self.shards

    @property
    def follows_validation(self) -> bool:
        """Whether the learning rate or the end depends on a validation metric."""
        stopping = self.early_stopping
        return self.schedule.name == "plateau" or (stopping is not None and stopping.metric.startswith("validation"))

    def document(self) -> dict[str, Any]:
        """Return the job as plain data without the fields that are None: `parse_spec` gives the job back."""
        document: dict[str, Any] = _without_none(dataclasses.asdict(self))
        return document


def _given(fields: Any, *but: str) -> dict[str, Any]:
    """Return the fields of a dataclass that are not None."""
    return {k: v for k, v in dataclasses.asdict(fields).items() if k not in but and v is not None}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
