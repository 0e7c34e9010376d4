"""A document -> a JobSpec, or InvalidJob with every violation and its path."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from chainrule.wire import spec
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.relations import relations
from chainrule.wire.suggestions import did_you_mean

_adapter: TypeAdapter[spec.JobSpec] = TypeAdapter(spec.JobSpec)
_SECTIONS: dict[str, type] = {
    "": spec.JobSpec,
    "data": spec.DataSpec,
    "network": spec.NetworkSpec,
    "network.layers": spec.LayerSpec,
    "optimizer": spec.OptimizerSpec,
    "training": spec.TrainingSpec,
    "cluster": spec.ClusterSpec,
    "regularization": spec.RegularizationSpec,
    "clipping": spec.ClippingSpec,
    "schedule": spec.ScheduleSpec,
    "early_stopping": spec.EarlyStoppingSpec,
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
    "dict_type": "must be a table of fields",
    "bool_type": "must be true or false",
    "dataclass_type": "must be a table of fields",
    "value_error": "{error}",
}


def parse_spec(document: Mapping[str, Any]) -> spec.JobSpec:
    """Check a whole job and return it. Raises InvalidJob."""
    violations, parsed = [], None
    try:
        # TOML knows dates, JSON does not; as an empty object one is wrong wherever it stands.
        text = json.dumps(document, default=lambda _: {})
    except RecursionError:
        raise InvalidJob([Violation("", "the job is nested too deeply")]) from None
    try:
        parsed = _adapter.validate_json(text)
    except ValidationError as error:
        violations = [_violation(detail) for detail in error.errors() if not _follows(detail, error.errors())]
    wrong = {violation.path for violation in violations}
    violations += [violation for violation in relations(document) if violation.path not in wrong]
    if violations or parsed is None:
        raise InvalidJob(violations)
    return parsed


def _follows(detail: ErrorDetails, others: Sequence[ErrorDetails]) -> bool:
    """Whether a list counts as too short only because entries of it are wrong."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(other["loc"][: len(loc)] == loc != other["loc"] for other in others)


def _violation(detail: ErrorDetails) -> Violation:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return Violation(path, f"is not a field of a job{_suggestion(path)}")
    problem = _PROBLEMS.get(detail["type"])
    if problem is None:
        return Violation(path, f"is wrong: {detail['msg']}")
    bounds = detail.get("ctx", {})
    whole = {name: int(bound) for name, bound in bounds.items() if isinstance(bound, float) and bound.is_integer()}
    return Violation(path, problem.format(**{**bounds, **whole}))


def _suggestion(path: str) -> str:
    """Return what an unknown field may have been meant to be."""
    section, _, name = re.sub(r"\[\d+\]", "", path).rpartition(".")
    if near := did_you_mean(name, _fields(_SECTIONS[section])):
        return near
    home = next((other for other, kind in _SECTIONS.items() if other and name in _fields(kind)), None)
    return f"; it belongs under {home}" if home else ""


def _fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]
