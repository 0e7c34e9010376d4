"""Dataclasses <-> messages."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from chainrule.v1 import job_spec_pb2, training_pb2
from chainrule.wire.job import Health, Job, JobEvent, JobState
from chainrule.wire.layers import LayerFigures
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec


def spec_to_message(spec: JobSpec) -> job_spec_pb2.JobSpec:
    """Return the message of a job."""
    return ParseDict(spec.document(), job_spec_pb2.JobSpec())


def spec_from_message(message: job_spec_pb2.JobSpec) -> JobSpec:
    """Return the job of a message. Raises InvalidJob."""
    return parse_spec(_document(message))


def job_to_message(job: Job) -> training_pb2.Job:
    """Return the message of a job's status."""
    return training_pb2.Job(
        id=job.id,
        name=job.name,
        state=f"JOB_STATE_{job.state}",
        reason=job.reason,
        version=job.version,
        steps=job.steps,
        epoch=job.epoch,
        workers=job.workers,
        max_workers=job.max_workers,
        min_workers=job.min_workers,
        metrics={split: training_pb2.Metrics(values=values) for split, values in job.metrics.items()},
        confusion={name: training_pb2.Metrics(values=values) for name, values in job.confusion.items()},
        weights_sha256=job.weights_sha256,
        created=_timestamp(job.created),
        started=_timestamp(job.started),
        finished=_timestamp(job.finished),
        samples_per_second=job.samples_per_second,
        events=job.events,
        layers=[layer.message() for layer in job.layers],
        health=None if job.health is None else training_pb2.Health(**asdict(job.health)),
        loss_unit=job.loss_unit,
        labels=job.labels,
        blocked=job.blocked,
        spec=None if job.spec is None else spec_to_message(job.spec),
    )


def job_from_message(message: training_pb2.Job) -> Job:
    """Return the job's status of a message."""
    return Job(
        id=message.id,
        name=message.name,
        state=JobState(training_pb2.JobState.Name(message.state).removeprefix("JOB_STATE_")),
        reason=message.reason,
        version=message.version,
        steps=message.steps,
        epoch=message.epoch,
        workers=message.workers,
        max_workers=message.max_workers,
        min_workers=message.min_workers,
        metrics={split: dict(metrics.values) for split, metrics in message.metrics.items()},
        confusion={name: dict(row.values) for name, row in message.confusion.items()},
        weights_sha256=message.weights_sha256 if message.HasField("weights_sha256") else None,
        created=message.created.ToDatetime(UTC),
        started=message.started.ToDatetime(UTC) if message.HasField("started") else None,
        finished=message.finished.ToDatetime(UTC) if message.HasField("finished") else None,
        samples_per_second=message.samples_per_second,
        events=message.events,
        layers=tuple(map(LayerFigures.from_message, message.layers)),
        health=_health(message.health) if message.HasField("health") else None,
        loss_unit=message.loss_unit,
        labels=tuple(message.labels),
        blocked=message.blocked,
        spec=spec_from_message(message.spec) if message.HasField("spec") else None,
    )


def _health(message: training_pb2.Health) -> Health:
    return Health(message.level, message.word, message.sentence)


def event_to_message(event: JobEvent) -> training_pb2.JobEvent:
    """Return the message of a job's event; the layers stay out, for events are kept for ever."""
    return training_pb2.JobEvent(
        number=event.number,
        time=_timestamp(event.time),
        kind=event.kind,
        message=event.message,
        job=job_to_message(replace(event.job, layers=(), health=None, spec=None)),
    )


def event_from_message(message: training_pb2.JobEvent) -> JobEvent:
    """Return the job's event of a message."""
    job = job_from_message(message.job)
    return JobEvent(message.number, message.time.ToDatetime(UTC), message.kind, message.message, job)


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _document(message: Message) -> dict[str, Any]:
    """Return the fields that are set, as plain data. (json_format would turn 64-bit numbers into text.)"""
    return {field.name: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return MessageToDict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Message):
        return _document(value)
    if isinstance(value, int | float | str):
        return value
    return [_plain(item) for item in value]
