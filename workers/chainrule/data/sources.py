"""A source -> its files, their fragments, and the rows of these as tidy tables."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from chainrule.data import column_files, csv_files, idx_files, json_files, numpy_files
from chainrule.data.faults import Fault, Faulty
from chainrule.data.files import File, Roots, find_files
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.streams import PACKINGS
from chainrule.data.surveys import survey
from chainrule.data.tables import tidy
from chainrule.wire.errors import InvalidData


class Format(NamedTuple):
    """How files of a format are cut into fragments, how these are read, and how such files are named."""

    plan: Callable[[File, Dialect, Digest | None], Iterator[Fragment]]
    read: Callable[[Fragment, Dialect], Iterator[pa.Table]]
    suffixes: tuple[str, ...]


FORMATS = {
    "csv": Format(csv_files.plan, csv_files.read, (".csv", ".data", ".txt")),
    "tsv": Format(csv_files.plan, csv_files.read, (".tsv", ".tab")),
    "jsonl": Format(json_files.plan, json_files.read, (".jsonl", ".ndjson")),
    "parquet": Format(column_files.plan_parquet, column_files.read_parquet, (".parquet", ".pq")),
    "arrow": Format(column_files.plan_arrow, column_files.read_arrow, (".arrow", ".feather", ".ipc")),
    "npy": Format(numpy_files.plan_npy, numpy_files.read_npy, (".npy",)),
    "npz": Format(numpy_files.plan_npz, numpy_files.read_npz, (".npz",)),
    "idx": Format(idx_files.plan, idx_files.read, ("-ubyte", ".idx")),
}
PACKED = ("csv", "tsv", "jsonl", "npy", "idx")
SUFFIXES = tuple(
    suffix + packing
    for name, format in FORMATS.items()
    for suffix in format.suffixes
    for packing in ("", *(PACKINGS if name in PACKED else ()))
)
"""How the files of a folder that hold data end."""


def format_of(file: File, dialect: Dialect) -> str:
    """Return the format that the job names, or that the file's name tells; else it is CSV."""
    name = PurePosixPath(file.name).name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    found = (each for each, format in FORMATS.items() if name.endswith(format.suffixes))
    return dialect.format or next(found, "csv")


def look_up(source: str, roots: Roots = None) -> tuple[File, ...]:
    """Return the files of a source. Raises InvalidData."""
    files = find_files(source, SUFFIXES, roots)
    paths = {file.path for file in files}
    labels = {each.path for file in files if "images" in file.path and (each := idx_files.labels_of(file))}
    return tuple(file for file in files if file.path in paths - labels) or files


def scan(file: File, dialect: Dialect) -> Iterator[Fragment | str]:
    """Yield the file's fragments, and at last the SHA-256 of its bytes. Raises InvalidData."""
    digest = hashlib.sha256()
    yield from _fragments(file, dialect, digest)
    yield digest.hexdigest()


def _fragments(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    try:
        yield from FORMATS[format_of(file, dialect)].plan(file, dialect, digest)
    except Faulty as error:
        raise error.fault.found(file.name) from None


@dataclass(frozen=True)
class Failed:
    """A fragment that could not be read on: its fault, in rows behind its last block."""

    fault: Fault


def read_blocks(fragment: Fragment, dialect: Dialect, keep: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a Survey, with the columns to `keep`, and the tidy table that it is of; at last a Failed if need be."""
    try:
        for block in _tidy_tables(fragment, dialect):
            yield survey(block, keep)
            yield block
    except Faulty as error:
        yield Failed(error.fault)


def _tidy_tables(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    tables = FORMATS[format_of(fragment.file, dialect)].read(fragment, dialect)
    return (tidy(table) for table in tables if table.num_rows)


def hash_of(digests: Sequence[tuple[File, str]]) -> str:
    """Return the SHA-256 of one file, or that of several files' names and hashes."""
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{sha256}  {PurePosixPath(file.path).name}\n" for file, sha256 in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def dialect_of(spec: Any) -> Dialect:
    """Return what a job says of its files' format."""
    given = {name: getattr(spec.data, name) for name in ("format", "delimiter", "header", "unpack_limit")}
    return Dialect(**{name: value for name, value in given.items() if value is not None})


def no_rows(source: str) -> InvalidData:
    """Return the error of a source without rows."""
    return InvalidData(f"{source} has no rows")


def rows_of(source: str, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield all rows of a source as tidy tables, one after the other. Raises InvalidData."""
    for file in look_up(source):
        row = 0
        for fragment in _fragments(file, dialect, None):
            try:
                for table in _tidy_tables(fragment, dialect):
                    yield table
                    row += table.num_rows
            except Faulty as error:
                raise error.fault.found(file.name, row + 1) from None
