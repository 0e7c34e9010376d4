"""What the page asks for, as JSON and as events: jobs, their curves, and the orders that a user gives."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chainrule.client.documents import event_document
from chainrule.server.answers import Answers
from chainrule.server.board import Board
from chainrule.server.charts import Charts
from chainrule.server.fleet import Fleet
from chainrule.server.guard import refusal
from chainrule.server.models import Models
from chainrule.server.records import Records
from chainrule.server.scheduler import Scheduler
from chainrule.server.sse import EventStream, frame
from chainrule.server.views import details
from chainrule.v1 import training_pb2 as pb
from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidData, JobNotFound
from chainrule.wire.job import Job
from chainrule.wire.messages import event_from_message

STATUS: dict[type[ChainruleError], int] = {
    errors.InvalidJob: 400,
    errors.InvalidData: 400,
    errors.JobNotFound: 404,
    errors.ModelNotFound: 404,
    errors.JobNotRunning: 409,
    errors.JobNotFinished: 409,
    errors.TooMuch: 503,
}
EVENTS_SHOWN = 200
"""The newest events of a job, with its page; the older ones are asked for by number."""

Handler = Callable[["Api", Request], Awaitable[Response]]


def _told(method: Handler) -> Handler:
    """Answer with our error's sentence and name."""

    @wraps(method)
    async def handle(self: "Api", request: Request) -> Response:
        try:
            return await method(self, request)
        except ChainruleError as error:
            return _error(STATUS.get(type(error), 500), str(error), error.code)

    return handle


def _error(status: int, message: str, code: str) -> Response:
    return JSONResponse({"error": message, "code": code}, status)


@dataclass
class Api:
    """Answers the page. It reads and orders by the same parts as the calls over gRPC."""

    board: Board
    fleet: Fleet
    charts: Charts
    scheduler: Scheduler
    answers: Answers = field(default_factory=Answers)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def routes(self) -> list[Route]:
        """Where each answer is."""
        return [
            Route("/api/jobs", self.jobs),
            Route("/api/changes", self.changes),
            Route("/api/sketches", self.sketches),
            Route("/api/jobs/{job_id}", self.job),
            Route("/api/jobs/{job_id}/events", self.events),
            Route("/api/jobs/{job_id}/curves", self.curves),
            Route("/api/jobs/{job_id}/receipt", self.receipt),
            Route("/api/jobs/{job_id}/model", self.model),
            Route("/api/jobs/{job_id}/{order:str}", self.order, methods=["POST"]),
        ]

    @_told
    async def jobs(self, _: Request) -> Response:
        """Return all jobs, the newest first."""
        return JSONResponse(await self.fleet.everything())

    async def changes(self, request: Request) -> Response:
        """Send what changes of jobs, from a mark on."""
        mark = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return EventStream(self._changes(mark), self.closing)

    async def _changes(self, mark: str) -> AsyncGenerator[bytes, None]:
        async with aclosing(self.fleet.changes(mark)) as changes:
            async for now, document in changes:
                yield frame(now, document)

    @_told
    async def sketches(self, request: Request) -> Response:
        """Return a few losses along the way of each of these jobs."""
        ids = request.query_params.get("jobs", "").split(",")[:100]
        return JSONResponse(await self.charts.sketches(ids))

    @_told
    async def job(self, request: Request) -> Response:
        """Return all that is known of a job but its curves, and its newest events."""
        job = await self.board.read(self.board.store.job, request.path_params["job_id"])
        body = await self.answers.get((job.id, job.events), lambda: self._job(job))
        return Response(body, media_type="application/json")

    async def _job(self, job: Job) -> bytes:
        read, store = self.board.read, self.board.store
        row = await read(store.row, job.id)
        events = await read(store.events_behind, job.id, max(0, job.events - EVENTS_SHOWN), EVENTS_SHOWN)
        document = await self.fleet.view(job) | details(job, row) | self.fleet.trouble()
        document["events_shown"] = [json.loads(_event(event)[1]) for event in events]
        return json.dumps(document, allow_nan=False).encode()

    @_told
    async def events(self, request: Request) -> Response:
        """Send a job's events behind a number, until it has ended."""
        job_id = request.path_params["job_id"]
        number = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        if not number.isdecimal():
            raise InvalidData("after must be the number of an event")
        job = await self.board.read(self.board.store.job, job_id)
        if job.state.final and int(number) >= job.events:
            return Response(status_code=204)  # a browser does not connect again
        return EventStream(self._events(job_id, int(number)), self.closing)

    async def _events(self, job_id: str, number: int) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self.board.watch(job_id, number)) as events:
                async for event in events:
                    yield frame(*_event(event))
        except JobNotFound:
            return  # it was deleted meanwhile

    @_told
    async def curves(self, request: Request) -> Response:
        """Return curves of a job: ?metric=train.loss&x=step&from=0&to=1000&buckets=500."""
        body = await self.charts.curves(request.path_params["job_id"], request.query_params)
        return Response(body, media_type="application/json")

    @_told
    async def receipt(self, request: Request) -> Response:
        """Return the receipt of a job that has succeeded."""
        return JSONResponse(await Records(self.board).receipt(request.path_params["job_id"]))

    @_told
    async def model(self, request: Request) -> Response:
        """Return the file of a job's model."""
        job_id = request.path_params["job_id"]
        _, sha256, content = await Models(self.board).file(job_id)
        headers = {"Content-Disposition": f'attachment; filename="{job_id}.safetensors"', "X-SHA256": sha256}
        return Response(content, media_type="application/octet-stream", headers=headers)

    @_told
    async def order(self, request: Request) -> Response:
        """Pause, resume or cancel a job."""
        if (reason := refusal(request)) is not None:
            return _error(403, reason, "NotAllowed")
        orders = {"pause": self.scheduler.pause, "resume": self.scheduler.resume, "cancel": self.scheduler.cancel}
        order = orders.get(request.path_params["order"])
        if order is None:
            return _error(404, f"a job takes the orders {', '.join(orders)}", "NotFound")
        return JSONResponse(await self.fleet.view(await order(request.path_params["job_id"])))


@lru_cache(maxsize=1024)
def _event(content: bytes) -> tuple[int, bytes]:
    """Return an event's number and its document; it is written once for all who watch."""
    event = event_from_message(pb.JobEvent.FromString(content))
    document: dict[str, Any] = event_document(event)
    document["job"] |= {"samples_per_second": event.job.samples_per_second, "confusion": {}}
    return event.number, json.dumps(document, allow_nan=False).encode()
