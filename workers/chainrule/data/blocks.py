"""All rows of a source as blocks, wherever they are held, and how work is done on them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from chainrule.data.faults import Faulty
from chainrule.data.files import File, Roots
from chainrule.data.fragments import Dialect, Fragment, Selection
from chainrule.data.sources import (
    TEXTUAL,
    Empty,
    Failed,
    format_of,
    hash_of,
    no_rows,
    open_source,
    read_blocks,
    scan,
)
from chainrule.data.surveys import Survey
from chainrule.wire.errors import InvalidData


class Tasks(Protocol):
    """Who does the work, and holds what comes out: a handle stands for it. Results never depend on who it is."""

    def stream(self, work: Callable[..., Iterator[Any]], calls: Iterable[tuple[Any, ...]]) -> Iterator[Iterator[Any]]:
        """Run generators, several at once, and give handles of what each yields, in the order of the calls.

        A handle among the arguments of a call arrives as what it stands for.
        """

    def get(self, handle: Any) -> Any:
        """Return what a handle stands for. Raises what its work has raised."""

    def sequence(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Return an argument that fetches what the handles stand for, one by one, when it is asked for it."""


class Inline:
    """Does all work here, one thing after the other. What is held is its own handle."""

    def stream(self, work: Callable[..., Iterator[Any]], calls: Iterable[tuple[Any, ...]]) -> Iterator[Iterator[Any]]:
        """Run generators."""
        return (work(*call) for call in calls)

    def get(self, handle: Any) -> Any:
        """Return the handle."""
        return handle

    def sequence(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Return the handles."""
        return handles


@dataclass(frozen=True)
class Block:
    """Some rows: where they are held, what is known of them, and their place in their file and among all rows."""

    handle: Any
    survey: Survey
    fragment: Fragment
    row_of_file: int
    start: int

    @property
    def stop(self) -> int:
        """The number of the row behind the block's last."""
        return self.start + self.survey.rows

    def error(self, error: Faulty) -> InvalidData:
        """Return what is wrong with a row of the block, told by its place in the file."""
        return error.fault.found(self.fragment.file.name, self.row_of_file + 1)


@dataclass(frozen=True)
class Source:
    """All rows of a source as blocks, the SHA-256 of its bytes, how it was read, and warnings for people."""

    blocks: list[Block]
    sha256: str
    dialect: Dialect
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


Wordy: TypeAlias = Callable[[Sequence["Block"]], Iterable[str]]
"""Given all blocks, the columns whose own words are wanted."""


def read_source(
    source: str,
    dialect: Dialect,
    selection: Selection,
    tasks: Tasks,
    roots: Roots,
    keep: Sequence[str] = (),
    start: int = 0,
    wordy: Wordy = lambda _: (),
    columns: Collection[str] = (),
) -> Source:
    """Return all rows of a source, numbered from `start`. Raises InvalidData.

    Where a header line lacks some of the `columns`, its delimiter and encoding are not those of the dialect.

    The surveys have the columns to `keep` themselves. Where texts became numbers of which `wordy` wants the words, all
    is read again.
    """
    files, dialect, reasons = open_source(source, dialect, roots, columns)
    digests: list[tuple[File, str]] = []
    warnings: list[str] = []

    def fragments() -> Iterator[Fragment]:
        for file, found in zip(files, tasks.stream(scan, ((file, dialect) for file in files)), strict=True):
            for item in map(tasks.get, found):
                if isinstance(item, Fragment):
                    yield replace(item, selection=selection)
                elif isinstance(item, Empty):
                    warnings.append(item.warning)
                else:
                    digests.append((file, item))

    blocks = list(_read(fragments(), dialect, keep, tasks, start))
    if not blocks:
        raise no_rows(source)
    textual = format_of(files[0], dialect) in TEXTUAL
    lost = [name for name in wordy(blocks) if textual and _lost_words(blocks, name, dialect)]
    if lost:
        selection = replace(selection, text=selection.text | set(lost))
        again = [replace(fragment, selection=selection) for fragment in _fragments(blocks)]
        blocks = list(_read(again, dialect, keep, tasks, start))
    if format_of(files[0], dialect) != "jsonl":  # whose rows need not name what is missing
        _check_columns(blocks, selection)
    return Source(blocks, hash_of(digests), dialect, tuple(warnings), reasons)


def _lost_words(blocks: Sequence[Block], name: str, dialect: Dialect) -> bool:
    """Whether some values of a column have not the words that the file has for them."""
    marked = dialect.values.decimal != "." and format_of(blocks[0].fragment.file, dialect) == "jsonl"
    return marked or any(block.survey.column(name).families - {"text"} for block in blocks)


def _read(
    fragments: Iterable[Fragment], dialect: Dialect, keep: Sequence[str], tasks: Tasks, start: int
) -> Iterator[Block]:
    asked: list[Fragment] = []

    def calls() -> Iterator[tuple[Any, ...]]:
        for fragment in fragments:
            asked.append(fragment)
            yield fragment, dialect, tuple(keep)

    path, row = "", 0
    for number, handles in enumerate(tasks.stream(read_blocks, calls())):
        fragment = asked[number]
        path, row = (path, row) if path == fragment.file.path else (fragment.file.path, 0)
        for handle in handles:
            survey = tasks.get(handle)
            if isinstance(survey, Failed):
                raise survey.fault.found(fragment.file.name, row + 1)
            yield Block(next(handles), survey, fragment, row, start)
            row, start = row + survey.rows, start + survey.rows


def _fragments(blocks: Sequence[Block]) -> list[Fragment]:
    found = {(block.fragment.file.path, block.fragment.start): block.fragment for block in blocks}
    return list(found.values())


def names_of(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the names of all columns, in the order in which they are first met."""
    return tuple(dict.fromkeys(name for block in blocks for name in block.survey.names))


def _check_columns(blocks: Sequence[Block], selection: Selection) -> None:
    """Raise InvalidData where a file lacks a column that the first one has and that is read."""
    wanted = [name for name in blocks[0].survey.names if selection.wants(name)]
    for block in blocks:
        there = set(block.survey.names)
        lacking = [name for name in wanted if name not in there]
        if lacking:
            first = blocks[0].fragment.file.name
            raise InvalidData(f"{block.fragment.file.name} has no column {lacking[0]!r}, which {first} has")
