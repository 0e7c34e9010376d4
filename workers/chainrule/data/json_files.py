"""JSON lines -> tables."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyarrow import json

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.texts import plan_text, texts_of

MOST_DEEP = 1000
TEXT = re.compile(rb'"(?:[^"\\\n]|\\.)*"')


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of whole lines; of a compressed file the whole. `digest` takes in the file's bytes."""
    yield from plan_text(file, dialect, digest, None)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty with the row behind the last table."""
    yield from map(_parse, texts_of(fragment, dialect, None))


def _parse(content: bytes) -> pa.Table:
    if (deep := _too_deep(content)) is not None:
        raise Faulty(f"is nested deeper than {MOST_DEEP:,} levels", deep)
    try:
        return json.read_json(pa.py_buffer(content), json.ReadOptions(use_threads=False, block_size=len(content) + 1))
    except pa.ArrowInvalid as error:
        words = sentence(error).removeprefix("JSON parse error: ")
        row = re.search(r" in row (\d+)", words)
        changed = re.match(r"Column\(/(.*)\) changed from (\w+) to (\w+)", words)
        if changed:
            name, before, now = changed.groups()
            raise Faulty(f"is a {now}, where rows before have a {before}", row and int(row[1]), name) from None
        raise Faulty(f"is not JSON: {words.split(' in row ')[0]}", row and int(row[1])) from None


def _too_deep(content: bytes) -> int | None:
    """Return the first row, from 0, that is nested so deeply that Arrow's parser would overflow the stack."""
    if sum(map(content.count, (b"{", b"["))) - content.count(b"\n") <= MOST_DEEP:  # one for each row is usual
        return None
    bare = np.frombuffer(TEXT.sub(b"", content), np.uint8)
    depth = np.cumsum(np.isin(bare, list(b"{[")) * np.int32(1) - np.isin(bare, list(b"}]")))
    if depth.max(initial=0) <= MOST_DEEP:
        return None
    return int(np.count_nonzero(bare[: depth.argmax()] == ord("\n")))
