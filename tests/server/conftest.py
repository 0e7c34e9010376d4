"""A board on a real store, and a launcher that does to a job what a test asks for: all but Ray is real."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from scheduling import ended, lasting, scheduled
from storing import NOW, SPEC
from uploading import Uploading

from chainrule.data.dataset import DatasetSummary, load_dataset
from chainrule.server.board import Board
from chainrule.server.store import Store
from chainrule.wire.errors import LaunchFailed
from chainrule.wire.validation import parse_spec
from chainrule.worker.training_loop import train


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
def board(path):
    board = Board(Store(path))
    yield board
    board.close()


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def job_id(store):
    return store.create(SPEC, None, NOW)[0].id


@pytest.fixture
def there(board, tmp_path):
    """The data sets of a service, and the way to upload."""
    return Uploading(tmp_path / "datasets", board)


class ThreadLauncher:
    """Workers as threads of the test; `fault`, where there is one, is raised in place of their work."""

    def __init__(self, cpus: int = 4, fault: Callable[[str], None] = lambda worker: None) -> None:
        self.cpus, self.node, self.fault = cpus, "127.0.0.1", fault
        self.lost, self.ready = asyncio.Event(), asyncio.Event()
        self.ready.set()
        self.started: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        self._shards, self._ended = {}, {}
        self.trouble: str | None = None

    async def obstacle(self) -> str:
        return "there is no room for it"

    async def prepare(self, job_id, spec, ended) -> DatasetSummary:
        summary, shards = load_dataset(spec)
        self._shards[job_id], self._ended[job_id] = dict(enumerate(shards)), ended
        return summary

    async def start_worker(self, job_id, worker, address) -> None:
        loop, shards, ended = asyncio.get_running_loop(), self._shards[job_id], self._ended[job_id]
        self.started.append(worker)

        def tell(reason):
            ended(worker, reason)
            self.changed()

        def work():
            reason = None
            try:
                self.fault(worker)
                train(address, job_id, worker, shards)
            except Exception as error:
                reason = str(error)
            with suppress(RuntimeError):  # the test is over, and its loop closed
                loop.call_soon_threadsafe(tell, reason)

        threading.Thread(target=work, daemon=True).start()

    async def release(self, job_id) -> None:
        self._ended[job_id] = lambda worker, reason: None


@pytest.fixture
def thread_launcher():
    return ThreadLauncher


@pytest.fixture
def hand_launcher():
    """A launcher whose workers do nothing, and end when a test says so."""

    class HandLauncher(ThreadLauncher):
        def __init__(self) -> None:
            super().__init__()
            self.starts = asyncio.Queue()

        async def start_worker(self, job_id, worker, address):
            if self.ready.is_set():
                await self.starts.put(worker)

        def end(self, job_id, worker, reason=None):
            self._ended[job_id](worker, reason)

        def lose(self):
            self.ready.clear()
            self.lost.set()

        def come_back(self):
            self.lost = asyncio.Event()
            self.ready.set()

    return HandLauncher


@pytest.fixture
def no_ray():
    """A launcher that never gets as far as Ray."""

    class NoRay(ThreadLauncher):
        async def prepare(self, job_id, spec, ended):
            raise LaunchFailed("Ray has ended while the data was read")

    return NoRay


@pytest.fixture
def spec(tmp_path):
    """A small job on two classes of points."""
    X = np.random.default_rng(0).standard_normal((120, 3))
    rows = [f"{a},{b},{c},{'yes' if a + b > c else 'no'}" for a, b, c in X]
    (tmp_path / "points.csv").write_text("\n".join(["a,b,c,label", *rows]))
    return parse_spec(
        {
            "name": "points",
            "data": {"train": str(tmp_path / "points.csv"), "label": "label"},
            "network": {"layers": [{"units": 4}, {}]},
            "training": {"epochs": 3, "batch_size": 12, "shards": 4},
            "cluster": {"max_workers": 2},
        }
    )


@pytest.fixture(scope="session")
def known():
    """What tests have found out once for all of them."""
    return {}


@pytest.fixture
def undisturbed(known, board, spec, tmp_path, thread_launcher):
    """What becomes of the lasting job on one worker whom nobody disturbs: (hash, losses)."""
    if "undisturbed" in known:
        return known["undisturbed"]

    async def play(scheduler):
        job_id = (await board.create(lasting(spec, max_workers=1), None)).id
        scheduler.wake()
        return await ended(board, job_id)

    job = scheduled(board, thread_launcher(cpus=1), tmp_path / "undisturbed", play)
    known["undisturbed"] = job.weights_sha256, board.store.losses(job.id)
    return known["undisturbed"]
