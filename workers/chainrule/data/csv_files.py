"""CSV and TSV -> tables. Every value is read as the text that it is; texts that are all numbers become numbers."""

import codecs
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.magic import wrong_name
from chainrule.data.records import LONGEST_ROW, end_of_rows, unclosed
from chainrule.data.sniffing import Guess, guess
from chainrule.data.streams import UTF8, unpacked
from chainrule.data.tables import check_count, encoded, whole
from chainrule.data.texts import plan_text, texts_of
from chainrule.data.values import ValueFormat, parse_dates, plain_numbers

HEAD_BYTES, PARSED_BYTES = 1 << 20, 1 << 18
FIRST_ROWS = 64
"""The values of a column with blanks that are tried first, before all are."""
OTHER_ENCODING = '; data.encoding = "windows-1252" may read it'
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def settle(file: File, dialect: Dialect, columns: Collection[str] = ()) -> tuple[Dialect, tuple[str, ...]]:
    """Return the dialect with all that the first rows tell of it, and the reasons. Raises Faulty.

    Where the header line lacks some of the `columns`, delimiter and encoding are found again, if they are there then.
    """
    head = sniff(file, dialect)
    if head.guess.header and not head.guess.covers(columns):
        other = sniff(file, replace(dialect, delimiter=None, encoding=None))
        head = other if other.guess.covers(columns) else head
    found = head.guess
    given = dialect.given_delimiter(file)
    delimiter = dialect.delimiter if given == "\t" else found.delimiter  # the name tells it: others may have another
    settled = replace(dialect, delimiter=delimiter, header=found.header, encoding=head.encoding)
    return replace(settled, guessed=dialect.guessed or dialect.delimiter is None), found.reasons


class Head(NamedTuple):
    """The first rows of a file: their encoding, their text, and what they tell."""

    encoding: str
    text: str
    guess: Guess


def sniff(file: File, dialect: Dialect) -> Head:
    """Return the first rows of a file, and what they tell. Raises Faulty."""
    raw = _first_bytes(file, dialect)
    if (wrong := wrong_name(file.name, raw, "CSV")) is not None:
        raise Faulty(wrong)
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), None)
    encoding = marked or dialect.encoding or UTF8
    head = decoded_head(raw, encoding)
    if not head.strip("\ufeff\r\n"):
        raise Faulty(f"is not a CSV file{'' if dialect.header is False else ' with a header line'}: it is empty")
    _check_first_line(head, dialect.given_delimiter(file) or ",")
    found = guess(head.removeprefix("\ufeff"), dialect.given_delimiter(file), dialect.header, dialect.values.decimal)
    check_count(len(found.names))
    return Head(encoding, head, found)


def _first_bytes(file: File, dialect: Dialect) -> bytes:
    """Return the first bytes of the unpacked file, with its first row."""
    wanted = HEAD_BYTES
    with unpacked(file, dialect.unpack_limit) as read:
        head = read(wanted)
        while len(head) == wanted <= LONGEST_ROW and b"\n" not in head.lstrip(b"\xef\xbb\xbf\r\n"):
            head, wanted = head + read(wanted), 2 * wanted
    return head


def decoded_head(raw: bytes, encoding: str) -> str:
    """Return the text of a file's first bytes, which may end within a character. Raises Faulty for the first line."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError as error:
        if b"\n" in raw[: error.start].lstrip(b"\r\n"):  # the row is named when it is read
            return codecs.getincrementaldecoder(encoding)("replace").decode(raw)
        raise Faulty(f"is not {encoding.upper()} text in its header line{OTHER_ENCODING}") from None
    except UnicodeError as error:  # UTF-16 without a byte order mark
        raise Faulty(f"is not {encoding.upper()} text: {error}") from None


def _check_first_line(head: str, delimiter: str) -> None:
    begin = len(head) - len(head.lstrip("\ufeff\r\n"))
    data = head[begin:].encode()
    end = data.find(b"\n") + 1
    while end and end_of_rows(data[:end], delimiter) == 0:
        end = data.find(b"\n", end) + 1
    line = data[: end or len(data)].rstrip(b"\r\n")
    if unclosed(line, delimiter) is not None:
        raise Faulty("has a quote in its first line that is never closed")
    if b"\r" in line and b'"' not in line:
        raise Faulty("has lines that end in CR alone, as on old Macs; end them in LF")
    if b"\0" in line:
        raise Faulty("has a NUL byte in its first line")


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of whole rows; of a compressed file the whole. `digest`, if any, takes in the file's bytes."""
    head = sniff(file, dialect)
    found, start = head.guess, _first_data_byte(head.text.encode(), head.guess)
    fragments = plan_text(file, dialect, digest, found.delimiter, found.names, start, head.encoding)
    return (replace(each, surplus=found.surplus, delimiter=found.delimiter) for each in fragments)


def _first_data_byte(text: bytes, found: Guess) -> int:
    """Return where the first row of values begins in a text, in bytes."""
    begin = len(text) - len(text.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    for _ in range(found.skipped + found.header):
        begin += len(text[begin:]) - len(text[begin:].lstrip(b"\r\n"))
        end = text.find(b"\n", begin) + 1
        while end and end_of_rows(text[begin:end], found.delimiter) == 0:
            end = text.find(b"\n", end) + 1
        begin = end or len(text)
    return begin


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty with the row after the last table."""
    delimiter = fragment.delimiter
    for content in texts_of(fragment, dialect, delimiter):
        yield _typed(_parse(content, fragment, dialect, delimiter), fragment, dialect.values)


def _parse(content: bytes, fragment: Fragment, dialect: Dialect, delimiter: str) -> pa.Table:
    nul = content.find(b"\0")
    if nul >= 0:
        raise Faulty("has a NUL byte", content.count(b"\n", 0, nul))
    if content.count(b'"') % 2 and (row := unclosed(content, delimiter)) is not None:  # Arrow would take it all
        raise Faulty("has a quote that is never closed", row)
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parsing = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    try:
        return _table(content, fragment, parsing, dialect.values, PARSED_BYTES)
    except pa.ArrowInvalid as error:
        if ragged:
            expected, first = len(fragment.names), "first row" if dialect.header is False else "header line"
            problem = f"has {ragged[0].actual_columns} values, the {first} {expected}"
            raise Faulty(problem, ragged[0].number - 1) from None
        raise Faulty(f"is not a CSV file: {sentence(error)}") from None


def _table(content: bytes, fragment: Fragment, parsing: Any, values: ValueFormat, size: int) -> pa.Table:
    """Return the texts, parsed in parts that stay in the cache; in larger ones where a row is longer than these."""
    places = list(map(str, range(len(fragment.names) + fragment.surplus)))  # names may come twice
    wanted = [place for place, name in zip(places, fragment.names, strict=False) if fragment.selection.wants(name)]
    wanted += places[len(fragment.names) :]
    reading = csv.ReadOptions(column_names=places, use_threads=False, block_size=size)
    conversion = csv.ConvertOptions(
        null_values=list(values.missing_words),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        column_types=dict.fromkeys(wanted, pa.string()),
        include_columns=wanted,
    )
    try:
        return csv.read_csv(pa.py_buffer(content), reading, parsing, conversion)
    except pa.ArrowInvalid as error:
        if "invalid UTF8" in str(error):
            raise _undecodable(content, fragment, parsing) from None
        if "straddling" not in str(error) or size >= len(content):
            raise
        return _table(content, fragment, parsing, values, len(content))


def _typed(table: pa.Table, fragment: Fragment, values: ValueFormat) -> pa.Table:
    """Return the table with the names of its columns and with numbers where all texts are some."""
    names, columns = [], []
    for place, column in zip(map(int, table.column_names), table.columns, strict=True):
        if place == len(fragment.names):
            _check_surplus(column, fragment)
            continue
        names.append(fragment.names[place])
        columns.append(typed(whole(column), values, text=names[-1] in fragment.selection.text))
    if not columns:
        return pa.table({"": pa.nulls(table.num_rows)}).select([])
    return pa.Table.from_arrays(columns, names=names)


def typed(texts: Any, values: ValueFormat, *, text: bool = False) -> Any:
    """Return a column as numbers where all its texts are some and its words are not wanted, else as TEXT.

    A null is a missing value; a word for one that is still there was quoted, or has blanks around it.
    """
    if texts.null_count == len(texts):
        return pa.nulls(len(texts))
    if not text and not _are_dates(texts[:FIRST_ROWS], values):
        numbers = plain_numbers(texts, values)
        if numbers is None and plain_numbers(_trimmed(texts[:FIRST_ROWS], values), values) is not None:
            numbers = plain_numbers(_trimmed(texts, values), values)
        if numbers is not None:
            return numbers
    return encoded(texts, values.missing_words, protected=[word for word in values.missing_words if word])


def _are_dates(texts: Any, values: ValueFormat) -> bool:
    """Whether texts that may be numbers are all dates in the job's format, as 20200105 in %Y%m%d."""
    return values.date_format is not None and bool(parse_dates(texts.drop_null(), values.date_format)[1].all())


def _trimmed(texts: Any, values: ValueFormat) -> Any:
    """Return the texts without blanks around them; words for missing values that had some are null."""
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, pa.array(values.missing_words, pa.string()))
    return pc.if_else(pc.and_(absent, pc.not_equal(trimmed, texts)), None, trimmed)


def _undecodable(content: bytes, fragment: Fragment, parsing: Any) -> Faulty:
    """Return what is wrong with the first value that is not UTF-8."""
    places = list(map(str, range(len(fragment.names) + fragment.surplus)))
    reading = csv.ReadOptions(column_names=places, use_threads=False, block_size=len(content) + 1)
    conversion = csv.ConvertOptions(column_types=dict.fromkeys(places, pa.binary()))
    table = csv.read_csv(pa.py_buffer(content), reading, parsing, conversion)
    for name, column in zip(fragment.names, table.columns, strict=False):
        for row, value in enumerate(column.to_pylist()):
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                return Faulty(f"is not UTF-8 text{OTHER_ENCODING}", row, name)
    return Faulty(f"is not UTF-8 text{OTHER_ENCODING}")


def _check_surplus(column: Any, fragment: Fragment) -> None:
    """Raise Faulty where the value after a row's last delimiter is not empty."""
    rows = pc.indices_nonzero(column.is_valid())
    if len(rows):
        count = len(fragment.names)
        raise Faulty(f"has {count + 1} values, the header line {count}", int(rows[0].as_py()))
