"""What is on record of a job, by which a replay of it is judged."""

import json
from dataclasses import dataclass, field
from typing import Any

from chainrule.v1 import training_pb2 as pb
from chainrule.wire.job import Job
from chainrule.wire.messages import job_from_message, job_to_message, spec_from_message, spec_to_message
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class StepRecord:
    """A step: the version that it began with, its loss, and hashes where they were asked for.

    `layers` is the fingerprint of the weights, `partials` has (lo, hi, digest) of each node that was pushed.
    """

    version: int
    loss: float
    layers: bytes = b""
    partials: tuple[tuple[int, int, bytes], ...] = ()

    def message(self) -> pb.StepRecord:
        """Return the message of the step."""
        partials = [pb.PartialRecord(lo=lo, hi=hi, digest=digest) for lo, hi, digest in self.partials]
        return pb.StepRecord(version=self.version, loss=self.loss, layers=self.layers, partials=partials)

    @classmethod
    def from_message(cls, message: pb.StepRecord) -> "StepRecord":
        """Return the step of a message."""
        partials = tuple((partial.lo, partial.hi, partial.digest) for partial in message.partials)
        return cls(message.version, message.loss, message.layers, partials)


@dataclass(frozen=True)
class RecordHeader:
    """The job, what it was asked to do, its data, and the kinds of machines that have taken part.

    `data` is the document of a DatasetSummary; empty where the service is an older one.
    """

    spec: JobSpec
    job: Job
    data_sha256: str
    machines: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)

    def message(self) -> pb.RecordHeader:
        """Return the message of the header."""
        return pb.RecordHeader(
            spec=spec_to_message(self.spec),
            job=job_to_message(self.job),
            data_sha256=self.data_sha256,
            machines=self.machines,
            data=json.dumps(self.data),
        )

    @classmethod
    def from_message(cls, message: pb.RecordHeader) -> "RecordHeader":
        """Return the header of a message."""
        spec, job = spec_from_message(message.spec), job_from_message(message.job)
        data = json.loads(message.data) if message.data else {}
        return cls(spec, job, message.data_sha256, tuple(message.machines), data)
