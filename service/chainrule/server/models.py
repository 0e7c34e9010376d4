"""Trained models: the file of a job's last checkpoint, and predictions from it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from chainrule.data.model import Model
from chainrule.nn import Array
from chainrule.server.board import Board
from chainrule.v1 import training_pb2 as pb
from chainrule.wire.chunks import CHUNK_BYTES
from chainrule.wire.errors import InvalidData, ModelNotFound

MODEL_FILE = "model.safetensors"
CACHED = 8


class Models:
    """Gives out models; the last few that were used to predict stay in memory."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._cache: OrderedDict[str, Model] = OrderedDict()

    async def chunks(self, job_id: str) -> AsyncIterator[pb.ModelChunk]:
        """Yield the header and the bytes of a job's model. Raises ModelNotFound."""
        checkpoint = await self._latest(job_id)
        with (Path(checkpoint["path"]) / MODEL_FILE).open("rb") as file:
            content = await asyncio.to_thread(file.read)
        if hashlib.sha256(content).hexdigest() != checkpoint["model_sha256"]:
            raise ModelNotFound(f"the model of job {job_id} on the service's disk is damaged")
        yield pb.ModelChunk(
            header=pb.ModelHeader(version=checkpoint["version"], size=len(content), sha256=checkpoint["model_sha256"])
        )
        for start in range(0, len(content), CHUNK_BYTES):
            yield pb.ModelChunk(data=content[start : start + CHUNK_BYTES])

    async def model(self, job_id: str) -> Model:
        """Return a job's model. Raises ModelNotFound."""
        path = (await self._latest(job_id))["path"]
        if path not in self._cache:
            self._cache[path] = await asyncio.to_thread(Model.load, Path(path) / MODEL_FILE)
        self._cache.move_to_end(path)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return self._cache[path]

    async def _latest(self, job_id: str) -> dict[str, Any]:
        found = await self._board.read(self._board.store.checkpoints, job_id)
        if not found:
            raise ModelNotFound(f"job {job_id} has no checkpoint yet, so there is no model of it")
        return found[0]


async def predict(model: Model, arrow_batch: bytes) -> Array:
    """Return A^N (rows, n^N) for an Arrow IPC stream of raw rows. Raises InvalidData."""

    def compute() -> Array:
        try:
            table = pa.ipc.open_stream(arrow_batch).read_all()
        except pa.ArrowInvalid as error:
            raise InvalidData(f"the rows are no Arrow stream: {error}") from None
        return model.predict(table)

    return await asyncio.to_thread(compute)
