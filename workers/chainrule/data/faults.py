"""What is wrong with a piece of a file, told by its place."""

import re
from dataclasses import dataclass

from chainrule.wire.errors import InvalidData

NO_ACCESS = (
    "access is denied; keys come from the environment of the service and of Ray's nodes (AWS_ACCESS_KEY_ID, "
    "AWS_SECRET_ACCESS_KEY), or from the machine's role"
)


@dataclass(frozen=True)
class Fault:
    """One problem; `row` counts from 0 where the piece begins. `found` is that InvalidData for the whole file."""

    problem: str
    row: int | None = None
    column: str | None = None

    def found(self, source: str, first_row: int = 1) -> InvalidData:
        """Return the error of a piece whose first row has this number: `rows.csv: row 6, column 'x' is 'oops', ...`."""
        parts = [] if self.row is None else [f"row {self.row + first_row}"]
        parts += [] if self.column is None else [f"column {self.column!r}"]
        place = f"{source}: {', '.join(parts)}" if parts else source
        return InvalidData(f"{place} {self.problem}")


class Faulty(Exception):
    """Raised where a piece is read; whoever knows which piece it is turns the fault into InvalidData."""

    def __init__(self, problem: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(problem, row, column)
        self.fault = Fault(problem, row, column)


def sentence(error: Exception) -> str:
    """Return the first line of Arrow's words, or the system's where Arrow quotes it, without Google's appendix."""
    words = (str(error) or repr(error)).splitlines()[0]
    if "AWS Error ACCESS_DENIED" in words:
        return NO_ACCESS
    return re.sub(r".*Detail: \[errno \d+\] | error_info=\{.*", "", words).rstrip(".")
