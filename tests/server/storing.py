"""What tests put into a store."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SPEC = {"name": "digits", "data": {"train": "a.csv", "label": "y"}, "cluster": {"max_workers": 4}}
