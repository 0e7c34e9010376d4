"""What the fields of a job say of each other: checked wherever both have values that can be compared."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.nn import LOSSES, OPTIMIZERS
from chainrule.wire import spec
from chainrule.wire.errors import Violation


def relations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield what does not fit together."""
    yield from _layers(document)
    yield from _loss(document)
    yield from _optimizer(document)
    yield from _counts(document)


def _layers(document: Mapping[str, Any]) -> Iterator[Violation]:
    layers = _get(document, "network.layers", ())
    for i, layer in enumerate(layers[:-1] if isinstance(layers, Sequence) else ()):
        if isinstance(layer, Mapping) and layer.get("units") is None:
            yield Violation(f"network.layers[{i}].units", "is missing: only the last layer's can come from the data")


def _loss(document: Mapping[str, Any]) -> Iterator[Violation]:
    name = _get(document, "network.loss", spec.NetworkSpec.loss)
    if not isinstance(name, str) or name not in LOSSES:
        return
    own = {*LOSSES[name].options, *(["label_smoothing"] if LOSSES[name].classes else [])}
    for option in ("label_smoothing", "delta", "quantile"):
        if option not in own and _get(document, f"network.{option}", None) is not None:
            yield Violation(f"network.{option}", f"is not an option of {name}")


def _optimizer(document: Mapping[str, Any]) -> Iterator[Violation]:
    given = _get(document, "optimizer", {})
    name = _get(document, "optimizer.name", spec.OptimizerSpec.name)
    if not isinstance(given, Mapping) or not isinstance(name, str) or name not in OPTIMIZERS:
        return
    known = {field.name for field in dataclasses.fields(spec.OptimizerSpec)}
    own = {"name"} | {field.name for field in dataclasses.fields(OPTIMIZERS[name])}  # type: ignore[arg-type]
    for option in sorted(set(given) & (known - own)):
        yield Violation(f"optimizer.{option}", f"is not a hyperparameter of {name}")


def _counts(document: Mapping[str, Any]) -> Iterator[Violation]:
    low = _count(document, "cluster.min_workers", spec.ClusterSpec.min_workers)
    high = _count(document, "cluster.max_workers", spec.ClusterSpec.max_workers)
    shards = _count(document, "training.shards", high)
    batch = _count(document, "training.batch_size", spec.TrainingSpec.batch_size)
    if low and high and low > high:
        yield Violation("cluster.min_workers", f"must be <= cluster.max_workers ({high})")
    if high and shards and high > shards:
        yield Violation("cluster.max_workers", f"must be <= training.shards ({shards}): a worker needs a shard")
    if shards and batch and batch % shards:
        nearest = max(1, round(batch / shards)) * shards
        problem = f"must be divisible by the number of shards ({shards}): the nearest that is, is {nearest}"
        yield Violation("training.batch_size", problem)


def _get(document: Mapping[str, Any], path: str, default: Any) -> Any:
    """Return the value at a path, or the default where it is absent."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return default if value is None else value


def _count(document: Mapping[str, Any], path: str, default: int | None) -> int | None:
    """Return the positive whole number at a path, or None where something else stands there."""
    value = _get(document, path, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
