"""Data that was uploaded: bytes by their SHA-256, and the names that point to them.

datasets/parts/SHA256           what has come so far of an upload; it goes on from there
datasets/contents/SHA256/data.csv.gz    whole and verified; the name's end tells the format
datasets/names/NAME.json        made last: only what has one is listed
"""

import asyncio
import errno
import hashlib
import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from chainrule.data.files import PIECE_BYTES, sync
from chainrule.data.sources import SUFFIXES
from chainrule.wire.dataset import SCHEME, Dataset
from chainrule.wire.errors import DatasetNotFound, InvalidData, TooMuch
from chainrule.wire.faults import fail_at
from chainrule.wire.spec import JobSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class Datasets:
    """The data sets of a service, in a folder."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._parts, self._contents, self._names = (folder / name for name in ("parts", "contents", "names"))
        for each in (self._parts, self._contents, self._names):
            each.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def root(self) -> Path:
        """The folder in which the contents lie."""
        return self._contents

    def all(self) -> list[Dataset]:
        """Return every data set, by name."""
        return [self.get(path.stem) for path in sorted(self._names.glob("*.json"))]

    def get(self, name: str) -> Dataset:
        """Return a data set. Raises DatasetNotFound."""
        path = self._names / f"{name}.json"
        if not NAME.fullmatch(name) or not path.exists():
            raise DatasetNotFound(f"there is no data set {name!r}: `chainrule datasets` lists all")
        known = json.loads(path.read_text())
        return Dataset(**known | {"uploaded": datetime.fromisoformat(known["uploaded"])})

    def located(self, spec: JobSpec) -> JobSpec:
        """Return the job with paths in the place of data sets. Raises DatasetNotFound."""
        data = spec.data
        validation = None if data.validation is None else self._located(data.validation)
        return replace(spec, data=replace(data, train=self._located(data.train), validation=validation))

    def _located(self, source: str) -> str:
        return str(self._path(self.get(source.removeprefix(SCHEME)))) if source.startswith(SCHEME) else source

    def _path(self, dataset: Dataset) -> Path:
        return self._contents / dataset.sha256 / f"data{dataset.suffix}"

    async def receive(
        self, name: str, file_name: str, size: int, sha256: str, data: AsyncIterator[bytes]
    ) -> AsyncIterator[int | Dataset]:
        """Yield how many bytes are here already, take the rest, and yield the data set once it is whole and durable.

        Raises InvalidData, and TooMuch where the disk is full; nothing is listed then.
        """
        if not NAME.fullmatch(name):
            raise InvalidData(f"{name!r} is no name: letters, digits, '.', '_' and '-', of which the first is no sign")
        if not SHA256.fullmatch(sha256):
            raise InvalidData(f"{sha256!r} is no SHA-256")
        suffix = next((each for each in sorted(SUFFIXES, key=len, reverse=True) if file_name.endswith(each)), "")
        dataset = Dataset(name, sha256, size, suffix, self._now())
        async with self._one_at_a_time[sha256]:
            present = await asyncio.to_thread(self._present, dataset)
            yield present
            try:
                if present < size or not any((self._contents / sha256).glob("*")):
                    await self._take(dataset, data)
                await asyncio.to_thread(self._list, dataset)
            except OSError as error:
                (self._parts / sha256).unlink(missing_ok=True)  # the space is needed
                raise _too_much(error) from None
        yield dataset

    def _present(self, dataset: Dataset) -> int:
        """Return how many bytes are here. Raises TooMuch where the rest would not fit on the disk."""
        content, part = self._contents / dataset.sha256, self._parts / dataset.sha256
        if any(content.glob("*")):
            return dataset.size
        present = min(part.stat().st_size, dataset.size) if part.exists() else 0
        free = shutil.disk_usage(self._parts).free
        if dataset.size - present > free:
            raise TooMuch(f"{dataset.size - present:,} bytes are to come, but {free:,} are free on the service's disk")
        return present

    async def _take(self, dataset: Dataset, data: AsyncIterator[bytes]) -> None:
        """Write what comes behind what is here, and move it to its place when it is what was announced."""
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
        await asyncio.to_thread(self._keep, part, dataset)

    def _keep(self, part: Path, dataset: Dataset) -> None:
        place = self._path(dataset)
        place.parent.mkdir(exist_ok=True)
        part.rename(place)
        sync(place.parent)
        sync(self._contents)

    def _list(self, dataset: Dataset) -> None:
        """Let the name point to the content, which may have come under another name before."""
        place = self._path(dataset)
        if not place.exists():
            os.link(next(place.parent.glob("*")), place)
            sync(place.parent)
        draft = self._names / f".{dataset.name}.draft"
        draft.write_text(json.dumps(asdict(dataset) | {"uploaded": dataset.uploaded.astimezone(UTC).isoformat()}))
        sync(draft)
        draft.rename(self._names / f"{dataset.name}.json")
        sync(self._names)


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
