"""The composition root: every part of the service is made, joined, started and stopped here."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from chainrule.server.api import Api
from chainrule.server.board import Board
from chainrule.server.charts import Charts
from chainrule.server.checks import Checks, DataReader
from chainrule.server.data_dir import claimed
from chainrule.server.datasets import Datasets
from chainrule.server.fleet import Fleet
from chainrule.server.history import History
from chainrule.server.launcher import Launcher
from chainrule.server.listeners import SERVICE, background, grpc_server, http_server, listening_socket
from chainrule.server.metrics import Calls, JobCollector, new_registry
from chainrule.server.page import http_app
from chainrule.server.scheduler import Scheduler
from chainrule.server.servicer import TrainingServicer
from chainrule.server.settings import Settings
from chainrule.server.store import Store
from chainrule.server.timing import Timing
from chainrule.server.uploads import Uploads

logger = logging.getLogger(__name__)
STORE = "chainrule.sqlite3"
END_SECONDS = 40.0
"""The service ends within this time after SIGTERM: jobs have 22 s of it, the launcher 10 s, open calls 3 s."""


@dataclass(frozen=True)
class Addresses:
    """Where a running service answers."""

    address: str
    http: str


async def run(settings: Settings, announce: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once. Raises LaunchFailed."""
    stop = asyncio.Event()
    _on_signals(stop)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(serving(settings)))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        announce(starting.result())
        await stopped


def _on_signals(stop: asyncio.Event) -> None:
    def signalled() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()
        deadline = threading.Timer(END_SECONDS, _give_up)
        deadline.daemon = True
        deadline.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled)


def _give_up() -> None:
    """End at once; the processes of the service end with it, and its jobs go on from their last checkpoints."""
    logger.error("the service has not ended within %.0f s after the signal, and gives up waiting", END_SECONDS)
    os._exit(1)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Addresses]:
    """Run all parts of the service; on leaving, every job is at a checkpoint and every process has ended."""
    async with AsyncExitStack() as stack:
        # Calls to predict run beside each other, and their BLAS threads would fight, also with those of workers here.
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        folder = stack.enter_context(claimed(settings.data_dir))
        board = Board(Store(folder / STORE))
        stack.callback(board.close)
        datasets = Datasets(folder / "datasets", board)
        uploads = Uploads(folder / "datasets", datasets, board)
        roots = [str(root.resolve()) for root in (*settings.data_roots, datasets.root)]
        launcher = Launcher(
            folder / "launcher.log",
            settings.ray_address,
            settings.num_cpus,
            lambda: scheduler.wake(),
            data_roots=roots,
            locate=datasets.located,
            warm_workers=settings.warm,
        )
        checks = Checks(board, DataReader(folder / "checks.log", roots, datasets.located), lambda: scheduler.wake())
        scheduler = Scheduler(board, launcher, folder / "jobs", checks)
        history = History(folder / STORE)
        stack.callback(history.close)
        fleet = Fleet(
            board,
            history,
            lambda: scheduler.cpus,
            may_grow=settings.ray_address is not None,
            trouble=lambda: scheduler.trouble,
        )
        servicer = TrainingServicer(board, fleet, scheduler, folder / "jobs", datasets, uploads, roots)
        await scheduler.recover()
        http = stack.enter_context(listening_socket(settings.host, settings.http_port))
        jobs = JobCollector(
            lambda: board.live.values(), lambda: board.states, board.ended, board.waiting, lambda: launcher.cpus
        )
        registry = new_registry(jobs)
        timing = Timing(SERVICE, Calls(registry).observe)
        calls = grpc_server(settings.host, settings.port, servicer, timing)
        port, health = await stack.enter_async_context(calls)
        stack.push_async_callback(launcher.stop)
        await launcher.start()
        api = Api(board, fleet, Charts(board, history), scheduler)
        app = http_app(registry=registry, api=api, ready=lambda: health.serving)
        await stack.enter_async_context(http_server(app, http))
        stack.callback(api.closing.set)
        await stack.enter_async_context(background(launcher.keep_alive()))
        await stack.enter_async_context(background(checks.serve()))
        await stack.enter_async_context(background(scheduler.serve()))
        stack.push_async_callback(scheduler.stop)
        await health.set(serving=True)
        stack.push_async_callback(health.set, serving=False)
        scheduler.wake()
        yield Addresses(f"{settings.host}:{port}", f"http://{settings.host}:{http.getsockname()[1]}")
