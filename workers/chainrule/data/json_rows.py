"""Objects of JSON -> a table, by Python's parser: what Arrow refuses, and columns whose numbers are wanted as written.

Of a key that an object has twice, the last value holds.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from chainrule.data.faults import Faulty

BLANK = re.compile(r"[ \t\r\n]*")
KINDS = {str: "string", bool: "boolean", list: "array", dict: "object", type(None): "null"}
LARGEST = 1 << 63


class _Number(str):
    """The words of a number."""

    __slots__ = ()


DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_Number, strict=False)


def table_of_objects(content: bytes, as_text: Sequence[str] = (), decimal: str = ".") -> pa.Table:
    """Return objects, with blanks between them, as a table; columns in the order in which they first appear.

    The columns `as_text`, and those whose values are of several kinds, are texts: the file's own words for numbers,
    booleans, arrays and objects. Where a column is not `as_text`, numbers among its texts have their `decimal` mark.
    Other columns are as Arrow reads them, but texts are never dates. Raises Faulty.
    """
    rows = list(_objects(content.decode()))
    names = dict.fromkeys(name for row in rows for name in row)
    if not names:
        return pa.table({"": pa.nulls(len(rows))}).select([])
    wrong = next((name for name in names if not _is_unicode(name)), None)
    if wrong is not None:
        raise Faulty("has a key that is not Unicode text", next(i for i, row in enumerate(rows) if wrong in row))
    marks = {name: "." if name in as_text else decimal for name in names}
    return pa.table(
        {name: _column([row.get(name) for row in rows], name, name in as_text, marks[name]) for name in names}
    )


def _objects(text: str) -> Iterator[dict[str, Any]]:
    row, place = 0, _next(text, 0)
    while place < len(text):
        try:
            value, place = DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise Faulty(f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", row) from None
        except RecursionError:
            raise Faulty("is nested too deeply", row) from None
        if not isinstance(value, dict):
            raise Faulty(f"is not JSON with an object in each row, but {_kind(value)}", row)
        yield value
        row, place = row + 1, _next(text, place)


def _next(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    assert found  # noqa: S101 - the pattern matches nothing, too
    return found.end()


def _kind(value: Any) -> str:
    word = "number" if isinstance(value, _Number) else KINDS[type(value)]
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _column(values: list[Any], name: str, as_text: bool, decimal: str) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string() if as_text else pa.null())
    if not as_text:
        if kinds == {_Number}:
            return _numbers(values)
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds <= {list, dict} and (nested := _nested(values)) is not None:
            return nested
    mark = "." if as_text else decimal
    words = (value.replace(".", mark) if isinstance(value, _Number) else value for value in values)
    return _texts([None if value is None else _words(value) for value in words], name)


def _numbers(values: Sequence[str | None]) -> pa.Array:
    """Return whole numbers of 64 bits where all are such, else floating-point numbers."""
    try:
        whole = [None if value is None else int(value) for value in values]
    except ValueError:
        whole = None
    if whole is not None and all(value is None or -LARGEST <= value < LARGEST for value in whole):
        return pa.array(whole, pa.int64())
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _nested(values: list[Any]) -> pa.Array | None:
    """Return arrays or objects as Arrow has them, None where their values are of several kinds."""
    try:
        return pa.array([_plain(value) for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, _Number):
        return float(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def _words(value: Any) -> str:
    """Return a value in the file's words."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_inner, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {_inner(each)}' for name, each in value.items())}}}"
    return json.dumps(value)


def _inner(value: Any) -> str:
    return json.dumps(value) if type(value) is str else _words(value)


def _texts(values: list[str | None], name: str) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        row = next(row for row, value in enumerate(values) if value is not None and not _is_unicode(value))
        raise Faulty("is not Unicode text", row, name) from None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
