"""Text of JSON -> pieces of whole objects: of lines, of objects that span lines, and of one array of objects. Pure.

A piece of an array begins with `[` or, where another piece comes before it, with the comma between the two, or with
the array's end.
"""

import re
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.data.faults import Faulty

BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"
MOST_DEEP = 1000
FIRST = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*([^ \t\r\n])")
STEPS = np.zeros(256, np.int8)
STEPS[list(b"{[")], STEPS[list(b"}]")] = 1, -1
"""How much deeper text is nested behind each byte."""
Content: TypeAlias = bytes | bytearray


class _Structure(NamedTuple):
    """The bytes, which of them are outside of texts, and how deep each is nested, within the bracket that it closes."""

    data: NDArray[np.uint8]
    outside: NDArray[np.bool_]
    depth: NDArray[np.int32]


def _structure(content: Content) -> _Structure:
    masked = content
    if b"\\" in content:
        masked = content.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    data = np.frombuffer(masked, np.uint8)
    outside = np.cumsum(data == ord('"'), dtype=np.uint8) % 2 == 0
    return _Structure(data, outside, np.cumsum(STEPS[data] * outside, dtype=np.int32))


def begins_array(content: Content) -> bool:
    """Whether an array begins where a text, or a piece of it, does."""
    return _first(content) == b"["


def is_array(content: Content) -> bool:
    """Whether a piece is of an array."""
    return _first(content) in (b"[", b",", b"]")


def _first(content: Content) -> bytes:
    """Return the first byte that is no blank."""
    found = FIRST.match(content)
    return found[1] if found else b""


def has_lines(head: bytes) -> bool:
    """Whether a text that begins so has an object in each line; if not, objects span lines or are in an array."""
    bare = head.removeprefix(BOM).lstrip(BLANKS)
    line, end, _ = bare.partition(b"\n")
    if begins_array(bare):
        return False
    return not end or (len(line) > 0 and int(_structure(line).depth[-1]) <= 0)


def end_of_objects(content: Content) -> int:
    """Return where the last whole object of a piece ends, 0 where none does."""
    data, outside, depth = _structure(content)
    base = int(begins_array(content))
    ends = np.flatnonzero(outside & (depth <= base) & ((data == ord("}")) | (data == ord("]"))))
    return int(ends[-1]) + 1 if len(ends) else 0


def is_closed(piece: memoryview) -> bool:
    """Whether the array that a piece is of ends in it."""
    content = bytes(piece)
    if b"]" not in content[content.rfind(b"}") + 1 :]:
        return False
    return int(_structure(content).depth[-1]) < int(begins_array(content))


def without_array(content: bytes) -> bytes:
    """Return the objects of a piece of an array without the array's brackets and commas. Raises Faulty."""
    data, outside, depth = _structure(content)
    base = int(begins_array(content))
    apart = outside & (depth <= base)
    bare = np.frombuffer(content, np.uint8).copy()
    bare[apart & (depth == base) & (data == ord(","))] = ord("\n")
    if base:
        bare[content.index(b"[")] = ord(" ")
    closing = np.flatnonzero(apart & (depth < base) & (data == ord("]")))
    if len(closing):
        if content[int(closing[0]) + 1 :].strip(BLANKS):
            raise Faulty("is not JSON: more stands behind the end of its array")
        bare[closing[0]] = ord(" ")
    return bare.tobytes()


def objects_in(content: bytes) -> int:
    """Return how many objects end in a piece."""
    data, outside, depth = _structure(content)
    base = int(begins_array(content))
    return int(np.count_nonzero(outside & (data == ord("}")) & (depth == base)))


def too_deep(content: bytes) -> int | None:
    """Return the first row, from 0, that is nested so deeply that Arrow's parser would overflow the stack."""
    if sum(map(content.count, (b"{", b"["))) - content.count(b"\n") <= MOST_DEEP:  # one for each row is usual
        return None
    depth = _structure(content).depth
    if depth.max(initial=0) <= MOST_DEEP:
        return None
    return objects_in(content[: int((depth > MOST_DEEP).argmax())])
