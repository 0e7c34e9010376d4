"""The service's web application on a real socket, with a real board and store."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from prometheus_client import CollectorRegistry

from chainrule.server.api import Api
from chainrule.server.charts import Charts
from chainrule.server.fleet import Fleet
from chainrule.server.history import History
from chainrule.server.listeners import http_server, listening_socket
from chainrule.server.metrics import JobCollector
from chainrule.server.page import http_app
from chainrule.server.scheduler import Scheduler

ORDER = {"X-Chainrule": "test"}


@dataclass
class Web:
    """What a test speaks to."""

    client: httpx.AsyncClient
    scheduler: Scheduler
    api: Api
    port: int

    async def get(self, path, status=200):
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def served(board, path, launcher, folder, ready=lambda: True):
    history = History(path)
    scheduler = Scheduler(board, launcher, folder)
    fleet = Fleet(board, history, lambda: scheduler.cpus, trouble=lambda: scheduler.trouble)
    api = Api(board, fleet, Charts(board, history), scheduler)
    registry = CollectorRegistry()
    registry.register(JobCollector(lambda: board.live.values(), lambda: board.states))
    with listening_socket("127.0.0.1", 0) as bound:
        async with http_server(http_app(registry=registry, api=api, ready=ready), bound):
            port = bound.getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                serving = asyncio.create_task(scheduler.serve())
                try:
                    yield Web(client, scheduler, api, port)
                finally:
                    api.closing.set()
                    serving.cancel()
                    with suppress(asyncio.CancelledError):
                        await serving
    history.close()


async def events(response):
    """Yield (id, data) of each event of a stream; (None, "end") when the service says that it is over."""
    fields = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if fields.get("event") == "end":
                yield None, "end"
            elif "data" in fields:
                yield fields["id"], fields["data"]
            fields = {}
