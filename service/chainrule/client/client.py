"""The service, as Python objects."""

import builtins
import json
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from chainrule.client.connection import Patience, ended, open_channel, our_errors, service_address
from chainrule.client.job_file import read_job
from chainrule.client.predictions import Predictions, Requests, answers, check_rows, joined, read_rows
from chainrule.client.received_files import save
from chainrule.client.submission import Told, dataset_name, notice, unreadable, with_datasets
from chainrule.client.upload import Progress, Upload
from chainrule.data.description import Description
from chainrule.v1 import training_pb2 as messages
from chainrule.v1.training_pb2_grpc import TrainingServiceStub
from chainrule.wire.dataset import Dataset
from chainrule.wire.errors import ChainruleError, DeadlineExceeded, InvalidJob, ServiceUnavailable
from chainrule.wire.job import Job, JobEvent
from chainrule.wire.messages import event_from_message, job_from_message, spec_to_message
from chainrule.wire.record import RecordHeader, StepRecord
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

WATCH_SECONDS = 60.0
"""The deadline of one stream of `watch`; the next goes on where it ended."""
TRANSFER_SECONDS = 600.0
"""The deadline of a model's download and of a table's predictions."""
RECORD_SECONDS = 86_400.0
"""The deadline of a record's stream: it is read as fast as the steps are computed again."""
UPLOAD_SECONDS = 86_400.0
"""The deadline of an upload, and of the way back."""
DESCRIBE_SECONDS = 3600.0
"""The deadline of a look at all rows of a data set."""
PAUSE_SECONDS = 600.0
"""The deadline of a pause, in which a checkpoint is written."""


class Client:
    """A connection to a service. Every call has a deadline and raises ChainruleError.

    >>> with Client("127.0.0.1:50051") as client:
    ...     job = client.submit("digits.toml")
    ...     for event in client.watch(job):
    ...         print(event.job.version, event.job.metrics)
    """

    def __init__(self, address: str | None = None, *, timeout: float = 30.0) -> None:
        self.address = service_address(address)
        self.timeout = timeout
        self._closed = threading.Event()
        self._channel = open_channel(self.address)
        self._stub = TrainingServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection and every call that is under way."""
        self._closed.set()
        self._channel.close()

    def submit(
        self,
        spec: JobSpec | Mapping[str, Any] | str | os.PathLike[str],
        *,
        request_id: str | None = None,
        upload: bool = True,
        told: Told | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Submit a job, or the path of a .toml or .json file, and return its id. Raises InvalidJob.

        The same request id again gives the same job; without one, each call submits a job of its own. With `upload` a
        file that is here and that the service cannot read becomes a data set of the service, which the job then names;
        `told` is called with a sentence before each upload. Without, InvalidJob is raised.
        """
        if isinstance(spec, str | os.PathLike):
            spec = read_job(Path(spec))
        if not isinstance(spec, JobSpec):
            spec = parse_spec(spec)
        request_id = request_id or uuid.uuid4().hex
        try:
            return self._submit(spec, request_id)
        except InvalidJob as error:
            if not upload:
                raise
            files = unreadable(error, spec)
        names = dict[str, str]()
        for path, file in files.items():
            if told is not None:
                told(notice(file, self.address))
            names[path] = self._upload_by_hash(file, progress).name
        return self._submit(with_datasets(spec, names), request_id)

    def _submit(self, spec: JobSpec, request_id: str) -> str:
        request = messages.SubmitJobRequest(spec=spec_to_message(spec), request_id=request_id)
        job_id: str = self._ask(self._stub.SubmitJob, request).job_id
        return job_id

    def _upload_by_hash(self, file: Path, progress: Progress | None) -> Dataset:
        """Upload a file under a new name, unless the service has it."""
        upload = Upload(file, "", progress)
        upload.name = dataset_name(file, upload.sha256, {each.name: each.sha256 for each in self.datasets()})
        return self._send(upload)

    def get(self, id: str) -> Job:
        """Return the job as it is now, with its `spec`. Raises JobNotFound, JobAmbiguous.

        Here and below, a job is named by its id, by the first characters of it, two or more, that no other job's id
        begins with, or by its name where no other job has it.
        """
        return job_from_message(self._ask(self._stub.GetJob, messages.GetJobRequest(job_id=id)))

    def list(self) -> list[Job]:
        """Return every job, the oldest first."""
        jobs: builtins.list[Job] = []
        request = messages.ListJobsRequest()
        while True:
            page = self._ask(self._stub.ListJobs, request)
            jobs += map(job_from_message, page.jobs)
            if not page.next_page_token:
                return jobs
            request = messages.ListJobsRequest(page_token=page.next_page_token)

    def watch(self, id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """Yield the job's events after+1, after+2, ... without a gap until it has ended. Survives a service's restart.

        Raises ServiceUnavailable when the service has been away for `timeout` seconds.
        """
        patience = Patience(self.timeout, self._closed)
        while True:
            try:
                for event in self._events(id, after):
                    patience.renew()
                    id, after = event.job.id, event.number  # a name may stand for another job later
                    yield event
                    if event.job.state.final:
                        return
                job = self.get(id)
                if job.state.final and job.events <= after:
                    return
                patience.renew()
                patience.wait()
            except (ServiceUnavailable, DeadlineExceeded) as error:
                if not patience.wait():
                    raise ServiceUnavailable(str(error)) from error

    def _events(self, id: str, after: int) -> Iterator[JobEvent]:
        """Yield the events of one stream, until it ends or reaches its deadline."""
        request = messages.WatchJobRequest(job_id=id, after=after)
        try:
            with ended(self._stub.WatchJob(request, timeout=WATCH_SECONDS), self.address) as stream:
                yield from map(event_from_message, stream)
        except DeadlineExceeded:
            return

    def cancel(self, id: str) -> Job:
        """Cancel the job and return it. Raises JobNotFound, JobNotRunning."""
        return job_from_message(self._ask(self._stub.CancelJob, messages.CancelJobRequest(job_id=id)))

    def pause(self, id: str) -> Job:
        """Bring the job to a checkpoint, where it stays until it is resumed. Raises JobNotFound, JobNotRunning.

        Its CPUs are free for other jobs when this returns. Nothing happens to a job that is paused already.
        """
        return job_from_message(self._ask(self._stub.PauseJob, messages.PauseJobRequest(job_id=id), PAUSE_SECONDS))

    def resume(self, id: str) -> Job:
        """Put a paused job back into the queue, in its old place. Raises JobNotFound, JobNotRunning.

        Nothing happens to a job that is not paused.
        """
        return job_from_message(self._ask(self._stub.ResumeJob, messages.ResumeJobRequest(job_id=id)))

    def scale(self, id: str, workers: int) -> Job:
        """Let so many workers at most take part from now on. Raises JobNotFound, JobNotRunning, InvalidJob.

        There may be as many as the job has shards. The trained weights are the same with any number of them.
        """
        request = messages.ScaleJobRequest(job_id=id, workers=workers)
        return job_from_message(self._ask(self._stub.ScaleJob, request))

    def delete(self, id: str) -> None:
        """Delete a job that has ended, with its checkpoints. Raises JobNotFound, JobNotFinished."""
        self._ask(self._stub.DeleteJob, messages.DeleteJobRequest(job_id=id))

    def download(self, id: str, path: str | os.PathLike[str]) -> Path:
        """Write the last checkpoint's model to a safetensors file, whole or not at all. Raises ModelNotFound."""
        stream = self._stub.GetModel(messages.GetModelRequest(job_id=id), timeout=TRANSFER_SECONDS)
        with ended(stream, self.address) as chunks:
            return save(next(chunks, messages.ModelChunk()).header, chunks, Path(path))

    @contextmanager
    def record(
        self, id: str, first: int = 0, last: int | None = None
    ) -> Iterator[tuple[RecordHeader, Iterator[StepRecord]]]:
        """Give what is on record of a job: the whole, and its steps from version `first` to `last`, as they come."""
        request = messages.GetRecordRequest(job_id=id, first=first, last=last)
        with ended(self._stub.GetRecord(request, timeout=RECORD_SECONDS), self.address) as parts:
            header = RecordHeader.from_message(next(parts).header)
            yield header, (StepRecord.from_message(part.step) for part in parts)

    def spec(self, id: str) -> JobSpec:
        """Return the job as it was submitted. Raises JobNotFound, and InvalidData until its data has been read."""
        with self.record(id, 0, 0) as (header, _):
            return header.spec

    def receipt(self, id: str) -> dict[str, Any]:
        """Return the receipt of a job that has succeeded. Raises JobNotFinished."""
        answer = self._ask(self._stub.GetReceipt, messages.GetReceiptRequest(job_id=id))
        receipt: dict[str, Any] = json.loads(answer.receipt)
        return receipt

    def predict(self, id: str, rows: pa.Table | str | os.PathLike[str], **options: Any) -> Predictions:
        """Return the model's outputs for a table, or for files of any format. Raises InvalidData.

        The rows are raw ones: their columns are found by name, and others are ignored. Files are read as the training
        data was, but for the `options` format, delimiter, header and encoding.
        """
        return joined(tuple(self.predictions(id, rows, **options)))

    def predictions(self, id: str, rows: pa.Table | str | os.PathLike[str], **options: Any) -> Iterator[Predictions]:
        """Yield the same part by part, so that it takes no more memory for many rows than for few."""
        if isinstance(rows, pa.Table):
            tables: Iterator[pa.Table] = iter([check_rows(rows)])
        else:
            with self.record(id, 0, 0) as (header, _):
                tables = read_rows(Path(rows), header, options)
        requests = Requests(id, tables)
        try:
            with ended(self._stub.Predict(iter(requests), timeout=TRANSFER_SECONDS), self.address) as responses:
                yield from answers(responses, requests)
        except ChainruleError:
            if requests.failure is not None:
                raise requests.failure from None
            raise

    def upload(self, path: str | os.PathLike[str], name: str, progress: Progress | None = None) -> Dataset:
        """Keep a file's bytes in the service as `dataset://NAME`. Raises InvalidData, TooMuch.

        An upload that was cut off goes on where it was when it is done again; bytes that are there are not sent.
        """
        return self._send(Upload(Path(path), name, progress))

    def _send(self, upload: Upload) -> Dataset:
        try:
            with ended(self._stub.UploadDataset(iter(upload), timeout=UPLOAD_SECONDS), self.address) as answers:
                upload.begin(next(answers).offset)
                return Dataset.from_message(next(answers).dataset)
        finally:
            upload.begin(None)

    def datasets(self) -> builtins.list[Dataset]:
        """Return all that was uploaded, by name."""
        answer = self._ask(self._stub.ListDatasets, messages.ListDatasetsRequest())
        return [Dataset.from_message(message) for message in answer.datasets]

    def describe(self, name: str, reading: Mapping[str, Any] | None = None) -> Description:
        """Look at all rows of a data set, in the service. Raises DatasetNotFound, InvalidData.

        `reading` are fields of a job's `data` that say how the file is read.
        """
        given = {field: value for field, value in (reading or {}).items() if value is not None}
        request = messages.DescribeDatasetRequest(name=name, **given)
        answer = self._ask(self._stub.DescribeDataset, request, DESCRIBE_SECONDS)
        return Description.from_document(json.loads(answer.description))

    def fetch(self, name: str, folder: Path) -> Path:
        """Write a data set's file into a folder, whole or not at all, and return its path. Raises DatasetNotFound.

        The file's name is `data`, and ends as that of the file that was uploaded.
        """
        stream = self._stub.GetDataset(messages.GetDatasetRequest(name=name), timeout=UPLOAD_SECONDS)
        with ended(stream, self.address) as chunks:
            header = next(chunks, messages.DatasetChunk()).header
            return save(header, chunks, folder / f"data{header.suffix}")

    def delete_dataset(self, name: str) -> None:
        """Forget a data set. Raises DatasetNotFound, and JobNotFinished while a job that has not ended uses it."""
        self._ask(self._stub.DeleteDataset, messages.DeleteDatasetRequest(name=name))

    def _ask(self, method: Any, request: Any, seconds: float = 0.0) -> Any:
        with our_errors(self.address):
            return method(request, timeout=max(self.timeout, seconds))
