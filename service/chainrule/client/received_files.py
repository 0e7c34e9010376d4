"""What arrives in chunks -> a file that is whole or not there."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chainrule.data.files import sync
from chainrule.v1.training_pb2 import Dataset, DatasetChunk, ModelChunk, ModelHeader
from chainrule.wire.errors import ChainruleError


def save(header: ModelHeader | Dataset, chunks: Iterator[ModelChunk | DatasetChunk], path: Path) -> Path:
    """Write the chunks' bytes to the path and return it. Raises ChainruleError if they are not what the header says."""
    with replacing(path) as file:
        hasher, size = hashlib.sha256(), 0
        for chunk in chunks:
            data = chunk.data
            file.write(data)
            hasher.update(data)
            size += len(data)
        _check(path, (header.size, header.sha256), (size, hasher.hexdigest()))
    return path


def _check(path: Path, expected: tuple[int, str], received: tuple[int, str]) -> None:
    if received[0] != expected[0]:
        raise ChainruleError(f"the file came with {received[0]} of {expected[0]} bytes; {path} was not written")
    if received[1] != expected[1]:
        raise ChainruleError(f"the file came with another SHA-256 than the service's; {path} was not written")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the place of the path if all goes well, and is removed if not.

    A device or a pipe is written as it is: a file in its place would be a surprise.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(path.parent)
