"""A small TrainingService on a real port: jobs in a dict, and faults that a test asks for."""

import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from chainrule.client import Client
from chainrule.client.commands import group, invoke
from chainrule.data.description import ColumnDescription, Description
from chainrule.data.fragments import Dialect
from chainrule.data.surveys import ColumnSurvey
from chainrule.v1 import training_pb2 as messages
from chainrule.v1.training_pb2_grpc import TrainingServiceServicer, add_TrainingServiceServicer_to_server
from chainrule.wire.dataset import Dataset
from chainrule.wire.errors import JobNotFound
from chainrule.wire.job import Job, JobEvent, JobState
from chainrule.wire.messages import event_to_message, job_to_message
from chainrule.wire.record import RecordHeader, StepRecord
from chainrule.wire.status import to_status
from chainrule.wire.validation import parse_spec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = bytes(range(256)) * 9000
NINE = ColumnDescription(
    ColumnSurvey(counts=Counter(number=9), families=frozenset({"number"}), low=1.0, high=9.0), distinct=9.0
)
"""A column of the whole numbers from 1 to 9."""


def make_job(id="a1", **changes) -> Job:
    return replace(Job(id, "digits", JobState.QUEUED, NOON, steps=100), **changes)


def make_events(final=JobState.SUCCEEDED, **changes) -> list[JobEvent]:
    """Return the events 1..5 of a job that trains for 100 steps."""
    metrics = {"train": {"loss": 0.25}, "validation": {"loss": 0.5, "accuracy": 0.961}}
    running = make_job(
        state=JobState.RUNNING, started=NOON, metrics=metrics, workers=2, samples_per_second=9120.0, **changes
    )
    ended = replace(running, state=final, version=100, epoch=20, workers=0, finished=NOON + timedelta(seconds=9))
    jobs = [
        ("state", "QUEUED", make_job()),
        ("state", "RUNNING", replace(running, version=0, metrics={})),
        ("progress", "", replace(running, version=50, epoch=10)),
        ("checkpoint", "version 50 is saved", replace(running, version=50, epoch=10)),
        ("state", final.value, ended),
    ]
    return [
        JobEvent(number, NOON, kind, message, replace(job, events=number))
        for number, (kind, message, job) in enumerate(jobs, start=1)
    ]


@dataclass
class Remote(TrainingServiceServicer):
    """The remote side as a test wants it."""

    jobs: dict[str, Job] = field(default_factory=dict)
    events: list[JobEvent] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)  # one for each of the next unary calls: ChainruleError or None
    cuts: list[Any] = field(default_factory=list)  # for each of the next watches: (events sent, status or None)
    requests: list[Any] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)  # of the requests, in seconds
    page_size: int = 2
    model: bytes = MODEL
    model_sha256: str = hashlib.sha256(MODEL).hexdigest()
    classes: tuple[str, ...] = ("cat", "dog")
    present: bytes = b""  # of an upload that was cut off
    stored: bytes = b"x,y\n1,a\n2,b\n3,a\n4,b\n"  # of the data set `rows`
    uploads: list[Any] = field(default_factory=list)
    changed: threading.Event = field(default_factory=threading.Event)

    def _note(self, request, context):
        self.requests.append(request)
        self.deadlines.append(context.time_remaining())
        error = self.errors.pop(0) if self.errors else None
        if error:
            context.abort_with_status(to_status(error))
        return self.jobs.get(getattr(request, "job_id", ""))

    def _job(self, request, context) -> Job:
        job = self._note(request, context)
        if job is None:
            context.abort_with_status(to_status(JobNotFound(f"there is no job {request.job_id}")))
        return job

    def SubmitJob(self, request, context):  # noqa: N802
        self._note(request, context)
        return messages.SubmitJobResponse(job_id="a1")

    def GetJob(self, request, context):  # noqa: N802
        return job_to_message(self._job(request, context))

    def ListJobs(self, request, context):  # noqa: N802
        self._note(request, context)
        start = int(request.page_token or 0)
        end = start + self.page_size
        page = list(self.jobs.values())[start:end]
        return messages.ListJobsResponse(
            jobs=map(job_to_message, page), next_page_token=str(end) if end < len(self.jobs) else ""
        )

    def WatchJob(self, request, context):  # noqa: N802
        self._job(request, context)
        count, status = self.cuts.pop(0) if self.cuts else (len(self.events), None)
        for event in self.events[request.after : request.after + count]:
            yield event_to_message(event)
        if status == "silence":
            self.changed.wait(5)
        elif status:
            context.abort(status, "cut")

    def CancelJob(self, request, context):  # noqa: N802
        return job_to_message(replace(self._job(request, context), state=JobState.CANCELLED))

    def PauseJob(self, request, context):  # noqa: N802
        job = self._job(request, context)
        return job_to_message(replace(job, state=JobState.PAUSED, reason=f"paused by the user at step {job.version}"))

    def ResumeJob(self, request, context):  # noqa: N802
        return job_to_message(self._job(request, context))

    def ScaleJob(self, request, context):  # noqa: N802
        return job_to_message(replace(self._job(request, context), max_workers=request.workers))

    def DeleteJob(self, request, context):  # noqa: N802
        self._job(request, context)
        return messages.DeleteJobResponse()

    def GetModel(self, request, context):  # noqa: N802
        self._job(request, context)
        yield messages.ModelChunk(header={"version": 100, "size": len(MODEL), "sha256": self.model_sha256})
        for start in range(0, len(self.model), 1 << 20):
            yield messages.ModelChunk(data=self.model[start : start + (1 << 20)])

    def GetRecord(self, request, context):  # noqa: N802
        job = self._job(request, context)
        spec = parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": {"layers": [{}]}})
        yield messages.RecordPart(header=RecordHeader(spec, job, "5eed", ("a machine",)).message())
        for version in range(request.first, (request.last if request.HasField("last") else 4) + 1):
            yield messages.RecordPart(step=StepRecord(version, 0.5).message())

    def GetReceipt(self, request, context):  # noqa: N802
        self._job(request, context)
        return messages.GetReceiptResponse(receipt='{"result": {"steps": 100}}')

    def Predict(self, requests, context):  # noqa: N802
        for number, request in enumerate(requests):
            if number == 0:
                self._job(request, context)
            self.requests.append(request)
            values = self.outputs(pa.ipc.open_stream(request.arrow_batch).read_all()).astype("<f4").tobytes()
            first, second = values[:7], values[7:]
            classes = self.classes if number == 0 else ()
            yield messages.PredictResponse(classes=classes, outputs=len(self.classes) or 1, values=first)
            yield messages.PredictResponse(values=second)

    def UploadDataset(self, requests, context):  # noqa: N802
        self.uploads.append((next(requests).header, bytearray(self.present)))
        header, content = self.uploads[-1]
        yield messages.UploadDatasetResponse(offset=len(content))
        for request in requests:
            content += request.data
        dataset = Dataset(header.name, header.sha256, header.size, ".csv", NOON)
        yield messages.UploadDatasetResponse(dataset=dataset.message())

    def ListDatasets(self, request, context):  # noqa: N802
        self._note(request, context)
        return messages.ListDatasetsResponse(datasets=[Dataset("rows", "5" * 64, 1234, ".csv", NOON).message()])

    def DescribeDataset(self, request, context):  # noqa: N802
        self._note(request, context)
        description = Description(f"dataset://{request.name}", "csv", Dialect(), 9, {"x": NINE, "y": NINE})
        return messages.DescribeDatasetResponse(description=json.dumps(description.document()))

    def GetDataset(self, request, context):  # noqa: N802
        self._note(request, context)
        sha256 = hashlib.sha256(self.stored).hexdigest()
        yield messages.DatasetChunk(header=Dataset(request.name, sha256, len(self.stored), ".csv", NOON).message())
        yield messages.DatasetChunk(data=self.stored[:9])
        yield messages.DatasetChunk(data=self.stored[9:])

    def DeleteDataset(self, request, context):  # noqa: N802
        self._note(request, context)
        return messages.DeleteDatasetResponse()

    def outputs(self, table: pa.Table) -> np.ndarray:
        """Return (x, 1 - x) for classes, or x."""
        x = table.column("x").to_numpy().astype("<f4")
        return np.column_stack([x, 1 - x]) if self.classes else x


@pytest.fixture
def serve():
    """Return a function that serves a Remote on a port, and stop all its servers in the end."""
    servers = []

    def start(remote: Remote, port: int = 0) -> tuple[grpc.Server, int]:
        server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        add_TrainingServiceServicer_to_server(remote, server)
        port = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        servers.append(server)
        return server, port

    yield start
    for server in servers:
        server.stop(0).wait()


@pytest.fixture
def remote() -> Remote:
    return Remote(jobs={"a1": make_job()}, events=make_events())


@pytest.fixture
def address(remote, serve) -> Iterator[str]:
    yield f"127.0.0.1:{serve(remote)[1]}"
    remote.changed.set()


@pytest.fixture
def client(address) -> Iterator[Client]:
    with Client(address, timeout=5) as client:
        yield client


@pytest.fixture
def job_document() -> dict[str, Any]:
    return {
        "name": "digits",
        "data": {"train": "digits.csv", "label": "label"},
        "network": {"layers": [{"units": 8}, {}]},
        "training": {"seed": 2**40},
    }


@pytest.fixture
def job(remote) -> Job:
    """Return a job in the middle of its training."""
    return remote.events[2].job


@pytest.fixture
def pipe() -> Console:
    return Console(file=io.StringIO(), width=4096, markup=False, emoji=False, highlight=False)


@pytest.fixture
def run(address, capfd, monkeypatch):
    """Run a command and return (exit code, stdout, stderr)."""
    monkeypatch.setenv("CHAINRULE_SERVER", address)

    def run(*args):
        code = invoke(group, list(map(str, args)))
        return code, *capfd.readouterr()

    return run
