"""The arrays of an NPZ that hold training, test or validation rows by their names: x_train, y_test. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chainrule.data.faults import Faulty

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "validation"
)
PART = re.compile(rf"(?:^|(?<=[^A-Za-z]))({'|'.join(PARTS)})(?![A-Za-z])", re.IGNORECASE)

ROWS, HELD_OUT = "rows", "held out"
"""The part that is predicted where a file has several, and the one that is for validation."""


class Named(NamedTuple):
    """An array's own name, and that of its columns once the part is removed."""

    name: str
    column: str


def part_of(name: str) -> tuple[str | None, str]:
    """Return the part of the data that an array's name tells, and the name without it: x_train -> train, x."""
    found = PART.search(name)
    if not found:
        return None, name
    before, after = name[: found.start()].rstrip("_-. "), name[found.end() :].lstrip("_-. ")
    return PARTS[found[1].lower()], "_".join(each for each in (before, after) if each) or "x"


def arrays_of(names: Iterable[str], part: str | None) -> list[Named]:
    """Return the arrays of one part, and those that belong to no part. Raises Faulty where the part is missing.

    Without `part`: the training rows, or those of the only part; all arrays where no name tells a part. ROWS: the test
    rows, if there are any, else as without `part`. HELD_OUT: the validation rows, if there are any, else the test rows.
    """
    told = {name: part_of(name) for name in names}
    parts = {each for each, _ in told.values() if each}
    if part == ROWS:
        part = "test" if "test" in parts else None
    if part == HELD_OUT:
        part = "validation" if "validation" in parts else "test"
    if part is None:
        part = next(iter(parts)) if len(parts) == 1 else "train" if "train" in parts else None
    elif part not in parts:
        raise Faulty(f"has no array whose name tells {part!r}; it has {', '.join(told) or 'none'}")
    if part is None:
        return [Named(name, name) for name in told]
    return [Named(name, column) for name, (each, column) in told.items() if each in (part, None)]


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Raise Faulty where arrays, by their names, differ in their number of rows."""
    if len(set(lengths.values())) == 1:
        return
    told = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "none"
    raise Faulty(f"must hold arrays of the same number of rows; it has {told}")
