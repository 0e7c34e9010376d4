"""JSON -> tables: an object in each line, objects that span lines, or one array of objects."""

import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import json

from chainrule.data.faults import Faulty
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.json_rows import table_of_objects
from chainrule.data.json_text import (
    BOM,
    MOST_DEEP,
    begins_array,
    end_of_objects,
    has_lines,
    is_array,
    is_closed,
    objects_in,
    too_deep,
    without_array,
)
from chainrule.data.magic import HEAD_BYTES
from chainrule.data.records import chunks, chunks_of
from chainrule.data.streams import Fill, check_name, feed, filling, packing
from chainrule.data.tables import whole

FIRST_BYTES = 1 << 20
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of whole objects; of a compressed file the whole. `digest` takes in the file's bytes."""
    if packing(file.name):
        feed(file, digest)
        yield Fragment(file)
        return
    with filling(file, dialect.unpack_limit, digest=digest) as fill:
        end = 0
        for piece in _pieces(file, fill):
            begin, end = end, end + len(piece)
            yield Fragment(file, start=begin, stop=end)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Texts are never dates; the columns `as_text` of the fragment are texts in the file's own words.

    So are columns with values of several kinds. Raises Faulty with the row behind the last table.
    """
    parser = _Parser(fragment.as_text, dialect.values.decimal)
    for content in _contents(fragment, dialect):
        yield parser.parse(content.removeprefix(BOM))


def _contents(fragment: Fragment, dialect: Dialect) -> Iterator[bytes]:
    """Yield the text of a fragment in pieces of whole objects."""
    if fragment.stop is not None:
        with fragment.file.open() as opened:
            opened.seek(fragment.start)
            yield bytes(opened.read(fragment.stop - fragment.start))
        return
    with filling(fragment.file, dialect.unpack_limit) as fill:
        yield from map(bytes, _pieces(fragment.file, fill))


def _pieces(file: File, fill: Fill) -> Iterator[memoryview]:
    """Yield pieces of whole objects. Raises Faulty where the file is no JSON, or an array in it is not closed."""
    buffer = memoryview(bytearray(FIRST_BYTES))
    head = bytes(buffer[: fill(buffer)])
    check_name(file, head[:HEAD_BYTES], "JSON")
    if head[:2] in UTF16:
        raise Faulty("is UTF-16 text, not UTF-8")
    fill = _again(head, fill)
    if has_lines(head):
        yield from chunks(fill, None)
        return
    closed = not begins_array(head)
    for piece in chunks_of(fill, end_of_objects):
        if is_closed(piece):
            closed = True
        yield piece
    if not closed:
        raise Faulty("is not a whole JSON file: its array is never closed")


def _again(head: bytes, fill: Fill) -> Fill:
    """Return what fills buffers with the head, which has been read, and then with what comes behind it."""
    rest = memoryview(head)

    def fill_again(buffer: memoryview) -> int:
        nonlocal rest
        count = min(len(rest), len(buffer))
        buffer[:count] = rest[:count]
        rest = rest[count:]
        return count + fill(buffer[count:]) if count < len(buffer) else count

    return fill_again


class _Parser:
    """Parses one piece after the other; remembers which columns hold texts that Arrow takes for dates."""

    def __init__(self, as_text: tuple[str, ...], decimal: str = ".") -> None:
        self._as_text, self._decimal = as_text, decimal
        self._dates: dict[str, pa.Field] = {}
        self._order: dict[str, None] = {}

    def parse(self, content: bytes) -> pa.Table:
        """Return the rows of a piece. Raises Faulty."""
        content = _checked(without_array(content) if is_array(content) else content)
        try:
            table = self._by_arrow(content)
        except pa.ArrowInvalid:
            table = table_of_objects(content, self._as_text, self._decimal)
        self._order |= dict.fromkeys(table.column_names)
        return table.select([name for name in self._order if name in table.column_names])

    def _by_arrow(self, content: bytes) -> pa.Table:
        table = _read(content, self._dates)
        self._order |= dict.fromkeys(table.column_names)
        dates = {field.name: pa.field(field.name, pa.string()) for field in table.schema if _is_time(field.type)}
        if dates:
            self._dates |= dates
            table = _read(content, self._dates)
        for place, name in enumerate(table.column_names):
            if name in self._as_text:
                told = _in_words(table.column(place), content)
                if told is None:
                    return table_of_objects(content, self._as_text, self._decimal)
                table = table.set_column(place, name, told)
        return table


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind))


def _read(content: bytes, texts: dict[str, pa.Field]) -> pa.Table:
    options = json.ParseOptions(explicit_schema=pa.schema(list(texts.values())) if texts else None)
    reading = json.ReadOptions(use_threads=False, block_size=len(content) + 1)
    return json.read_json(pa.py_buffer(content), reading, options)


def _in_words(column: pa.ChunkedArray, content: bytes) -> pa.Array | None:
    """Return a column as texts in the file's own words, None where it no longer tells these."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return whole(column).cast(pa.string())
    if pa.types.is_integer(kind) and not re.search(rb":\s*-0", content):
        return whole(column).cast(pa.string())
    return None


def _checked(content: bytes) -> bytes:
    """Return a piece. Raises Faulty where it is not UTF-8, or nested too deeply."""
    if (deep := too_deep(content)) is not None:
        raise Faulty(f"is nested deeper than {MOST_DEEP:,} levels", deep)
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise Faulty("is not UTF-8 text", objects_in(content[: error.start])) from None
    return content
