"""What the fields of a job say of each other: checked wherever both have values that can be compared."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from chainrule.nn import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, Plateau
from chainrule.wire import spec
from chainrule.wire.errors import Violation

ONE_SOFTMAX = "is 1, and a softmax of one unit is 1 whatever the weights are: use sigmoid, or more units"


def relations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield what does not fit together."""
    yield from _data(document)
    yield from _layers(document)
    yield from _loss(document)
    yield from _last_layer(document)
    yield from _softmax(document)
    yield from _optimizer(document)
    yield from _schedule(document)
    yield from _metric(document)
    yield from _counts(document)


def _data(document: Mapping[str, Any]) -> Iterator[Violation]:
    """The label decides what the loss can be, and the loss what may be done to the label."""
    data = _get(document, "data", None)
    if not isinstance(data, Mapping):
        return
    label, labels = data.get("label"), data.get("labels")
    if label is None and not labels:
        yield Violation("data.label", "is missing")
    if label is not None and labels:
        yield Violation("data.labels", "stands beside data.label: give one of them")
    if data.get("thousands") is not None and data["thousands"] == data.get("decimal", "."):
        yield Violation(
            "data.thousands", f"is {data['thousands']!r}, the decimal mark: set data.decimal to the other one"
        )
    name = _get(document, "network.loss", spec.NetworkSpec.loss)
    loss = LOSSES.get(name) if isinstance(name, str) else None
    if loss and loss.classes and isinstance(labels, Sequence) and len(labels) > 1:
        yield Violation("data.labels", f"names {len(labels)} columns, but {name} predicts one class")
    if loss and not loss.classes and data.get("class_weights") is not None:
        yield Violation("data.class_weights", f"is for classes, but {name} predicts numbers")
    if loss and data.get("target_scaling") == "standardize" and (loss.classes or loss.domain != (-math.inf, math.inf)):
        yield Violation("data.target_scaling", f"is for losses over all numbers, not for {name}")


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
    yield from _options(document, "optimizer", spec.OptimizerSpec, OPTIMIZERS, "a hyperparameter")
    name, decay = _get(document, "optimizer.name", spec.OptimizerSpec.name), _number(document, "optimizer.weight_decay")
    if not isinstance(name, str) or name not in OPTIMIZERS or decay is None:
        return
    rate = _number(document, "optimizer.learning_rate") or OPTIMIZERS[name]().learning_rate
    if rate * decay > 1:
        problem = f"is {decay:g}: times optimizer.learning_rate ({rate:g}) it must be at most 1, the whole of a weight"
        yield Violation("optimizer.weight_decay", problem)


def _schedule(document: Mapping[str, Any]) -> Iterator[Violation]:
    kinds = {**SCHEDULES, "plateau": Plateau}
    return _options(document, "schedule", spec.ScheduleSpec, kinds, "an option", {"warm_up"})


def _options(
    document: Mapping[str, Any],
    section: str,
    fields: Any,
    kinds: Mapping[str, Any],
    word: str,
    common: Set[str] = frozenset(),
) -> Iterator[Violation]:
    """What a section gives beside its name must belong to the kind that it names."""
    given, name = _get(document, section, {}), _get(document, f"{section}.name", fields.name)
    if not isinstance(given, Mapping) or not isinstance(name, str) or name not in kinds:
        return
    known = {field.name for field in dataclasses.fields(fields)}
    own = {"name", *common, *(field.name for field in dataclasses.fields(kinds[name]))}
    for option in sorted(set(given) & (known - own)):
        yield Violation(f"{section}.{option}", f"is not {word} of {name}")


def _last_layer(document: Mapping[str, Any]) -> Iterator[Violation]:
    """The last layer's outputs are predictions: none of them is dropped, and the loss must have a value for each."""
    layers, loss = _get(document, "network.layers", ()), _get(document, "network.loss", spec.NetworkSpec.loss)
    last = layers[-1] if isinstance(layers, list | tuple) and layers else None
    if not isinstance(last, Mapping):
        return
    path = f"network.layers[{len(layers) - 1}]"
    if last.get("dropout"):
        yield Violation(f"{path}.dropout", "is for hidden layers, and this is the last one")
    name = last.get("activation")
    if not (isinstance(loss, str) and loss in LOSSES and isinstance(name, str) and name in ACTIVATIONS):
        return
    (low, high), (lowest, highest) = ACTIVATIONS[name].range, LOSSES[loss].domain
    if low < lowest or high > highest:
        fitting = [a.name for a in ACTIVATIONS.values() if a.range[0] >= lowest and a.range[1] <= highest]
        problem = f"is {name}, whose outputs lie in [{low:g}, {high:g}], but {loss} is for those in"
        problem += f" [{lowest:g}, {highest:g}]: {', '.join(fitting)}"
        yield Violation(f"{path}.activation", problem)


def _softmax(document: Mapping[str, Any]) -> Iterator[Violation]:
    """A softmax of one unit is 1 whatever the weights are."""
    layers, loss = _get(document, "network.layers", ()), _get(document, "network.loss", spec.NetworkSpec.loss)
    if not isinstance(layers, list | tuple):
        return
    default = LOSSES[loss].activation if isinstance(loss, str) and loss in LOSSES else None
    for i, layer in enumerate(layers):
        if isinstance(layer, Mapping) and layer.get("units") == 1 and not isinstance(layer["units"], bool | float):
            name = layer.get("activation") or (default if i == len(layers) - 1 else None)
            if name == "softmax":
                yield Violation(f"network.layers[{i}].units", ONE_SOFTMAX)


def _metric(document: Mapping[str, Any]) -> Iterator[Violation]:
    """What follows a metric needs it to be there, and has one measure of patience."""
    stopping = _get(document, "early_stopping", None)
    metric = _get(document, "early_stopping.metric", spec.EarlyStoppingSpec.metric)
    followed = {} if not isinstance(stopping, Mapping) else {"early_stopping.metric": metric}
    if _get(document, "schedule.name", None) == "plateau":
        followed["schedule.name"] = "validation_loss"
    if all(_get(document, f"early_stopping.{name}", None) is not None for name in ("patience", "patience_steps")):
        yield Violation("early_stopping.patience_steps", "stands beside early_stopping.patience: give one of them")
    loss = _get(document, "network.loss", spec.NetworkSpec.loss)
    validates = _get(document, "data.validation_fraction", spec.DataSpec.validation_fraction) != 0
    validates = validates or _get(document, "data.validation", None) is not None
    for path, name in followed.items():
        if isinstance(name, str) and name.startswith("validation") and not validates:
            yield Violation(path, "needs validation rows: data.validation_fraction must be > 0")
        elif name == "validation_accuracy" and isinstance(loss, str) and loss in LOSSES and not LOSSES[loss].classes:
            yield Violation(path, f"is validation_accuracy, but {loss} predicts numbers, not classes")


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


def _number(document: Mapping[str, Any], path: str) -> float | None:
    """Return the positive number at a path, or None where something else stands there."""
    value = _get(document, path, None)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _count(document: Mapping[str, Any], path: str, default: int | None) -> int | None:
    """Return the positive whole number at a path, or None where something else stands there."""
    value = _get(document, path, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
