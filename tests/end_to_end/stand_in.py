"""The page with documents that a test makes up, in place of a service."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlparse

from playwright.sync_api import Page, Route

from chainrule.server.page import STATIC

MOMENT = "2024-05-01T12:00:00.000Z"


class _Files(SimpleHTTPRequestHandler):
    """Serves the page's files; every other path is the page."""

    def translate_path(self, path: str) -> str:
        path = urlparse(path).path
        return super().translate_path(path.removeprefix("/static") if path.startswith("/static/") else "/index.html")

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that has gone before it was answered."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def page_files() -> Iterator[str]:
    """The address of a server that has the page's files alone."""
    server = _Server(("127.0.0.1", 0), partial(_Files, directory=str(STATIC)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def job_document(job_id: str, **fields: object) -> dict:
    """A job as the service tells it, that trains; `fields` replace what is told of it."""
    return {
        **{"id": job_id, "name": job_id, "state": "RUNNING", "reason": "", "version": 595, "steps": 600, "epoch": 9},
        **{"workers": 1, "max_workers": 2, "metrics": {}, "weights_sha256": None, "events": 3, "not_finite": []},
        **{"created": MOMENT, "started": MOMENT, "finished": None, "samples_per_second": 1000.0, "losses": []},
        **{"health": {"level": "good", "word": "healthy", "sentence": "the loss falls"}, "events_shown": []},
        **{
            "spec": {"data": {"label": "label"}, "training": {"epochs": 10}},
            "layers": [],
            "faults": {},
            "machines": [],
        },
        **{"network": {"inputs": 4, "layers": [{"units": 2, "activation": "softmax"}], "loss": "cross_entropy"}},
        **{"data": {"classes": [], "rows": 6000, "steps_per_epoch": 60}, "figures": {}, "confusion": {}},
    } | fields


def answer(page: Page, jobs: list[dict], curves: dict[str, dict] | None = None, **more: object) -> None:
    """Answer what the page asks for: these jobs, their curves by id, and `more` in the list's document."""

    def respond(route: Route) -> None:
        path = urlparse(route.request.url).path
        _, _, _, job_id, part = [*path.split("/"), "", ""][:5]
        if path == "/api/jobs":
            document = {"mark": "a-1", "jobs": jobs, "hidden": 0, "queue": [], "cpus": {"used": 1, "total": 2}} | more
        elif part == "curves":
            document = {"x": "step", "curves": (curves or {}).get(job_id, {}), "version": 1}
        elif part == "" and job_id:
            document = next(job for job in jobs if job["id"] == job_id)
        elif path == "/api/changes" or part == "events":
            return route.fulfill(
                status=200, content_type="text/event-stream", body="retry: 600000\n\nevent: end\ndata: \n\n"
            )
        else:
            document = None if part == "receipt" else {}
        return route.fulfill(status=200, content_type="application/json", body=json.dumps(document))

    page.route("**/api/**", respond)
