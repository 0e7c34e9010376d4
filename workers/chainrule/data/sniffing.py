"""The first part of a delimited text -> its delimiter, its header and its columns' names. Pure.

A delimiter is judged by the first 100 rows: by the share of them that have the usual number of values, and by the share
of their text that is numbers, dates or booleans once the rows are split by it. On a tie one without blanks behind it
wins, then the first of CANDIDATES.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.data.cells import Row, kind_of, split
from chainrule.data.faults import Faulty
from chainrule.data.headers import MOSTLY, is_header

CANDIDATES = (",", ";", "\t", "|", " ")
NAMES = {"\t": "a tab", " ": "a blank"}
FIRST_ROWS = 100
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ ]*\r?(?:\n|$)', re.IGNORECASE)
RUN = re.compile(r"(?:\S(?: [ \t]|\t )|^ )[ \t]*\S")
ALIGNED = "is a table whose columns are aligned by blanks; save it with a delimiter, as a CSV file"


@dataclass(frozen=True)
class Guess:
    """How a text file is to be read. `names` are the columns' names; f0, f1, ... without a header.

    `skipped` rows stand before the header or the first row of data. `surplus`: each row ends in a delimiter that the
    header line lacks, so that it has an empty value more. `reasons` are sentences for people.
    """

    delimiter: str
    header: bool
    skipped: int
    names: tuple[str, ...]
    surplus: bool
    reasons: tuple[str, ...]

    def covers(self, columns: Collection[str]) -> bool:
        """Return whether all of the columns are among the names."""
        return set(columns) <= set(self.names)


class _Split(NamedTuple):
    """The rows that a delimiter gives; how many values most have, and how many of them do."""

    delimiter: str
    rows: list[Row]
    width: int
    alike: int
    score: tuple[float, ...]


def guess(text: str, delimiter: str | None = None, header: bool | None = None, decimal: str = ".") -> Guess:
    """Return how a text is to be read of which this is the first part; a last row that is cut off does not count.

    `delimiter` and `header` are kept where they are given. `text` has no byte order mark. Raises Faulty.
    """
    text = _lines(text)
    told = SEPARATOR_LINE.match(text)
    if told:
        text = text[told.end() :]
    if not text.strip():
        raise Faulty("is not a CSV file: it is empty")
    chosen, reason = _choose(text, delimiter or (told and told[1]) or None, decimal)
    if told and not delimiter:
        reason = f"delimiter {_shown(told[1])}: the first line says so"
    first, below = chosen.rows[0], chosen.rows[1:]
    names, why = (header, "") if header is not None else is_header(first, below, decimal)
    width, surplus = _width(first, below, chosen.width) if names else (chosen.width, False)
    return Guess(
        chosen.delimiter,
        names,
        1 if told else 0,
        _names(first[:width]) if names else tuple(f"f{i}" for i in range(width)),
        surplus,
        (reason, *([why] if why else [])),
    )


def _lines(text: str) -> str:
    """Return the text without empty lines in front, and with lines that end in LF or CR LF."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return text.lstrip("\r\n")


def _shown(delimiter: str) -> str:
    return NAMES.get(delimiter, repr(delimiter))


def _choose(text: str, delimiter: str | None, decimal: str) -> tuple[_Split, str]:
    """Return the rows as the delimiter that is given, or else the best, splits them, and why it is the best."""
    if delimiter is not None:
        return _split(text, delimiter), f"delimiter {_shown(delimiter)}: it is given"
    tried = [_split(text, each) for each in CANDIDATES if not _is_decimal(each, text, decimal)]
    usable = [each for each in tried if each.width > 1 and (each.delimiter != " " or _by_single_blanks(each, text))]
    best = max(usable, key=lambda each: each.score, default=None)
    aligned = _aligned(text)
    if aligned and (best is None or aligned.score[0] > best.score[0]):
        raise Faulty(ALIGNED)
    if best is not None:
        lines = f"{best.alike} of {len(best.rows)} lines have {best.width} values"
        return best, f"delimiter {_shown(best.delimiter)}: {lines}"
    single = min(tried, key=lambda each: sum(len(row) > 1 for row in each.rows))
    return single, "one column: no delimiter splits the lines into as many values each"


def _is_decimal(delimiter: str, text: str, decimal: str) -> bool:
    """Whether a delimiter stands in numbers already; not where these are quoted."""
    return delimiter == decimal and f'"{delimiter}' not in text and f'{delimiter}"' not in text


def _split(text: str, delimiter: str) -> _Split:
    prose = delimiter == " " or text.count(delimiter) == text.count(f"{delimiter} ")
    return _judged(delimiter, split(text, delimiter, FIRST_ROWS), prose)


def _judged(delimiter: str, rows: list[Row], prose: bool) -> _Split:
    """Return how good a delimiter is. `prose`: a blank stands behind it everywhere, as behind a comma in a sentence.

    A blank that delimits is as weak a sign.
    """
    widths = Counter(len(row) for row in rows)
    width, alike = max(widths.items(), key=lambda item: (item[1], item[0] == len(rows[0])))
    cells = [cell for row in rows[1:] or rows for cell in row if cell.text]
    letters = sum(len(cell.text) for cell in cells)
    typed = sum(len(cell.text) for cell in cells if kind_of(cell.text) != "text") / max(1, letters)
    score = (
        round(alike / len(rows) * (1 + typed) * (1.0 if _fits(rows, width) else 0.5), 6),
        not prose,
        len(rows) == 1 and width,
        -CANDIDATES.index(delimiter) if delimiter in CANDIDATES else -len(CANDIDATES),
    )
    return _Split(delimiter, rows, width, alike, score)


def _fits(rows: Sequence[Row], width: int) -> bool:
    """Return whether the first row can be the header of the others: it may lack a delimiter at the end, or have one."""
    first = len(rows[0])
    if first == width + 1:
        return not rows[0][-1].text
    return first == width or (first + 1 == width and not any(row[-1].text for row in rows[1:]))


def _by_single_blanks(found: _Split, text: str) -> bool:
    """Whether blanks delimit values: one between two, in every row, and not those in a column of dates with times."""
    lines = [line.strip() for line in text.split("\n", FIRST_ROWS)[:FIRST_ROWS] if line.strip()]
    if sum(kind_of(line) == "date" for line in lines[1:] or lines) >= MOSTLY * len(lines[1:] or lines):
        return False
    held = all(cell.text or cell.quoted for row in found.rows for cell in row[:-1])
    return found.alike == len(found.rows) > 1 and held and (found.width > 2 or all(row[-1].text for row in found.rows))


def _aligned(text: str) -> _Split | None:
    """Return the rows as runs of blanks split them, where there are such runs and all rows are of one length."""
    lines = [line for line in text.split("\n")[: FIRST_ROWS + 1] if line.strip()][:FIRST_ROWS]
    if not any(RUN.search(re.sub(r'"[^"]*"', '""', line)) for line in lines):
        return None
    runs = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in lines)
    found = _judged("  ", split(runs, " ", FIRST_ROWS), prose=False)
    return found if found.width > 1 and found.alike == len(found.rows) > 1 else None


def _width(first: Row, below: Sequence[Row], usual: int) -> tuple[int, bool]:
    """Return the number of names in the header line, and whether each row has an empty value more than it."""
    width = len(first)
    if below and width + 1 == usual and all(len(row) == usual and not row[-1].text for row in below):
        return width, True
    if below and width == usual + 1 and not first[-1].text and all(len(row) == usual for row in below):
        return usual, False
    return width, False


def _names(cells: Row) -> tuple[str, ...]:
    return tuple(cell.text or f"Unnamed: {i}" for i, cell in enumerate(cells))
