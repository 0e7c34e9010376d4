"""Fields of a job that say how files are read, given without a job."""

from collections.abc import Mapping
from typing import Any

from chainrule.data.fragments import Dialect
from chainrule.data.sources import dialect_of
from chainrule.wire.validation import parse_spec

FIELDS = ("format", "delimiter", "header", "encoding", "decimal", "thousands", "missing_values", "date_format")
"""The fields of `data` that may be given."""


def given_dialect(fields: Mapping[str, Any]) -> Dialect:
    """Return the dialect that these fields of a job make; those that are None are not given. Raises InvalidJob."""
    given = {name: fields[name] for name in FIELDS if fields.get(name) is not None}
    data = {"train": "rows", "label": "label", **given}
    return dialect_of(parse_spec({"data": data, "network": {"layers": [{}]}}))
