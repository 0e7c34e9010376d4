"""A source -> its files, their fragments, and the rows of these as tidy tables."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from chainrule.data import column_files, csv_files, idx_files, json_files, numpy_files
from chainrule.data.faults import Fault, Faulty
from chainrule.data.files import File, Roots, find_files
from chainrule.data.fragments import ALL, Dialect, Digest, Fragment, Selection
from chainrule.data.streams import PACKINGS
from chainrule.data.surveys import survey
from chainrule.data.tables import check_count, check_names, tidy
from chainrule.data.values import ValueFormat
from chainrule.wire.errors import InvalidData
from chainrule.wire.spec import JobSpec


class Format(NamedTuple):
    """How files of a format are cut into fragments, how these are read, and how such files are named."""

    plan: Callable[[File, Dialect, Digest | None], Iterator[Fragment]]
    read: Callable[[Fragment, Dialect], Iterator[pa.Table]]
    suffixes: tuple[str, ...]


def _read_npz(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    return numpy_files.read_npz(fragment, dialect, dialect.part)


FORMATS = {
    "csv": Format(csv_files.plan, csv_files.read, (".csv", ".data", ".txt")),
    "tsv": Format(csv_files.plan, csv_files.read, (".tsv", ".tab")),
    "jsonl": Format(json_files.plan, json_files.read, (".jsonl", ".ndjson", ".json")),
    "parquet": Format(column_files.plan_parquet, column_files.read_parquet, (".parquet", ".pq")),
    "arrow": Format(column_files.plan_arrow, column_files.read_arrow, (".arrow", ".feather", ".ipc")),
    "npy": Format(numpy_files.plan_npy, numpy_files.read_npy, (".npy",)),
    "npz": Format(numpy_files.plan_npz, _read_npz, (".npz",)),
    "idx": Format(idx_files.plan, idx_files.read, ("-ubyte", ".idx")),
}
TEXTUAL = ("csv", "tsv", "jsonl")
"""The formats in which a number is written with digits that the number does not keep."""
REPEATED = b"repeated"
"""The metadata of a table that names the columns of its file that come more than once."""
POSITIONAL = ("npy", "idx")
"""The formats whose columns have no names of their own."""
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


def open_source(
    source: str, dialect: Dialect, roots: Roots = None, columns: Collection[str] = ()
) -> tuple[tuple[File, ...], Dialect, tuple[str, ...]]:
    """Return the files of a source, the dialect with all that the first of them tells, and why. Raises InvalidData.

    Where the first line lacks some of the `columns`, the delimiter and the encoding are guessed again, if that helps.
    """
    files = look_up(source, roots)
    first = next((file for file in files if file.size), files[0])
    if format_of(first, dialect) not in ("csv", "tsv"):
        return files, dialect, ()
    try:
        settled, reasons = csv_files.settle(first, dialect, columns)
    except Faulty as error:
        raise error.fault.found(first.name) from None
    return files, settled, reasons


def has_names(file: File, dialect: Dialect) -> bool:
    """Return whether a file names its columns itself."""
    format = format_of(file, dialect)
    return format not in POSITIONAL and not (format in ("csv", "tsv") and dialect.header is False)


def columns_of_file(file: File, dialect: Dialect) -> tuple[str, ...] | None:
    """Return the columns that the first rows of a file have; None where it has no rows. Raises InvalidData."""
    fragment = next(iter(_fragments(file, dialect, None)), None)
    tables = () if fragment is None else tidy_tables(fragment, dialect, lenient=True)
    try:
        return next((names for _, names in tables), None)
    except Faulty as error:
        raise error.fault.found(file.name) from None


@dataclass(frozen=True)
class Empty:
    """What a file among others comes to that has no bytes."""

    warning: str


def scan(file: File, dialect: Dialect) -> Iterator[Fragment | Empty | str]:
    """Yield the file's fragments, and at last the SHA-256 of its bytes. Raises InvalidData."""
    digest = hashlib.sha256()
    if file.size == 0 and file.one_of_several:
        yield Empty(f"{file.name} is empty and is left out")
    else:
        yield from _fragments(file, dialect, digest)
    yield digest.hexdigest()


def _fragments(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    try:
        yield from FORMATS[format_of(file, dialect)].plan(file, dialect, digest)
    except Faulty as error:
        raise error.fault.found(file.name) from None


@dataclass(frozen=True)
class Failed:
    """A fragment that could not be read on: its fault, in rows after its last block."""

    fault: Fault


def read_blocks(fragment: Fragment, dialect: Dialect, keep: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a Survey, with the columns to `keep`, and the tidy table that it is of; at last a Failed if need be."""
    try:
        for block, names in tidy_tables(fragment, dialect):
            yield survey(block, keep, dialect.values, names)
            yield block
    except Faulty as error:
        yield Failed(error.fault)


def tidy_tables(
    fragment: Fragment, dialect: Dialect, *, lenient: bool = False
) -> Iterator[tuple[pa.Table, tuple[str, ...]]]:
    """Yield the columns that are read as tidy tables, each with the names of all columns. Raises Faulty.

    Of two columns with one name, which are refused otherwise, a `lenient` reader sees the first.
    """
    format, file = format_of(fragment.file, dialect), fragment.file
    words = dialect.values.missing_words if _words_are_missing(format, dialect) else ("",)
    for table in FORMATS[format].read(fragment, dialect):
        if table.num_rows:
            table = with_partition(table, file.partition)
            here, known = table.column_names, set(fragment.names)
            names = (*fragment.names, *(name for name in here if name not in known))
            check_count(len(names))
            wanted = [i for i, name in enumerate(here) if fragment.selection.wants(name)]
            if lenient:
                twice = [name for name, count in Counter(here).items() if count > 1]
                wanted = sorted({here[i]: i for i in reversed(wanted)}.values())
            check_names([here[i] for i in wanted])
            tidied = tidy(table.select(wanted), words if format not in ("csv", "tsv") else ())
            yield (with_repeated(tidied, twice) if lenient and twice else tidied), names


def with_repeated(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the table with the note that its file has more columns of these names."""
    return table.replace_schema_metadata({REPEATED: json.dumps(names).encode()})


def repeated(table: pa.Table) -> list[str]:
    """Return the names of which the table's file has more columns."""
    names: list[str] = json.loads((table.schema.metadata or {}).get(REPEATED, b"[]"))
    return names


def _words_are_missing(format: str, dialect: Dialect) -> bool:
    """Whether words stand for missing values: where nothing else does, or where the job names the words."""
    return format in ("npy", "npz", "idx") or dialect.values.missing is not None


def with_partition(table: pa.Table, partition: tuple[tuple[str, str | None], ...]) -> pa.Table:
    """Return the table with the columns that the file's path names."""
    for name, value in partition:
        if name not in table.column_names:
            codes = pa.array([0 if value is not None else None], pa.int32()).take(pa.array([0] * table.num_rows))
            column = pa.DictionaryArray.from_arrays(codes, pa.array([] if value is None else [value], pa.string()))
            table = table.append_column(name, column)
    return table


def hash_of(digests: Sequence[tuple[File, str]]) -> str:
    """Return the SHA-256 of one file, or that of several files' names and hashes."""
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{sha256}  {PurePosixPath(file.path).name}\n" for file, sha256 in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def dialect_of(spec: JobSpec) -> Dialect:
    """Return what a job says of its files' format."""
    data = spec.data
    values = ValueFormat(data.decimal, data.thousands, data.missing_values, data.date_format)
    return Dialect(data.format, data.delimiter, data.header, data.unpack_limit, data.encoding, values=values)


def no_rows(source: str) -> InvalidData:
    """Return the error of a source without rows."""
    return InvalidData(f"{source} has no rows")


def rows_of(
    files: Sequence[File], dialect: Dialect, selection: Selection = ALL, *, lenient: bool = False
) -> Iterator[tuple[pa.Table, File, int]]:
    """Yield all rows as tidy tables, one after the other, each with its file and place there. Raises InvalidData."""
    for file in files:
        row = 0
        for fragment in () if file.size == 0 and len(files) > 1 else _fragments(file, dialect, None):
            try:
                for table, _ in tidy_tables(replace(fragment, selection=selection), dialect, lenient=lenient):
                    yield table, file, row
                    row += table.num_rows
            except Faulty as error:
                raise error.fault.found(file.name, row + 1) from None
