"""Trained models: the file of a job's last checkpoint, and predictions from it."""

import asyncio
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pyarrow as pa

from chainrule.data.model import Model
from chainrule.nn import Array
from chainrule.server.board import Board
from chainrule.wire.errors import InvalidData, ModelNotFound

MODEL_FILE = "model.safetensors"
CACHED = 8


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


async def predict(model: Model, arrow_batch: bytes, first_row: int) -> Array:
    """Return A^N (rows, n^N) for an Arrow IPC stream of raw rows, counted from `first_row`. Raises InvalidData."""

    def compute() -> Array:
        try:
            table = pa.ipc.open_stream(arrow_batch).read_all()
        except pa.ArrowInvalid as error:
            raise InvalidData(f"the rows are no Arrow stream: {error}") from None
        return model.predict(table, first_row=first_row)

    return await asyncio.to_thread(compute)
