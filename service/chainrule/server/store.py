"""The store: jobs, events, steps, evaluations and checkpoints in one SQLite file.

One connection serves all, under a lock: SQLite before 3.51.3 can corrupt a WAL that two connections write. A commit
has reached the disk when it returns (synchronous = FULL).
"""

import json
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from chainrule.server import tables
from chainrule.server.jobs import Move, after, told
from chainrule.server.rows import checkpoints_of, find_id, forget_checkpoints, has_request, job_of, measured
from chainrule.server.tables import checkpoints, evaluations, events, fingerprints, jobs, steps
from chainrule.wire.errors import InvalidJob, JobNotFinished, JobNotFound, LaunchFailed, TooMuch, Violation
from chainrule.wire.faults import fail_at
from chainrule.wire.job import Job, JobEvent, JobState
from chainrule.wire.messages import event_to_message

Row = sa.RowMapping
History = Mapping[str, Sequence[Sequence[Any]]]
"""Rows behind the job's id for the tables of HISTORY, by their names."""
HISTORY = {table.name: table for table in (steps, evaluations, fingerprints)}
_LIVE = (JobState.STARTING, JobState.RUNNING)


class Store:
    """All that must survive the service. Methods raise JobNotFound for an unknown id."""

    def __init__(self, path: Path) -> None:
        engine = sa.create_engine(
            f"sqlite:///{path}", connect_args={"check_same_thread": False}, poolclass=sa.pool.StaticPool
        )
        self._lock = threading.Lock()
        try:
            self._connection = engine.connect()
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.exec_driver_sql(f"PRAGMA {pragma}")
            self._connection.commit()
            self._create(path)
        except sa.exc.DatabaseError as error:
            raise LaunchFailed(f"the store {path} cannot be used: {error.orig}") from None

    def _create(self, path: Path) -> None:
        with self._transaction() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else SQLite commits each change of a table by itself
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version > tables.SCHEMA_VERSION:
                raise LaunchFailed(
                    f"the store {path} was written by a newer Chainrule (version {version} of its tables, "
                    f"{tables.SCHEMA_VERSION} is known here): start that one, or take another data folder"
                )
            for old in range(version or tables.SCHEMA_VERSION, tables.SCHEMA_VERSION):
                for statement in tables.UPGRADES[old]:
                    connection.exec_driver_sql(statement)
            tables.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {tables.SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._lock:
            try:
                with self._connection.begin():
                    yield self._connection
                    fail_at("store.before_commit")
            except (sa.exc.OperationalError, OSError) as error:
                cause = getattr(error, "orig", error)
                raise TooMuch(f"the store cannot be read or written: {cause}") from error
        fail_at("store.after_commit")

    def create(self, spec: dict[str, Any], request_id: str | None, now: datetime) -> tuple[Job, bool]:
        """Return (job, whether it is new): a request id that was used gives the job that it made."""
        with self._transaction() as connection:
            known = jobs.c.request_id == request_id
            row = connection.execute(sa.select(jobs).where(known)).mappings().first() if request_id else None
            if row is not None:
                if row["spec"] != json.loads(json.dumps(spec)):
                    raise InvalidJob([Violation("request_id", f"has been used for another job ({row['id']})")])
                return job_of(row), False
            job_id = secrets.token_hex(6)
            values = {"id": job_id, "request_id": request_id, "spec": spec, "name": spec["name"]}
            values |= {"max_workers": spec["cluster"]["max_workers"], "metrics": {}}
            connection.execute(jobs.insert().values(**values, state=JobState.QUEUED, created=now.timestamp()))
            return self._add_event(connection, job_id, now, "state", "queued"), True

    def job(self, job_id: str) -> Job:
        """Return a job."""
        return job_of(self.row(job_id))

    def find(self, word: str) -> str:
        """Return the id of the job that an id, the beginning of one, or a name stands for. Raises JobAmbiguous."""
        with self._transaction() as connection:
            return find_id(connection, word)

    def has_request(self, request_id: str) -> bool:
        """Whether a request with this id has made a job."""
        with self._transaction() as connection:
            return has_request(connection, request_id)

    def row(self, job_id: str) -> Row:
        """Return a job's row, with spec, data and generation."""
        with self._transaction() as connection:
            return _row(connection, job_id)

    def jobs_behind(self, sequence: int, limit: int | None) -> list[tuple[int, Job]]:
        """Return up to `limit` jobs, None for all, in order of arrival, behind the one with this sequence number."""
        query = sa.select(jobs).where(jobs.c.sequence > sequence).order_by(jobs.c.sequence).limit(limit)
        with self._transaction() as connection:
            return [(row["sequence"], job_of(row)) for row in connection.execute(query).mappings()]

    def rows_in(self, *states: JobState) -> list[Row]:
        """Return the rows of all jobs in these states, in order of arrival."""
        query = sa.select(jobs).where(jobs.c.state.in_(states)).order_by(jobs.c.sequence)
        with self._transaction() as connection:
            return list(connection.execute(query).mappings())

    def count_states(self) -> Counter[JobState]:
        """Return how many jobs are in each state."""
        query = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        with self._transaction() as connection:
            return Counter({JobState(state): count for state, count in connection.execute(query)})

    def move(self, job_id: str, move: Move, now: datetime, reason: str = "") -> Job:
        """Move a job to its next state, if that is another. Raises JobNotRunning where the move is illegal."""
        with self._transaction() as connection:
            row = _row(connection, job_id)
            state = after(JobState(row["state"]), move)
            if state == row["state"]:
                return job_of(row)
            changes: dict[str, Any] = {"state": state, "reason": reason, "blocked": False}
            if move is Move.START:
                changes |= {"generation": row["generation"] + 1, "started": row["started"] or now.timestamp()}
            if state not in _LIVE:
                changes |= {"workers": 0, "samples_per_second": 0.0}
            if state.final:
                changes["finished"] = now.timestamp()
            _update(connection, job_id, changes)
            return self._add_event(connection, job_id, now, "state", told(state, reason))

    def scale(self, job_id: str, now: datetime, workers: int) -> Job:
        """Let so many workers at most take part. Raises JobNotRunning where the job has ended."""
        with self._transaction() as connection:
            row = _row(connection, job_id)
            after(JobState(row["state"]), Move.SCALE)
            if row["max_workers"] == workers:
                return job_of(row)
            _update(connection, job_id, {"max_workers": workers})
            text = f"scaled to {workers} worker{'' if workers == 1 else 's'} by the user"
            return self._add_event(connection, job_id, now, "workers", text)

    def explain(self, job_id: str, now: datetime, reason: str, blocked: bool | None = None) -> Job:
        """Say why a job waits, if it does still, and whether it is blocked; None: only if it is not."""
        with self._transaction() as connection:
            row = _row(connection, job_id)
            if row["state"] != JobState.QUEUED or (row["blocked"] and blocked is None):
                return job_of(row)
            _update(connection, job_id, {"reason": reason, "blocked": bool(blocked)})
            return self._add_event(connection, job_id, now, "state", f"cannot run: {reason}" if blocked else reason)

    def update(
        self,
        job_id: str,
        now: datetime,
        changes: dict[str, Any],
        *,
        event: tuple[str, str] | None = None,
        history: History | None = None,
    ) -> Job:
        """Change a job's columns, add history that is new, and add an event (kind, message): all or nothing."""
        with self._transaction() as connection:
            _update(connection, job_id, changes)
            for name, rows in (history or {}).items():
                _add_history(connection, job_id, HISTORY[name], rows)
            if event is None:
                return job_of(_row(connection, job_id))
            return self._add_event(connection, job_id, now, *event)

    def losses(self, job_id: str) -> list[tuple[int, float]]:
        """Return (version, loss before its update) of each step, in order."""
        query = sa.select(steps.c.version, steps.c.loss).where(steps.c.job_id == job_id).order_by(steps.c.version)
        with self._transaction() as connection:
            return [(version, loss) for version, loss in connection.execute(query)]

    def steps(self, job_id: str, first: int, last: int) -> list[tuple[int, float, int]]:
        """Return (version, loss, rows) of each step from `first` to `last` - 1, in order."""
        query = sa.select(steps.c.version, steps.c.loss, steps.c.rows).where(steps.c.job_id == job_id)
        query = query.where(steps.c.version >= first, steps.c.version < last).order_by(steps.c.version)
        with self._transaction() as connection:
            return [(version, loss, rows) for version, loss, rows in connection.execute(query)]

    def evaluations(self, job_id: str, last: int) -> list[tuple[int, dict[str, float]]]:
        """Return (version, metrics by name) of each evaluation up to a version, in order."""
        columns = (evaluations.c.version, evaluations.c.loss, evaluations.c.accuracy, evaluations.c.metrics)
        query = sa.select(*columns).where(evaluations.c.job_id == job_id, evaluations.c.version <= last)
        with self._transaction() as connection:
            found = connection.execute(query.order_by(evaluations.c.version)).all()
        return [(row.version, measured(row.loss, row.accuracy, row.metrics)) for row in found]

    def evaluation(self, job_id: str, version: int | None) -> Row | None:
        """Return the evaluation at a version, by default the last one."""
        query = sa.select(evaluations).where(evaluations.c.job_id == job_id).order_by(evaluations.c.version.desc())
        query = query if version is None else query.where(evaluations.c.version == version)
        with self._transaction() as connection:
            return connection.execute(query).mappings().first()

    def record(self, job_id: str, first: int, last: int, limit: int) -> list[Row]:
        """Return up to `limit` steps from `first` to `last`: version, loss, and the hashes where there are any."""
        table = steps.outerjoin(
            fingerprints, (steps.c.job_id == fingerprints.c.job_id) & (steps.c.version == fingerprints.c.version)
        )
        columns = (steps.c.version, steps.c.loss, fingerprints.c.layers, fingerprints.c.partials)
        query = sa.select(*columns).select_from(table).where(steps.c.job_id == job_id)
        query = query.where(steps.c.version.between(first, last)).order_by(steps.c.version).limit(limit)
        with self._transaction() as connection:
            return list(connection.execute(query).mappings())

    def add_checkpoint(self, job_id: str, now: datetime, checkpoint: dict[str, Any], keep: int) -> list[str]:
        """Record a checkpoint; forget all but the last `keep` and return the forgotten ones' paths."""
        with self._transaction() as connection:
            fail_at("checkpoint.before_row")
            # Training has begun again before these: they could not be read.
            lost = [row for row in checkpoints_of(connection, job_id) if row["version"] >= checkpoint["version"]]
            forget_checkpoints(connection, job_id, lost)
            connection.execute(checkpoints.insert().values(job_id=job_id, **checkpoint))
            _update(connection, job_id, {"weights_sha256": checkpoint["weights_sha256"]})
            self._add_event(connection, job_id, now, "checkpoint", f"checkpoint at step {checkpoint['version']}")
            old = checkpoints_of(connection, job_id)[keep:]
            forget_checkpoints(connection, job_id, old)
            return [row["path"] for row in lost + old]

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's checkpoints, the latest first."""
        with self._transaction() as connection:
            _row(connection, job_id)
            rows = checkpoints_of(connection, job_id)
            return [{key: value for key, value in row.items() if key != "job_id"} for row in rows]

    def events_behind(self, job_id: str, number: int, limit: int) -> list[bytes]:
        """Return up to `limit` serialised events behind this number."""
        query = (
            sa.select(events.c.message)
            .where(events.c.job_id == job_id, events.c.number > number)
            .order_by(events.c.number)
            .limit(limit)
        )
        with self._transaction() as connection:
            _row(connection, job_id)
            return list(connection.execute(query).scalars())

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its history. Raises JobNotFinished."""
        with self._transaction() as connection:
            state = JobState(_row(connection, job_id)["state"])
            if not state.final:
                raise JobNotFinished(f"job {job_id} is {state}: cancel it before you delete it")
            connection.execute(jobs.delete().where(jobs.c.id == job_id))

    def _add_event(self, connection: sa.Connection, job_id: str, now: datetime, kind: str, message: str) -> Job:
        _update(connection, job_id, {"events": jobs.c.events + 1})
        job = job_of(_row(connection, job_id))
        content = event_to_message(JobEvent(job.events, now, kind, message, job)).SerializeToString()
        connection.execute(events.insert().values(job_id=job_id, number=job.events, message=content))
        return job


def _row(connection: sa.Connection, job_id: str) -> Row:
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
    if row is None:
        raise JobNotFound(f"there is no job {job_id!r}")
    return row


def _update(connection: sa.Connection, job_id: str, changes: dict[str, Any]) -> None:
    if changes:
        connection.execute(jobs.update().where(jobs.c.id == job_id).values(**changes))


def _add_history(connection: sa.Connection, job_id: str, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
    """A replay after a recovery tells what is known already, with the same bits: the first row stays."""
    if rows:
        columns = [column.name for column in table.columns]
        values = [dict(zip(columns, (job_id, *row), strict=True)) for row in rows]
        connection.execute(insert(table).on_conflict_do_nothing(), values)
