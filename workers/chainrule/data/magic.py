"""What a file is by its first bytes, and the sentence where its name says something else. Pure."""

import re
import struct
from collections.abc import Iterator

HEAD_BYTES = 4096
"""This many bytes tell everything."""
GZIP, ZSTD, ZIP = "a gzip-compressed file", "a zstd-compressed file", "a zip archive"
PARQUET, ARROW, NPY, NPZ, IDX = "a Parquet file", "an Arrow IPC file", "an NPY file", "an NPZ file", "an IDX file"
EXCEL, FEATHER_1 = "an Excel workbook", "a file of Feather version 1"
HTML, POINTER = "an HTML page", "a Git LFS pointer"
PACKED_TWICE = "is compressed twice: unpack it once"
PATTERNS = (
    (rb"\x1f\x8b", GZIP),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "a bzip2-compressed file"),
    (rb"\xfd7zXZ\0", "an xz-compressed file"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", ZSTD),
    (rb"\x04\x22\x4d\x18", "an lz4-compressed file"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a rar archive"),
    (rb".{257}ustar", "a tar archive"),
    (rb"PAR[1E](?![\t\n\r -~])", PARQUET),
    (rb"ARROW1\0\0|\xff{4}..[\0-\x0f]\0[\x08-\x20]\0\0\0", ARROW),
    (rb"FEA1(?![\t\n\r -~])", FEATHER_1),
    (rb"\x93NUMPY", NPY),
    (rb"\0\0[\x08\x09\x0b-\x0e][\x01-\x08]", IDX),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"MATLAB 5\.0 MAT-file", "a MATLAB file"),
    (rb"SQLite format 3\0", "an SQLite database"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", EXCEL),
    (rb"ORC[^,;|]{,16}[\0-\x08\x0e-\x1f\x80-\xff]", "an ORC file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"<stata_dta>", "a Stata file"),
    (rb"%PDF-", "a PDF document"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8[79]a", "a GIF image"),
    (rb"\x80[\x02-\x05]", "a Python pickle"),
    (rb"version https://git-lfs\.github\.com/spec/", POINTER),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)[\s>]", HTML),
)
MAGIC = [(re.compile(pattern, re.DOTALL | (re.IGNORECASE if kind is HTML else 0)), kind) for pattern, kind in PATTERNS]
ENTRY, ENTRY_HEADER = b"PK\x03\x04", struct.Struct("<4s5H3I2H")
EXPECTED = {"Parquet": PARQUET, "Arrow": ARROW, "NPY": NPY, "NPZ": NPZ, "IDX": IDX, "gzip": GZIP, "zstd": ZSTD}
SUFFIXES = {"gzip": ".gz", "zstd": ".zst"}
PACKED = ("CSV", "JSON", "NPY", "IDX")
"""Formats of which compressed files are read, too."""


def what_is(head: bytes) -> str | None:
    """Return what a file is that begins with these bytes, with its article; None where they do not tell."""
    if head.startswith((ENTRY, b"PK\x05\x06", b"PK\x07\x08")):
        return _archive(list(_entries(head)), head)
    return next((kind for pattern, kind in MAGIC if pattern.match(head)), None)


def _entries(head: bytes) -> Iterator[str]:
    """Yield the names of a zip archive's first entries; of one that was written as a stream the first alone."""
    place = 0
    while head.startswith(ENTRY, place) and len(head) >= place + ENTRY_HEADER.size:
        _, _, flags, *_, packed, _, name, extra = ENTRY_HEADER.unpack_from(head, place)
        begin = place + ENTRY_HEADER.size
        yield head[begin : begin + name].decode("utf-8", "replace")
        if flags & 8 or packed == 0xFFFFFFFF:
            return
        place = begin + name + extra + packed


def _archive(names: list[str], head: bytes) -> str:
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    if any(name.startswith(("[Content_Types].xml", "xl/", "_rels/")) for name in names):
        return "an Office document" if b"word/" in head or b"ppt/" in head else EXCEL
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in head:
        return "an OpenDocument spreadsheet"
    return ZIP


def wrong_name(name: str, head: bytes, expected: str) -> str | None:
    """Return what is wrong with a file that is read as `expected`, and what to do; None where its bytes do not tell.

    `expected` is CSV, JSON, Parquet, Arrow, NPY, NPZ or IDX, and `head` the first HEAD_BYTES, unpacked where the name
    says that the file is compressed; or `expected` is gzip or zstd, and `head` has the first bytes as they are.
    """
    found = what_is(head)
    if not head or found == EXPECTED.get(expected):
        return None
    if expected in SUFFIXES:
        return _not_packed(found, expected)
    if found is None or (expected, found) == ("NPZ", ZIP):
        return None
    twice = found in (GZIP, ZSTD) and name.lower().endswith(tuple(SUFFIXES.values()))
    return PACKED_TWICE if twice else _told(found, expected)


def _not_packed(found: str | None, kind: str) -> str:
    suffix = SUFFIXES[kind]
    if found is None:
        return f"is not {kind}-compressed, though its name ends in {suffix}: give it a name without {suffix}"
    return f"is {found}, not {kind}-compressed, though its name ends in {suffix}: give it the name that suits it"


def _told(found: str, expected: str) -> str:
    for kind, suffix in SUFFIXES.items():
        if found == EXPECTED[kind]:
            advice = f"its name must end in {suffix}" if expected in PACKED else "unpack it first"
            return f"is {kind}-compressed: {advice}"
    if found.endswith(("archive", "-compressed file")):
        return f"is {found}: unpack it first"
    if found == FEATHER_1:
        return "is Feather version 1, which is no longer read: write it again as version 2 (Arrow IPC)"
    return f"is {found}, not {expected}: {_advice(found)}"


def _advice(found: str) -> str:
    own = next((format for format, kind in EXPECTED.items() if kind == found), None)
    if own:
        return f'give it a name that ends in .{own.lower()}, or set data.format to "{own.lower()}"'
    if found in (EXCEL, "an OpenDocument spreadsheet"):
        return "save the sheet as CSV"
    if found == HTML:
        return "it may be the message of a server that did not give the file; download it again"
    if found == POINTER:
        return "fetch the file itself with `git lfs pull`"
    return "save its table as CSV or Parquet"
