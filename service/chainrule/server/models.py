"""Trained models: the file of a job's last checkpoint, and predictions from it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from chainrule.data.faults import Faulty
from chainrule.data.model import Model
from chainrule.server.board import Board
from chainrule.wire.errors import InvalidData, ModelNotFound

MODEL_FILE = "model.safetensors"
CACHED = 8
BATCHES_AHEAD = 1
"""So many batches of rows are computed before the one in front of them has been sent."""


class Models:
    """Gives out models; the last few that were used to predict stay in memory."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._cache: OrderedDict[str, Model] = OrderedDict()

    async def file(self, job_id: str) -> tuple[int, str, bytes]:
        """Return version, SHA-256 and bytes of a job's model. Raises ModelNotFound."""
        checkpoint = await self._latest(job_id)
        content = await asyncio.to_thread(_read, checkpoint)
        return checkpoint["version"], checkpoint["model_sha256"], content

    async def model(self, job_id: str) -> Model:
        """Return a job's model. Raises ModelNotFound."""
        checkpoint = await self._latest(job_id)
        path = checkpoint["path"]
        if path not in self._cache:
            await asyncio.to_thread(_read, checkpoint)
            self._cache[path] = await asyncio.to_thread(Model.load, Path(path) / MODEL_FILE)
        self._cache.move_to_end(path)
        model = self._cache[path]
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return model

    async def _latest(self, job_id: str) -> dict[str, Any]:
        found = await self._board.read(self._board.store.checkpoints, job_id)
        if not found:
            raise ModelNotFound(f"job {job_id} has no checkpoint yet, so there is no model of it")
        return found[0]


def _read(checkpoint: dict[str, Any]) -> bytes:
    """Return the bytes of a checkpoint's model, which are those that were written. Raises ModelNotFound."""
    path = Path(checkpoint["path"]) / MODEL_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"the model {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != checkpoint["model_sha256"]:
        raise ModelNotFound(f"the model {path} is damaged: it is not what was written")
    return content


async def predictions(model: Model, batches: AsyncIterator[bytes]) -> AsyncIterator[NDArray[Any]]:
    """Yield A^N (rows, n^N) for each batch of raw rows, an Arrow IPC stream, in order. Raises InvalidData.

    While one is computed the next one comes and is computed, too; who waits for an answer before he sends more gets it.
    """
    computed: asyncio.Queue[asyncio.Task[NDArray[Any]] | None] = asyncio.Queue(BATCHES_AHEAD)
    taking = asyncio.create_task(_compute(model, batches, computed))
    rows = 0
    try:
        while (task := await computed.get()) is not None:
            outputs = await task
            yield outputs
            rows += len(outputs)
        await taking
    except Faulty as error:
        raise error.fault.found("the table", rows + 1) from None
    finally:
        taking.cancel()
        while not computed.empty():
            if (task := computed.get_nowait()) is not None:
                task.cancel()


async def _compute(
    model: Model, batches: AsyncIterator[bytes], computed: "asyncio.Queue[asyncio.Task[NDArray[Any]] | None]"
) -> None:
    try:
        async for batch in batches:
            await computed.put(asyncio.create_task(asyncio.to_thread(_outputs, model, batch)))
    finally:
        await computed.put(None)


def _outputs(model: Model, batch: bytes) -> NDArray[Any]:
    try:
        table = pa.ipc.open_stream(batch).read_all()
    except pa.ArrowInvalid as error:
        raise InvalidData(f"the rows are no Arrow stream: {error}") from None
    return model.outputs(table)
