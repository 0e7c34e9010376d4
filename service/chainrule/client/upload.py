"""A file -> the requests of an upload, which goes on where an earlier one was cut off."""

import hashlib
import os
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chainrule.data.files import PIECE_BYTES
from chainrule.v1 import training_pb2 as messages
from chainrule.wire.errors import InvalidData

Progress = Callable[[str, int, int], None]
"""Told of a stage (`hashing`, `sending`), the bytes that are done, and all of them."""


@dataclass
class Upload:
    """One upload: iterate over it for its requests, and tell it by `begin` where the service wants it to begin.

    The file is hashed when the upload is made; the name may be set until the first request.
    """

    path: Path
    name: str
    progress: Progress | None
    _offset: "queue.SimpleQueue[int | None]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        try:
            self._size = self.path.stat().st_size
            self.sha256 = self._hashed()
        except OSError as error:
            raise InvalidData(f"cannot read {self.path}: {error.strerror}") from None

    def _hashed(self) -> str:
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                self._tell("hashing", file.tell())
        return digest.hexdigest()

    def _tell(self, stage: str, done: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, self._size)

    def begin(self, offset: int | None) -> None:
        """Send what lies behind this offset; None: nothing more."""
        self._offset.put(offset)

    def __iter__(self) -> Iterator[messages.UploadDatasetRequest]:
        header = messages.UploadHeader(
            name=self.name, file_name=os.fsdecode(self.path.name), size=self._size, sha256=self.sha256
        )
        yield messages.UploadDatasetRequest(header=header)
        offset = self._offset.get()
        if offset is None:
            return
        with self.path.open("rb") as file:
            file.seek(offset)
            while piece := file.read(PIECE_BYTES):
                yield messages.UploadDatasetRequest(data=piece)
                self._tell("sending", file.tell())
