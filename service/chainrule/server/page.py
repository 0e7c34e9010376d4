"""The service over HTTP: /metrics for Prometheus, /healthz for whoever restarts it, and pages for a person."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainrule.server.api import Api
from chainrule.server.metrics import Registry, exposition
from chainrule.wire.errors import JobNotFound

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def http_app(*, registry: Registry, api: Api, ready: Callable[[], bool]) -> Starlette:
    """Make the web application; `ready` says whether the service takes jobs."""

    async def metrics(request: Request) -> Response:
        body, content_type = await run_in_threadpool(exposition, registry, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok") if ready() else PlainTextResponse("not ready", 503)

    async def job(request: Request) -> Response:
        try:
            await api.board.read(api.board.store.job, request.path_params["job_id"])
        except JobNotFound:
            return _page(404)
        return _page()

    async def page(_: Request) -> Response:
        return _page()

    return Starlette(
        routes=[
            Route("/", page),
            Route("/compare", page),
            Route("/jobs/{job_id}", job),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
            *api.routes,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(_Headers)],
        exception_handlers={404: _not_found},
    )


def _page(status: int = 200) -> Response:
    """Return the one HTML file: which page it shows, its script reads from the address."""
    return FileResponse(STATIC / "index.html", status)


async def _not_found(request: Request, _: Exception) -> Response:
    path = request.url.path
    if path.startswith("/api/"):
        return JSONResponse({"error": f"there is nothing at {path}", "code": "NotFound"}, 404)
    return PlainTextResponse("there is nothing here", 404) if path.startswith("/static/") else _page(404)


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
