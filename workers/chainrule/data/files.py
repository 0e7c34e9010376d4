"""Files: those that survive a power cut, and those that a source names, wherever they lie."""

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from chainrule.data.faults import sentence
from chainrule.data.partitions import partition_of
from chainrule.wire.errors import InvalidData

PIECE_BYTES = 1 << 20
GCS_LIMIT, GCS_SECONDS = "retry_limit_seconds", 20
Roots = Sequence[str] | None
"""The folders that local files may lie in; None: any."""


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class File:
    """A file as it was when its source was looked up: whoever reads it must find it so. `name` is for people.

    `partition` has the columns that folders on its path name, as `year=2020`.
    """

    name: str
    path: str
    filesystem: Any
    size: int
    changed: int | None
    partition: tuple[tuple[str, str | None], ...] = ()
    one_of_several: bool = False

    @property
    def local(self) -> bool:
        """Whether it lies in this machine's own file system."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the file for reading at any place. Raises InvalidData, also where it has changed meanwhile."""
        with _readable(self.name):
            with self.filesystem.open_input_file(self.path) as opened:
                yield opened
            info = self.filesystem.get_file_info(self.path)
        if (info.size, info.mtime_ns) != (self.size, self.changed):
            raise InvalidData(f"{self.name} has changed while it was read")

    def sha256(self) -> str:
        """Return the hash of the file's bytes."""
        digest = hashlib.sha256()
        with self.open() as opened:
            while piece := opened.read(PIECE_BYTES):
                digest.update(piece)
        return digest.hexdigest()


def find_files(source: str, suffixes: Sequence[str], roots: Roots = None) -> tuple[File, ...]:
    """Return the files that a path, URI, folder or glob names, in order; of a folder those that end in `suffixes`.

    Raises InvalidData, also where one lies outside of the roots once `..` and links are followed.
    """
    if source.startswith("dataset://"):
        raise InvalidData(f"cannot read {source}: it lies in the service; name a file that has the same bytes")
    with _readable(source):
        filesystem, path = _filesystem(source)
        info = filesystem.get_file_info(path)
        if info.type is fs.FileType.File:
            found = [info]
        elif info.type is fs.FileType.Directory:
            found = [each for each in _below(filesystem, path) if each.base_name.lower().endswith(tuple(suffixes))]
        elif info.type is fs.FileType.NotFound and glob.has_magic(path):
            found = _matching(filesystem, path)
        elif info.type is fs.FileType.NotFound:
            raise InvalidData(f"cannot read {source}: No such file or directory")
        else:
            raise InvalidData(f"cannot read {source}: it is a pipe or a device, not a file")
    if not found:
        kind = "directory without a data file" if info.type is fs.FileType.Directory else "pattern that matches no file"
        raise InvalidData(f"cannot read {source}: it is a {kind}")
    base = path if info.type is fs.FileType.Directory else _fixed_part(path)
    ordered = sorted(found, key=lambda each: str(each.path))
    return tuple(
        replace(
            _file(source, filesystem, each, roots),
            partition=tuple(partition_of(base, str(each.path)).items()),
            one_of_several=len(found) > 1,
        )
        for each in ordered
    )


def _fixed_part(path: str) -> str:
    """Return the folder of a file, or that before the first wildcard of a pattern."""
    magic = re.search(r"[*?\[]", path)
    return (path[: magic.start()] if magic and glob.has_magic(path) else path).rpartition("/")[0] or "/"


def _filesystem(source: str) -> tuple[Any, str]:
    if "://" not in source:
        return fs.LocalFileSystem(), os.path.abspath(source)  # noqa: PTH100 - a Path would follow links too early
    path, options = _options(source)
    escaped = re.sub(r"[*?\[\]]", lambda magic: f"%{ord(magic[0]):02X}", path)
    place = fs.FileSystem.from_uri(escaped + options)
    return place[0], str(place[1])


def _options(uri: str) -> tuple[str, str]:
    """Return a URI's path, in which `?` is a wildcard, and its options behind another `?`, as `?region=eu-west-1`."""
    path, options = re.fullmatch(r"(.*?)(\?\w+=[^/]*)?", uri).groups(default="")  # type: ignore[union-attr]
    if path.startswith(("gs://", "gcs://")) and GCS_LIMIT not in options:  # which else tries for a quarter of an hour
        options += f"{'&' if options else '?'}{GCS_LIMIT}={GCS_SECONDS}"
    return path, options


def _below(filesystem: Any, folder: str) -> list[Any]:
    infos = filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
    return [
        info
        for info in infos
        if info.type is fs.FileType.File
        and not any(part[0] in "._" for part in str(info.path)[len(folder) :].split("/") if part)
    ]


def _matching(filesystem: Any, pattern: str) -> list[Any]:
    """Return the files that match: `*` and `?` stay within a folder, `**` does not."""
    folder = _fixed_part(pattern)
    if filesystem.get_file_info(folder).type is not fs.FileType.Directory:
        return []
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [wild.get(token) or (token if token.startswith("[") else re.escape(token)) for token in tokens]
    matches = re.compile("".join(parts).replace("[!", "[^"))
    return [info for info in _below(filesystem, folder) if matches.fullmatch(str(info.path))]


def _file(source: str, filesystem: Any, info: Any, roots: Roots) -> File:
    if not isinstance(filesystem, fs.LocalFileSystem):
        name = f"{source.partition('://')[0]}://{info.path}"
        return File(name, str(info.path), filesystem, info.size, info.mtime_ns)
    real = Path(info.path).resolve()
    if roots is not None and not any(real.is_relative_to(Path(root).resolve()) for root in roots):
        raise InvalidData(
            f"{source} lies outside of the folders that this service reads ({', '.join(roots)}); "
            "`chainrule serve --data-root FOLDER` allows another"
        )
    name = source if os.path.abspath(source) == info.path or "://" in source else str(info.path)  # noqa: PTH100
    return File(name, str(real), filesystem, info.size, info.mtime_ns)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidData(f"cannot read {name}: {sentence(error)}") from None
    except UnicodeError:
        shown = name.encode(errors="backslashreplace").decode()
        raise InvalidData(f"cannot read {shown}: the name of a file there is not UTF-8 text") from None
