"""Data that was uploaded: bytes by their SHA-256, and the names that point to them.

datasets/contents/SHA256/data.csv.gz    whole and verified; the name's end tells the format
datasets/names/NAME.json                made last: only what has one is listed
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule.data.files import PIECE_BYTES, sync
from chainrule.server.board import Board
from chainrule.server.child import Child
from chainrule.wire.dataset import SCHEME, Dataset, told
from chainrule.wire.errors import DatasetNotFound, InvalidData, JobNotFinished
from chainrule.wire.job import JobState
from chainrule.wire.spec import JobSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
UNFINISHED = [state for state in JobState if not state.final]


class Datasets:
    """The data sets of a service, in a folder.

    Who holds `steady` may look a name up and act on it: meanwhile none goes, and none gets other bytes.
    """

    def __init__(self, folder: Path, board: Board) -> None:
        self._contents, self._names, self._log = folder / "contents", folder / "names", folder / "descriptions.log"
        for each in (self._contents, self._names):
            each.mkdir(parents=True, exist_ok=True)
        self._board = board
        self.steady, self._one_at_a_time = asyncio.Lock(), asyncio.Lock()

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

    def path(self, dataset: Dataset) -> Path:
        """Return where the bytes of a data set lie, or are to lie."""
        return self._contents / dataset.sha256 / f"data{dataset.suffix}"

    def holds(self, sha256: str) -> bool:
        """Whether these bytes are here, under whatever name."""
        return any((self._contents / sha256).glob("*"))

    def located(self, spec: JobSpec) -> JobSpec:
        """Return the job with paths in the place of data sets. Raises DatasetNotFound."""
        data = spec.data
        validation = None if data.validation is None else self._located(data.validation)
        return replace(spec, data=replace(data, train=self._located(data.train), validation=validation))

    def _located(self, source: str) -> str:
        return str(self.path(self.get(source.removeprefix(SCHEME)))) if source.startswith(SCHEME) else source

    def read(self, dataset: Dataset) -> Iterator[bytes]:
        """Yield the bytes of a data set."""
        with self.path(dataset).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    async def describe(self, name: str, reading: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the document of a Description. Raises DatasetNotFound, InvalidData.

        `reading` are fields of a job's `data` that say how the file is read.
        A process of its own looks at the bytes, one at a time: they are a stranger's, and may be many.
        """
        dataset = self.get(name)
        async with self._one_at_a_time:
            child = await Child.start("chainrule.data", self._log)
            try:
                await child.send(source=str(self.path(dataset)), reading=dict(reading or {}))
                ended = {"event": "refused", "reason": f"{SCHEME}{name} cannot be looked at, see {self._log}"}
                answer: dict[str, Any] = await anext(child.events(), ended)
            finally:
                await child.stop(0)
        if answer["event"] == "refused":
            raise InvalidData(told(answer["reason"], {str(self.path(dataset)): f"{SCHEME}{name}"}))
        return {**answer["description"], "source": f"{SCHEME}{name}"}

    async def check(self, name: str, sha256: str | None) -> None:
        """Raise JobNotFinished where a job that has not ended would find other bytes under the name, or none."""
        path = self._names / f"{name}.json"
        if not path.exists() or self.get(name).sha256 == sha256:
            return
        for row in await self._board.read(self._board.store.rows_in, *UNFINISHED):
            if f"{SCHEME}{name}" in (row["spec"]["data"]["train"], row["spec"]["data"].get("validation")):
                raise JobNotFinished(
                    f"{SCHEME}{name} is used by job {row['id']}, which is {row['state']}: cancel it or let it end first"
                )

    async def add(self, dataset: Dataset, part: Path | None) -> None:
        """List a data set, whose bytes a file has that is verified, or are here. Raises JobNotFinished, InvalidData."""
        async with self.steady:
            await self.check(dataset.name, dataset.sha256)
            await asyncio.to_thread(self._add, dataset, part)

    def _add(self, dataset: Dataset, part: Path | None) -> None:
        place = self.path(dataset)
        if part is not None:
            place.parent.mkdir(exist_ok=True)
            part.rename(place)
        elif not self.holds(dataset.sha256):
            raise InvalidData(f"the bytes of {SCHEME}{dataset.name} have been deleted meanwhile; upload them again")
        elif not place.exists():
            os.link(next(place.parent.glob("*")), place)
        sync(place.parent)
        sync(self._contents)
        self._name(dataset)
        self._drop_nameless()

    def _name(self, dataset: Dataset) -> None:
        draft = self._names / f".{dataset.name}.draft"
        draft.write_text(json.dumps(asdict(dataset) | {"uploaded": dataset.uploaded.astimezone(UTC).isoformat()}))
        sync(draft)
        draft.rename(self._names / f"{dataset.name}.json")
        sync(self._names)

    async def delete(self, name: str) -> None:
        """Forget a name, and bytes to which no other name points. Raises DatasetNotFound, JobNotFinished."""
        async with self.steady:
            self.get(name)
            await self.check(name, None)
            await asyncio.to_thread(self._delete, name)

    def _delete(self, name: str) -> None:
        (self._names / f"{name}.json").unlink()
        sync(self._names)
        self._drop_nameless()

    def _drop_nameless(self) -> None:
        """Delete the contents to which no name points."""
        named = {dataset.sha256 for dataset in self.all()}
        for content in self._contents.iterdir():
            if content.name not in named:
                shutil.rmtree(content)
