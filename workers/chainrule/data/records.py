"""Text -> chunks that end where a row ends. Pure."""

from collections.abc import Callable, Iterator

import numpy as np

from chainrule.data.faults import Faulty

CHUNK_BYTES = 16 << 20
LONGEST_ROW = 4 * CHUNK_BYTES
QUOTE, NEWLINES = ord('"'), b"\r\n"


def chunks(fill: Callable[[memoryview], int], delimiter: str | None, size: int | None = None) -> Iterator[memoryview]:
    """Yield what `fill` gives in chunks of whole rows, about `size` bytes each, by default CHUNK_BYTES. Raises Faulty.

    `fill` fills a buffer, and returns how far: all of it but at the end. So the chunks follow from the bytes alone. A
    chunk lasts until the next: one buffer serves all, for new memory costs as much as reading. A line break between
    quotes, in a format that has a `delimiter`, ends no row.
    """
    return chunks_of(fill, lambda data: end_of_rows(data, delimiter), size)


def chunks_of(
    fill: Callable[[memoryview], int], end_of: Callable[[bytearray], int], size: int | None = None
) -> Iterator[memoryview]:
    """Yield chunks as `chunks` does. `end_of` returns where the last whole row of bytes ends, 0 where none does."""
    size = size or CHUNK_BYTES
    data, rest = bytearray(size), b""
    while True:
        data[: len(rest)] = rest
        filled = len(rest) + fill(memoryview(data)[len(rest) :])
        if filled < len(data):
            break
        end = end_of(data)
        if end == 0 and filled >= LONGEST_ROW:
            raise Faulty(f"has a row of more than {LONGEST_ROW >> 20} MiB: is a quote left open?")
        if end:
            yield memoryview(data)[:end]
        rest = bytes(memoryview(data)[end:])
        wanted = max(size, 2 * len(rest)) if end == 0 or len(rest) >= size else size
        data = data if len(data) == wanted else bytearray(wanted)
    if filled:
        yield memoryview(data)[:filled]


def end_of_rows(data: bytes | bytearray, delimiter: str | None) -> int:
    """Return where the last whole row of `data`, which begins with a row, ends; 0 where none does."""
    end = data.rfind(b"\n")
    if delimiter is None or end < 0 or data.find(b'"') < 0:
        return end + 1
    quotes = _quotes(data, delimiter)
    while end >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            break
        end = data.rfind(b"\n", 0, int(quotes[before - 1]))
    return end + 1


def unclosed(data: bytes, delimiter: str) -> int | None:
    """Return the row, from 0, in which a quote opens that never closes; None where all close."""
    if b'"' not in data or len(quotes := _quotes(data, delimiter)) % 2 == 0:
        return None
    lines = np.flatnonzero(np.frombuffer(data, np.uint8, int(quotes[-1])) == NEWLINES[1])
    return int(np.count_nonzero(np.searchsorted(quotes, lines) % 2 == 0))


def _quotes(data: bytes | bytearray, delimiter: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the places of the quotes that open and close values, in turns; another quote is part of a value."""
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    ends = np.zeros(256, np.bool_)
    ends[[*delimiter.encode(), *NEWLINES, QUOTE]] = True
    opening, closing = quotes[::2], quotes[1::2]
    regular = ends[text[opening[opening > 0] - 1]].all() and ends[text[closing[closing < len(text) - 1] + 1]].all()
    return quotes if regular else np.fromiter(_walk(data, delimiter), np.int64)


def _walk(data: bytes | bytearray, delimiter: str) -> Iterator[int]:
    """Yield the same, one value after the other: for text with quotes within values that have none around them."""
    starts, place, opened = delimiter.encode() + NEWLINES, 0, False
    while (found := data.find(b'"', place)) >= 0:
        place = found + 1
        if not opened and (found == 0 or data[found - 1] in starts):
            opened = True
            yield found
        elif opened and data[place : place + 1] == b'"':
            place += 1
        elif opened:
            opened = False
            yield found
