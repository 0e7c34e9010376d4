"""JSON lines -> tables."""

import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import json

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.records import chunks
from chainrule.data.streams import feed, unpacked


def plan(file: File, _: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield the whole file. `digest` takes in its bytes."""
    feed(file, digest)
    yield Fragment(file)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty with the row behind the last table."""
    with unpacked(fragment.file, dialect.unpack_limit) as read_next:
        for chunk in chunks(read_next, None):
            yield _parse(bytes(chunk))


def _parse(content: bytes) -> pa.Table:
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
