"""Rows of jobs and of their checkpoints: how one is found, and the job that it stands for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from chainrule.server.tables import checkpoints, jobs
from chainrule.wire.errors import JobAmbiguous, JobNotFound
from chainrule.wire.job import Job, JobState
from chainrule.wire.layers import LayerFigures
from chainrule.wire.units import labels, loss_unit

Row = sa.RowMapping
SHORTEST_PREFIX = 2
"""The fewest characters of an id that stand for the whole."""
MOST_CANDIDATES = 5
"""An error lists this many jobs at most."""
_PLAIN = (
    *("id", "name", "reason", "version", "steps", "epoch", "workers", "max_workers", "metrics"),
    *("confusion", "weights_sha256", "samples_per_second", "events", "blocked"),
)


def job_of(row: Row) -> Job:
    """Return the job of a row."""
    moments = {key: _moment(row[key]) for key in ("created", "started", "finished")}
    return Job(
        state=JobState(row["state"]),
        layers=tuple(map(LayerFigures.from_document, row["layers"])),
        min_workers=min_workers(row),
        loss_unit=loss_unit(row["spec"]),
        labels=labels(row["spec"]),
        **{key: row[key] for key in _PLAIN} | moments,
    )


def min_workers(row: Row) -> int:
    """Return the CPUs that a job waits for: scaling it to fewer workers lowers them."""
    spec: dict[str, Any] = row["spec"]
    return min(int(spec.get("cluster", {}).get("min_workers", 1)), int(row["max_workers"]))


def measured(loss: float, accuracy: float | None, metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics of an evaluation; a store of the first versions has the two by themselves alone."""
    known = {"loss": loss, "accuracy": accuracy, **metrics}
    return {name: value for name, value in known.items() if value is not None}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def find_id(connection: sa.Connection, word: str) -> str:
    """Return the id of the job that a word names: an id, the beginning of one id, or the name of one job.

    Raises JobNotFound, and JobAmbiguous with the jobs that it may be.
    """
    if connection.execute(sa.select(jobs.c.id).where(jobs.c.id == word)).first() is not None:
        return word
    prefixed = sa.func.substr(jobs.c.id, 1, len(word)) == word
    found = [_candidates(connection, prefixed)] if len(word) >= SHORTEST_PREFIX else []
    found.append(_candidates(connection, jobs.c.name == word))
    for rows in found:
        if len(rows) == 1:
            return str(rows[0]["id"])
    several = next(filter(None, found), None)
    if several is None:
        raise JobNotFound(f"there is no job {word!r}: `chainrule list` shows all")
    named = ", ".join(f"{row['id']} ({row['name']}, {row['state']})" for row in several[:MOST_CANDIDATES])
    more = ", ..." if len(several) > MOST_CANDIDATES else ""
    raise JobAmbiguous(f"{word!r} may be one of several jobs, give more of its id: {named}{more}")


def _candidates(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Row]:
    """Return the newest jobs that fulfil a condition, one more than an error lists."""
    query = sa.select(jobs.c.id, jobs.c.name, jobs.c.state).where(condition).order_by(jobs.c.sequence.desc())
    return list(connection.execute(query.limit(MOST_CANDIDATES + 1)).mappings())


def has_request(connection: sa.Connection, request_id: str) -> bool:
    """Whether a request with this id has made a job."""
    query = sa.select(jobs.c.id).where(jobs.c.request_id == request_id)
    return connection.execute(query).first() is not None


def checkpoints_of(connection: sa.Connection, job_id: str) -> list[Row]:
    """Return a job's checkpoints, the latest first."""
    query = sa.select(checkpoints).where(checkpoints.c.job_id == job_id).order_by(checkpoints.c.version.desc())
    return list(connection.execute(query).mappings())


def forget_checkpoints(connection: sa.Connection, job_id: str, rows: Sequence[Row]) -> None:
    """Delete some of a job's checkpoints."""
    versions = checkpoints.c.version.in_([row["version"] for row in rows])
    connection.execute(checkpoints.delete().where(checkpoints.c.job_id == job_id, versions))
