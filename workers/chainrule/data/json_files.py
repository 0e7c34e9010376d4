"""JSON lines -> tables."""

import re
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import json

from chainrule.data.faults import Faulty, sentence
from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.texts import plan_text, texts_of


def plan(file: File, dialect: Dialect, digest: Digest | None) -> Iterator[Fragment]:
    """Yield ranges of whole lines; of a compressed file the whole. `digest` takes in the file's bytes."""
    yield from plan_text(file, dialect, digest, None)


def read(fragment: Fragment, dialect: Dialect) -> Iterator[pa.Table]:
    """Yield the rows. Raises Faulty with the row behind the last table."""
    yield from map(_parse, texts_of(fragment, dialect, None))


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
