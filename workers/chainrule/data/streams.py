"""Files as streams of their unpacked bytes, never more of them than a limit."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pyarrow as pa

from chainrule.data.faults import Faulty
from chainrule.data.files import PIECE_BYTES, File
from chainrule.data.fragments import Digest
from chainrule.data.magic import HEAD_BYTES, wrong_name

Read: TypeAlias = Callable[[int], bytes]
"""`read(n)` gives the next n bytes; fewer at the end only."""
Fill: TypeAlias = Callable[[memoryview], int]
"""`fill(buffer)` puts the next bytes there and returns how many; fewer than fit at the end only."""
UTF8 = "utf-8"
PACKINGS = {".gz": "gzip", ".zst": "zstd"}


def packing(name: str) -> str | None:
    """Return how a file of this name is compressed."""
    return next((kind for suffix, kind in PACKINGS.items() if name.lower().endswith(suffix)), None)


@contextmanager
def unpacked(file: File, limit: int) -> Iterator[Read]:
    """Give the file from its beginning, unpacked where its name says that it is compressed."""
    with skippable(file, limit) as (read, _):
        yield read


@contextmanager
def skippable(file: File, limit: int) -> Iterator[tuple[Read, Callable[[int], object]]]:
    """Give the same, and what skips the next n bytes."""
    with file.open() as opened:
        kind = packing(file.name)
        if kind is None:
            yield full(opened.read), lambda count: opened.seek(count, os.SEEK_CUR)
        else:
            read = _capped(_unpacking(file, opened, kind), limit)
            yield read, read


@contextmanager
def filling(file: File, limit: int, encoding: str = UTF8, digest: Digest | None = None) -> Iterator[Fill]:
    """Give what fills buffers with the file from its beginning, unpacked and in UTF-8. Raises Faulty.

    `digest` takes in the bytes that it fills.
    """
    with file.open() as opened, _decodable(encoding):
        kind = packing(file.name)
        stream: Any = _unpacking(file, opened, kind) if kind else opened
        if encoding != UTF8:
            stream = pa.transcoding_input_stream(stream, encoding, UTF8)
        left = limit if kind else file.size

        def fill(buffer: memoryview) -> int:
            nonlocal left
            filled = 0
            while filled < len(buffer) and (count := stream.readinto(buffer[filled:])):
                filled += count
            left -= filled
            if kind and left < 0:
                raise beyond(limit)
            if digest is not None:
                digest.update(buffer[:filled])
            return filled

        yield fill


@contextmanager
def _decodable(encoding: str) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        raise Faulty(f"is not {encoding.upper()} text: {error}") from None


def _unpacking(file: File, opened: Any, kind: str) -> Any:
    """Return the stream of a compressed file's unpacked bytes. Raises Faulty where it is not compressed so."""
    check_name(file, bytes(opened.read(HEAD_BYTES)), kind)
    opened.seek(0)
    return pa.CompressedInputStream(opened, kind)


def check_name(file: File, head: bytes, expected: str) -> None:
    """Raise Faulty where a file that is read as `expected` is something else by its first bytes: see wrong_name."""
    if wrong := wrong_name(file.name, head, expected):
        raise Faulty(wrong)


def check_beginning(file: File, expected: str) -> None:
    """Read the first bytes of a file, as they are, and check them."""
    with file.open() as opened:
        head = bytes(opened.read(HEAD_BYTES))
    check_name(file, head, expected)


def full(read: Callable[[int], Any]) -> Read:
    """Return a reader that gives as much as is asked for."""

    def read_all(count: int) -> bytes:
        parts, left = [], count
        while left and (part := read(left)):
            parts.append(bytes(part))
            left -= len(part)
        return b"".join(parts)

    return read_all


def _capped(stream: Any, limit: int) -> Read:
    read_all, left = full(stream.read), limit

    def read(count: int) -> bytes:
        nonlocal left
        part = read_all(min(count, left + 1))
        left -= len(part)
        if left < 0:
            raise beyond(limit)
        return part

    return read


def beyond(limit: int) -> Faulty:
    """Return the fault of a file that unpacks to more than the limit, in bytes."""
    return Faulty(f"unpacks to more than {limit:,} bytes; data.unpack_limit allows more")


def feed(file: File, digest: Digest | None) -> None:
    """Let a digest, if any, take in all bytes of the file as it is."""
    if digest is None:
        return
    with file.open() as opened:
        while piece := opened.read(PIECE_BYTES):
            digest.update(piece)
