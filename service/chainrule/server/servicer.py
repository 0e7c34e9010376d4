"""TrainingService: messages in, messages out."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import grpc
import numpy as np
from google.protobuf.json_format import MessageToDict

from chainrule.data.files import Roots
from chainrule.server.board import Board
from chainrule.server.datasets import Datasets
from chainrule.server.fleet import Fleet
from chainrule.server.models import Models, predictions
from chainrule.server.records import Records
from chainrule.server.rows import job_of
from chainrule.server.scheduler import Scheduler
from chainrule.server.sources import check_sources
from chainrule.server.uploads import Uploads
from chainrule.v1 import training_pb2 as pb
from chainrule.v1.training_pb2_grpc import TrainingServiceServicer
from chainrule.wire.chunks import CHUNK_BYTES
from chainrule.wire.errors import ChainruleError, InvalidData, InvalidJob
from chainrule.wire.job import Job
from chainrule.wire.messages import job_to_message, spec_from_message, spec_to_message
from chainrule.wire.status import to_status
from chainrule.wire.validation import parse_spec

PAGE = 100
LARGEST_PAGE = 1000
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R")


def _unary(method: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """End the call with our error's status."""

    @wraps(method)
    async def call(self: "TrainingServicer", request: Any, context: Context) -> R:
        try:
            return await method(self, request, context)
        except ChainruleError as error:
            await context.abort_with_status(to_status(error))
            raise

    return call


def _streamed(method: Callable[..., AsyncIterator[R]]) -> Callable[..., AsyncIterator[R]]:
    """End the stream with our error's status."""

    @wraps(method)
    async def call(self: "TrainingServicer", request: Any, context: Context) -> AsyncIterator[R]:
        try:
            async for message in method(self, request, context):
                yield message
        except ChainruleError as error:
            await context.abort_with_status(to_status(error))

    return call


class TrainingServicer(TrainingServiceServicer):  # type: ignore[misc]
    """What a user's calls do."""

    def __init__(
        self,
        board: Board,
        fleet: Fleet,
        scheduler: Scheduler,
        folder: Path,
        datasets: Datasets,
        uploads: Uploads,
        roots: Roots = None,
    ) -> None:
        self._board, self._fleet, self._scheduler, self._folder = board, fleet, scheduler, folder
        self._datasets, self._uploads, self._roots = datasets, uploads, roots
        self._models, self._records = Models(board), Records(board)

    @_unary
    async def SubmitJob(self, request: pb.SubmitJobRequest, context: Context) -> pb.SubmitJobResponse:  # noqa: N802
        """Accept a job whose local files are there and may be read."""
        spec = spec_from_message(request.spec)
        repeated: bool = await self._board.read(self._board.store.has_request, request.request_id)
        if not repeated:
            await check_sources(spec, self._roots)
        async with self._datasets.steady:
            self._datasets.located(spec)  # what was never uploaded is told now, not when the job starts
            job = await self._board.create(spec.document(), request.request_id or None)
        self._scheduler.wake()
        return pb.SubmitJobResponse(job_id=job.id)

    @_unary
    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.Job:  # noqa: N802
        """Return a job, with its specification."""
        row = await self._board.read(self._board.store.row, await self._id(request))
        message = await self._with_health(job_of(row))
        with suppress(InvalidJob):  # it was accepted by an older version with other rules
            message.spec.CopyFrom(spec_to_message(parse_spec(row["spec"])))
        return message

    async def _id(self, request: Any) -> str:
        """Return the id of the job that a request names. Raises JobNotFound, JobAmbiguous."""
        return await self._board.read(self._board.store.find, request.job_id)

    async def _with_health(self, job: Job) -> pb.Job:
        health, _ = await self._fleet.health(job)
        return job_to_message(replace(job, health=health))

    @_unary
    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:  # noqa: N802
        """Return a page of jobs, oldest first."""
        if request.page_token and not request.page_token.isdecimal():
            raise InvalidData("page_token must be one that ListJobs has given")
        size = min(request.page_size or PAGE, LARGEST_PAGE)
        found = await self._board.read(self._board.store.jobs_behind, int(request.page_token or 0), size + 1)
        token = str(found[size - 1][0]) if len(found) > size else ""
        jobs = [await self._with_health(job) for _, job in found[:size]]
        return pb.ListJobsResponse(jobs=jobs, next_page_token=token)

    @_streamed
    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.JobEvent]:  # noqa: N802
        """Send a job's events behind a number, until it has ended."""
        job_id = await self._id(request)
        async for event in self._board.watch(job_id, request.after):
            yield _event(event)

    @_unary
    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:  # noqa: N802
        """End a job before its time."""
        return await self._with_health(await self._scheduler.cancel(await self._id(request)))

    @_unary
    async def PauseJob(self, request: pb.PauseJobRequest, context: Context) -> pb.Job:  # noqa: N802
        """Bring a job to a checkpoint, where it stays until it is resumed."""
        return await self._with_health(await self._scheduler.pause(await self._id(request)))

    @_unary
    async def ResumeJob(self, request: pb.ResumeJobRequest, context: Context) -> pb.Job:  # noqa: N802
        """Put a job that is paused back into the queue."""
        return await self._with_health(await self._scheduler.resume(await self._id(request)))

    @_unary
    async def ScaleJob(self, request: pb.ScaleJobRequest, context: Context) -> pb.Job:  # noqa: N802
        """Let so many workers at most take part in a job from now on."""
        return await self._with_health(await self._scheduler.scale(await self._id(request), request.workers))

    @_unary
    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> pb.DeleteJobResponse:  # noqa: N802
        """Forget a job that has ended, with its files."""
        job_id = await self._id(request)
        await self._board.delete(job_id)
        await asyncio.to_thread(shutil.rmtree, self._folder / job_id, ignore_errors=True)
        return pb.DeleteJobResponse()

    @_streamed
    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> AsyncIterator[pb.ModelChunk]:  # noqa: N802
        """Send the file of a job's model."""
        version, sha256, content = await self._models.file(await self._id(request))
        yield pb.ModelChunk(header=pb.ModelHeader(version=version, size=len(content), sha256=sha256))
        for start in range(0, len(content), CHUNK_BYTES):
            yield pb.ModelChunk(data=content[start : start + CHUNK_BYTES])

    @_streamed
    async def GetRecord(  # noqa: N802
        self, request: pb.GetRecordRequest, context: Context
    ) -> AsyncIterator[pb.RecordPart]:
        """Send what is on record of a job."""
        job_id = await self._id(request)
        header = await self._records.header(job_id)
        yield pb.RecordPart(header=header.message())
        last = request.last if request.HasField("last") else header.job.steps
        async for step in self._records.steps(job_id, request.first, last):
            yield pb.RecordPart(step=step.message())

    @_unary
    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> pb.GetReceiptResponse:  # noqa: N802
        """Return the receipt of a job."""
        return pb.GetReceiptResponse(receipt=json.dumps(await self._records.receipt(await self._id(request))))

    @_streamed
    async def Predict(  # noqa: N802
        self,
        requests: AsyncIterator[pb.PredictRequest],
        context: Context,
    ) -> AsyncIterator[pb.PredictResponse]:
        """Send the outputs for batches of rows, in their order."""
        first = await anext(requests, pb.PredictRequest())
        model = await self._models.model(await self._id(first))
        yield pb.PredictResponse(
            classes=model.summary.classes,
            outputs=model.summary.outputs,
            dtype="float64" if model.summary.target_scaling else "float32",
            warnings=model.warnings,
            names=() if model.summary.classes else model.spec.data.targets,
        )
        async for outputs in predictions(model, _batches(first, requests)):
            data = np.ascontiguousarray(outputs).astype(outputs.dtype.newbyteorder("<"), copy=False).tobytes()
            for start in range(0, len(data), CHUNK_BYTES):
                yield pb.PredictResponse(outputs=model.summary.outputs, values=data[start : start + CHUNK_BYTES])

    @_streamed
    async def UploadDataset(  # noqa: N802
        self,
        requests: AsyncIterator[pb.UploadDatasetRequest],
        context: Context,
    ) -> AsyncIterator[pb.UploadDatasetResponse]:
        """Take a file's bytes."""
        header = (await anext(requests, pb.UploadDatasetRequest())).header
        data = (request.data async for request in requests)
        answers = self._uploads.receive(header.name, header.file_name, header.size, header.sha256, data)
        async for answer in answers:
            if isinstance(answer, int):
                yield pb.UploadDatasetResponse(offset=answer)
            else:
                yield pb.UploadDatasetResponse(dataset=answer.message())

    @_unary
    async def ListDatasets(self, request: pb.ListDatasetsRequest, context: Context) -> pb.ListDatasetsResponse:  # noqa: N802
        """Return every data set."""
        datasets = await asyncio.to_thread(self._datasets.all)
        return pb.ListDatasetsResponse(datasets=[dataset.message() for dataset in datasets])

    @_unary
    async def DescribeDataset(  # noqa: N802
        self, request: pb.DescribeDatasetRequest, context: Context
    ) -> pb.DescribeDatasetResponse:
        """Look at all rows of a data set."""
        fields = MessageToDict(request, preserving_proto_field_name=True)
        name = fields.pop("name", "")
        return pb.DescribeDatasetResponse(description=json.dumps(await self._datasets.describe(name, fields)))

    @_streamed
    async def GetDataset(  # noqa: N802
        self, request: pb.GetDatasetRequest, context: Context
    ) -> AsyncIterator[pb.DatasetChunk]:
        """Send a data set's bytes."""
        dataset = self._datasets.get(request.name)
        yield pb.DatasetChunk(header=dataset.message())
        pieces = self._datasets.read(dataset)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield pb.DatasetChunk(data=piece)

    @_unary
    async def DeleteDataset(self, request: pb.DeleteDatasetRequest, context: Context) -> pb.DeleteDatasetResponse:  # noqa: N802
        """Forget a data set."""
        await self._datasets.delete(request.name)
        return pb.DeleteDatasetResponse()


@lru_cache(maxsize=1024)
def _event(content: bytes) -> pb.JobEvent:
    """Return an event; it is read once for all who watch, and nobody changes it."""
    return pb.JobEvent.FromString(content)


async def _batches(first: pb.PredictRequest, others: AsyncIterator[pb.PredictRequest]) -> AsyncIterator[bytes]:
    yield first.arrow_batch
    async for request in others:
        yield request.arrow_batch
