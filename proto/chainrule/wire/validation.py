"""A document -> a JobSpec, or InvalidJob with every violation and its path."""

import dataclasses
import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from chainrule.nn import OPTIMIZERS
from chainrule.wire import spec
from chainrule.wire.errors import InvalidJob, Violation

_adapter: TypeAdapter[spec.JobSpec] = TypeAdapter(spec.JobSpec)
_FIELDS = {
    field.name
    for section in vars(spec).values()
    if isinstance(section, type) and dataclasses.is_dataclass(section)
    for field in dataclasses.fields(section)
}
_PROBLEMS = {
    "missing": "is missing",
    "greater_than_equal": "must be >= {ge}",
    "greater_than": "must be > {gt}",
    "less_than_equal": "must be <= {le}",
    "less_than": "must be < {lt}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entry",
    "tuple_type": "must be a list",
    "dataclass_type": "must be a table of fields",
    "value_error": "{error}",
}


def parse_spec(document: Mapping[str, Any]) -> spec.JobSpec:
    """Check a whole job and return it. Raises InvalidJob."""
    violations, parsed = [], None
    try:
        parsed = _adapter.validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        violations = [_violation(detail) for detail in error.errors()]
    wrong = {violation.path for violation in violations}
    violations += [violation for violation in _relations(document) if violation.path not in wrong]
    if violations or parsed is None:
        raise InvalidJob(violations)
    return parsed


def _violation(detail: ErrorDetails) -> Violation:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        near = difflib.get_close_matches(str(detail["loc"][-1]), _FIELDS, n=1)
        return Violation(path, "is not a field of a job" + (f"; did you mean {near[0]}?" if near else ""))
    problem = _PROBLEMS.get(detail["type"])
    if problem is None:
        return Violation(path, f"is wrong: {detail['msg']}")
    bounds = detail.get("ctx", {})
    whole = {name: int(bound) for name, bound in bounds.items() if isinstance(bound, float) and bound.is_integer()}
    return Violation(path, problem.format(**{**bounds, **whole}))


def _relations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Check what fields say of each other, wherever both have values that can be compared."""
    layers = _get(document, "network.layers", list) or []
    for i, layer in enumerate(layers[:-1]):
        if isinstance(layer, dict) and "units" not in layer:
            yield Violation(f"network.layers[{i}].units", "is missing: only the last layer's can come from the data")
    name = _get(document, "optimizer.name", str) or "sgd"
    if name in OPTIMIZERS:
        known = {field.name for field in dataclasses.fields(spec.OptimizerSpec)}
        own = {"name"} | {field.name for field in dataclasses.fields(OPTIMIZERS[name])}  # type: ignore[arg-type]
        for option in sorted(set(_get(document, "optimizer", dict) or {}) & (known - own)):
            yield Violation(f"optimizer.{option}", f"is not a hyperparameter of {name}")
    low = _get(document, "cluster.min_workers", int) or 1
    high = _get(document, "cluster.max_workers", int) or 1
    if low > high >= 1:
        yield Violation("cluster.min_workers", f"must be <= cluster.max_workers ({high})")
    shards = _get(document, "training.shards", int) or high
    if high > shards >= 1:
        yield Violation("cluster.max_workers", f"must be <= training.shards ({shards}): a worker needs a shard")
    batch = _get(document, "training.batch_size", int) or spec.TrainingSpec.batch_size
    if shards >= 1 and batch >= 1 and batch % shards:
        nearest = max(1, round(batch / shards)) * shards
        problem = f"must be divisible by the number of shards ({shards}): the nearest that is, is {nearest}"
        yield Violation("training.batch_size", problem)


def _get(document: Mapping[str, Any], path: str, kind: type) -> Any:
    """Return the value at a path, or None where it is absent or of another kind."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
