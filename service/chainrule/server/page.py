"""The service over HTTP: /metrics for Prometheus, /healthz for whoever restarts it, and a page of jobs for a person."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainrule.server import figures
from chainrule.server.metrics import Registry, exposition
from chainrule.wire.job import Job

HERE = Path(__file__).parent
FINISHED_SHOWN = 100
"""Jobs that have ended, on the page: the newest ones. Jobs that have not ended are always there."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

ListJobs = Callable[[], Awaitable[Sequence[Job]]]


def http_app(
    *,
    registry: Registry,
    jobs: ListJobs,
    ready: Callable[[], bool],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """Make the web application. `jobs` lists every job in any order; `ready` says whether the service takes jobs."""
    page = _Page(jobs, now)

    async def metrics(request: Request) -> Response:
        body, content_type = await run_in_threadpool(exposition, registry, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok") if ready() else PlainTextResponse("not ready", 503)

    return Starlette(
        routes=[
            Route("/", page.whole),
            Route("/jobs", page.table),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(_Headers)],
        exception_handlers={404: page.not_found},
    )


class _Page:
    """Draws jobs: the whole page, and the table alone, which the page fetches every two seconds."""

    def __init__(self, jobs: ListJobs, now: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._now = now
        self._templates = Jinja2Templates(HERE / "templates")
        self._templates.env.filters |= figures.FILTERS

    async def whole(self, request: Request) -> Response:
        return await self._draw(request, "jobs.html")

    async def table(self, request: Request) -> Response:
        return await self._draw(request, "table.html")

    async def not_found(self, request: Request, _: Exception) -> Response:
        return self._templates.TemplateResponse(request, "not_found.html", status_code=404)

    async def _draw(self, request: Request, template: str) -> Response:
        jobs = await self._jobs()
        shown = newest(jobs)
        context = {"jobs": shown, "hidden": len(jobs) - len(shown), "now": self._now()}
        return self._templates.TemplateResponse(request, template, context)


def newest(jobs: Sequence[Job], finished: int = FINISHED_SHOWN) -> list[Job]:
    """Sort jobs, newest first, and leave out all but the newest `finished` of those that have ended."""
    ordered = sorted(jobs, key=lambda job: job.created, reverse=True)
    kept = {job.id for job in [job for job in ordered if job.state.final][:finished]}
    return [job for job in ordered if not job.state.final or job.id in kept]


class _Headers:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
