"""The store's tables."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table

SCHEMA_VERSION = 5
"""Rises with every change of the tables; a store of a newer version is refused untouched."""
UPGRADES = {
    1: (
        "ALTER TABLE jobs ADD COLUMN max_workers INTEGER NOT NULL DEFAULT 1",
        "UPDATE jobs SET max_workers = coalesce(json_extract(spec, '$.cluster.max_workers'), 1)",
        "ALTER TABLE jobs ADD COLUMN machines JSON NOT NULL DEFAULT '[]'",
        "ALTER TABLE jobs ADD COLUMN faults JSON NOT NULL DEFAULT '{}'",
    ),
    2: (
        "ALTER TABLE jobs ADD COLUMN confusion JSON NOT NULL DEFAULT '{}'",
        "ALTER TABLE evaluations ADD COLUMN metrics JSON NOT NULL DEFAULT '{}'",
        "ALTER TABLE evaluations ADD COLUMN confusion JSON NOT NULL DEFAULT '{}'",
    ),
    3: (
        "ALTER TABLE jobs ADD COLUMN layers JSON NOT NULL DEFAULT '[]'",
        "ALTER TABLE jobs ADD COLUMN figures JSON NOT NULL DEFAULT '{}'",
    ),
    4: ("ALTER TABLE jobs ADD COLUMN blocked BOOLEAN NOT NULL DEFAULT 0",),
}
"""What makes the tables of a version those of the next; tables that are new are made without it."""

metadata = MetaData()


def _job_id() -> Column[str]:
    return Column("job_id", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


jobs = Table(
    "jobs",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),  # order of arrival
    Column("id", String, nullable=False, unique=True),
    Column("request_id", String, unique=True),
    Column("spec", JSON, nullable=False),
    Column("data", JSON),  # the DatasetSummary, once the data has been read
    Column("generation", Integer, nullable=False, default=0),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("reason", String, nullable=False, default=""),
    Column("blocked", Boolean, nullable=False, default=False),  # it waits until its data can be read
    Column("version", Integer, nullable=False, default=0),
    Column("steps", Integer, nullable=False, default=0),
    Column("epoch", Integer, nullable=False, default=0),
    Column("workers", Integer, nullable=False, default=0),
    Column("max_workers", Integer, nullable=False),  # at present; the specification stays as it was submitted
    Column("metrics", JSON, nullable=False, default=dict),
    Column("confusion", JSON, nullable=False, default=dict),  # at the end: right class -> predicted class -> weight
    Column("layers", JSON, nullable=False, default=list),  # how each one learns, as of the last report that told it
    Column("weights_sha256", String),
    Column("machines", JSON, nullable=False, default=list),  # each kind that has taken part: cpu, numpy, blas
    Column("faults", JSON, nullable=False, default=dict),  # what training has survived: kind -> how often
    Column("figures", JSON, nullable=False, default=dict),  # as last told: phases in seconds, members
    Column("samples_per_second", Float, nullable=False, default=0.0),
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("started", Float),
    Column("finished", Float),
    Column("events", Integer, nullable=False, default=0),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    _job_id(),
    Column("number", Integer, primary_key=True),
    Column("message", LargeBinary, nullable=False),  # chainrule.v1.JobEvent
)

steps = Table(
    "steps",
    metadata,
    _job_id(),
    Column("version", Integer, primary_key=True),
    Column("loss", Float, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    _job_id(),
    Column("version", Integer, primary_key=True),
    Column("loss", Float, nullable=False),
    Column("accuracy", Float),
    Column("metrics", JSON, nullable=False),  # all, by name
    Column("confusion", JSON, nullable=False),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    _job_id(),
    Column("version", Integer, primary_key=True),
    Column("layers", String, nullable=False),  # hexadecimal, of the weights at this version
    Column("partials", JSON, nullable=False),  # [lo, hi, hexadecimal] of each node that was pushed
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _job_id(),
    Column("version", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("path", String, nullable=False),
    Column("weights_sha256", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("optimizer_sha256", String, nullable=False),
)
