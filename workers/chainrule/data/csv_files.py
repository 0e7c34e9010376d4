"""CSV and TSV -> tables."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import csv

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.records import LONGEST_ROW, end_of_rows, unclosed
from chainrule.data.streams import unpacked
from chainrule.data.tables import MISSING_WORDS, check_count, check_names
from chainrule.data.texts import plan_text, texts_of

HEAD_BYTES, PARSED_BYTES = 1 << 20, 1 << 19
NULLS = [blank + word for word in MISSING_WORDS for blank in ("", " ")]
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of whole rows; of a compressed file the whole. `digest`, if any, takes in the file's bytes."""
    names, start = header(file, dialect)
    yield from plan_text(file, dialect, digest, dialect.delimiter_of(file), names, start)


def header(file: File, dialect: Dialect) -> tuple[tuple[str, ...], int]:
    """Return the columns' names and where the first row begins, in unpacked bytes. Raises Faulty."""
    begin, line, end = first_row(file, dialect)
    if not line:
        raise Faulty(f"is not a CSV file{' with a header line' if dialect.header else ''}: it is empty")
    delimiter = dialect.delimiter_of(file)
    if b'"' not in line:
        check_count(line.count(delimiter.encode()) + 1)  # Arrow would need the square of their number to tell
    try:
        reading, parsing = csv.ReadOptions(block_size=len(line) + 1), csv.ParseOptions(delimiter=delimiter)
        names = csv.read_csv(pa.py_buffer(line + b"\n"), reading, parsing).column_names
    except UnicodeDecodeError:
        raise Faulty("is not UTF-8 text in its header line") from None
    except pa.ArrowInvalid as error:
        raise Faulty(f"is not a CSV file: {sentence(error)}") from None
    check_count(len(names))
    if not dialect.header:
        return tuple(f"f{i}" for i in range(len(names))), begin
    check_names(names)
    return tuple(names), end


def first_row(file: File, dialect: Dialect) -> tuple[int, bytes, int]:
    """Return where the first row begins, its bytes, none in an empty file, and where it ends. Raises Faulty."""
    wanted, delimiter = HEAD_BYTES, dialect.delimiter_of(file)
    with unpacked(file, dialect.unpack_limit) as read:
        head = read(wanted)
        while len(head) == wanted <= LONGEST_ROW and b"\n" not in head.lstrip(b"\xef\xbb\xbf\r\n"):
            head, wanted = head + read(wanted), 2 * wanted
    if head[:2] in UTF16:
        raise Faulty("is UTF-16 text, not UTF-8")
    begin = len(head) - len(head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    end = _end_of_first(head, begin, delimiter)
    line = head[begin:end].rstrip(b"\r\n")
    if unclosed(line, delimiter) is not None:
        raise Faulty("has a quote in its first line that is never closed")
    if b"\r" in line and b'"' not in line:
        raise Faulty("has lines that end in CR alone, as on old Macs; end them in LF")
    if b"\0" in line:
        raise Faulty("has a NUL byte in its first line")
    return begin, line, end


def _end_of_first(head: bytes, begin: int, delimiter: str) -> int:
    end = head.find(b"\n", begin) + 1
    while end and end_of_rows(head[begin:end], delimiter) == 0:
        end = head.find(b"\n", end) + 1
    return end or len(head)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty with the row behind the last table."""
    for content in texts_of(fragment, dialect, dialect.delimiter_of(fragment.file)):
        yield _parse(content, fragment, dialect)


def _parse(content: bytes, fragment: Fragment, dialect: Dialect) -> pa.Table:
    nul = content.find(b"\0")
    if nul >= 0:
        raise Faulty("has a NUL byte", content.count(b"\n", 0, nul))
    delimiter = dialect.delimiter_of(fragment.file)
    if content.count(b'"') % 2 and (row := unclosed(content, delimiter)) is not None:  # Arrow would take it all
        raise Faulty("has a quote that is never closed", row)
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parsing = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    try:
        return _table(content, fragment, parsing, PARSED_BYTES)
    except pa.ArrowInvalid as error:
        if ragged:
            whole = "header line" if dialect.header else "first row"
            problem = f"has {ragged[0].actual_columns} values, the {whole} {ragged[0].expected_columns}"
            raise Faulty(problem, ragged[0].number - 1) from None
        raise Faulty(f"is not a CSV file: {sentence(error)}") from None


def _table(content: bytes, fragment: Fragment, parsing: Any, size: int) -> pa.Table:
    """Return the table, parsed in parts that stay in the cache; in larger ones where a row is longer than these."""
    reading = csv.ReadOptions(column_names=fragment.names, use_threads=False, block_size=size)
    try:
        return csv.read_csv(pa.py_buffer(content), reading, parsing, _conversion(fragment))
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error) or size >= len(content):
            raise
        return _table(content, fragment, parsing, len(content))


def _conversion(fragment: Fragment) -> Any:
    return csv.ConvertOptions(
        null_values=NULLS,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        column_types={name: pa.string() for name in fragment.as_text},
    )
