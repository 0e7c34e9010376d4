"""Files of text -> fragments of whole rows, and the text of these, in pieces that are parsed at once."""

from collections.abc import Iterator, Sequence

from chainrule.data.files import File
from chainrule.data.fragments import Dialect, Digest, Fragment
from chainrule.data.records import chunks
from chainrule.data.streams import UTF8, feed, filling, packing


def plan_text(
    file: File,
    dialect: Dialect,
    digest: Digest | None,
    delimiter: str | None,
    names: Sequence[str] = (),
    start: int = 0,
    encoding: str = UTF8,
) -> Iterator[Fragment]:
    """Yield ranges of whole rows from `start` on, in bytes of UTF-8. `digest` takes in the file's bytes.

    A file that is compressed, or in another encoding, is one fragment.
    """
    if packing(file.name) or encoding != UTF8:
        feed(file, digest)
        yield Fragment(file, tuple(names), start, encoding=encoding)
        return
    with filling(file, dialect.unpack_limit, digest=digest) as fill:
        end = 0
        for chunk in chunks(fill, delimiter):
            begin, end = max(end, start), end + len(chunk)
            if begin < end:
                yield Fragment(file, tuple(names), begin, end)


def texts_of(fragment: Fragment, dialect: Dialect, delimiter: str | None) -> Iterator[bytes]:
    """Yield the text of a fragment."""
    if fragment.stop is not None:
        with fragment.file.open() as opened:
            opened.seek(fragment.start)
            yield opened.read(fragment.stop - fragment.start)
        return
    encoding = fragment.encoding or dialect.encoding or UTF8
    with filling(fragment.file, dialect.unpack_limit, encoding) as fill:
        fill(memoryview(bytearray(fragment.start)))
        yield from map(bytes, chunks(fill, delimiter))
