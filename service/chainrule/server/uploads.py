"""Uploads: what has come of a file stays until the rest has come, and becomes a data set when it is whole.

datasets/parts/SHA256    what has come so far; the next upload of the same bytes goes on from there
"""

import asyncio
import errno
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from chainrule.data.files import PIECE_BYTES
from chainrule.data.sources import SUFFIXES
from chainrule.server.board import Board
from chainrule.server.datasets import NAME, Datasets
from chainrule.wire.dataset import Dataset
from chainrule.wire.errors import InvalidData, TooMuch
from chainrule.wire.faults import fail_at

SHA256 = re.compile(r"[0-9a-f]{64}")
KEPT = timedelta(days=7)
"""So long the beginning of an upload waits for its end; the next start of the service deletes it then."""


class Uploads:
    """Takes in files for the data sets of a service."""

    def __init__(self, folder: Path, datasets: Datasets, board: Board) -> None:
        self._parts, self._datasets, self._board = folder / "parts", datasets, board
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._parts.mkdir(parents=True, exist_ok=True)
        for part in self._parts.iterdir():
            if board.now() - datetime.fromtimestamp(part.stat().st_mtime, UTC) > KEPT:
                part.unlink()

    async def receive(
        self, name: str, file_name: str, size: int, sha256: str, data: AsyncIterator[bytes]
    ) -> AsyncIterator[int | Dataset]:
        """Yield how many bytes are here already, take the rest, and yield the data set once it is whole and durable.

        Raises InvalidData, JobNotFinished where a job needs what the name stands for now, and TooMuch where the disk is
        full; nothing is listed then.
        """
        if not NAME.fullmatch(name):
            raise InvalidData(f"{name!r} is no name: letters, digits, '.', '_' and '-', of which the first is no sign")
        if not SHA256.fullmatch(sha256):
            raise InvalidData(f"{sha256!r} is no SHA-256")
        await self._datasets.check(name, sha256)
        suffix = next(
            (each for each in sorted(SUFFIXES, key=len, reverse=True) if file_name.lower().endswith(each)), ""
        )
        dataset = Dataset(name, sha256, size, suffix, self._board.now())
        async with self._turns.setdefault(sha256, asyncio.Lock()):
            present = await asyncio.to_thread(self._present, dataset)
            yield present
            try:
                here = self._datasets.holds(sha256)
                await self._datasets.add(dataset, None if here else await self._take(dataset, data))
            except OSError as error:
                (self._parts / sha256).unlink(missing_ok=True)  # the space is needed
                raise _too_much(error) from None
        yield dataset

    def _present(self, dataset: Dataset) -> int:
        """Return how many bytes are here. Raises TooMuch where the rest would not fit on the disk."""
        if self._datasets.holds(dataset.sha256):
            return dataset.size
        part = self._parts / dataset.sha256
        present = min(part.stat().st_size, dataset.size) if part.exists() else 0
        free = shutil.disk_usage(self._parts).free
        if dataset.size - present > free:
            raise TooMuch(f"{dataset.size - present:,} bytes are to come, but {free:,} are free on the service's disk")
        return present

    async def _take(self, dataset: Dataset, data: AsyncIterator[bytes]) -> Path:
        """Write what comes behind what is here, and return the file when it is what was announced."""
        part = self._parts / dataset.sha256
        with await asyncio.to_thread(part.open, "a+b") as file:
            digest = await asyncio.to_thread(_hash_of, file)
            async for piece in data:
                await asyncio.to_thread(_append, file, piece, digest)
                if file.tell() > dataset.size:  # nobody may fill the disk with what was never announced
                    break
            await asyncio.to_thread(_flush, file)
            size = file.tell()
        if size < dataset.size:
            raise InvalidData(f"the upload ended after {size:,} of {dataset.size:,} bytes; the next goes on from there")
        if digest.hexdigest() != dataset.sha256:
            part.unlink()
            raise InvalidData("the bytes that came have another SHA-256 than was announced: has the file changed?")
        return part


def _hash_of(file: BinaryIO) -> Any:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest


def _append(file: BinaryIO, piece: bytes, digest: Any) -> None:
    fail_at("dataset.before_write")
    file.write(piece)
    digest.update(piece)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_much(error: OSError) -> TooMuch:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return TooMuch(f"the data cannot be kept: {'the disk is full' if full else error.strerror}")
