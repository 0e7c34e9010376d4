"""All rows of a source as blocks, wherever they are held, and how work is done on them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from chainrule.data.faults import Faulty
from chainrule.data.files import File, Roots
from chainrule.data.fragments import Dialect, Fragment
from chainrule.data.sources import Failed, format_of, hash_of, look_up, no_rows, read_blocks, scan
from chainrule.data.surveys import Survey, together
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


def read_source(
    source: str, dialect: Dialect, keep: Sequence[str], tasks: Tasks, roots: Roots, start: int = 0
) -> tuple[list[Block], str]:
    """Return all rows of a source, numbered from `start`, and the SHA-256 of its bytes. Raises InvalidData.

    The surveys have the columns to `keep` themselves. A column of text that is numbers in some blocks is text in all.
    """
    files = look_up(source, roots)
    digests: list[tuple[File, str]] = []

    def fragments() -> Iterator[Fragment]:
        for file, found in zip(files, tasks.stream(scan, ((file, dialect) for file in files)), strict=True):
            for item in map(tasks.get, found):
                if isinstance(item, str):
                    digests.append((file, item))
                else:
                    yield item

    blocks = list(_read(fragments(), dialect, keep, tasks, start))
    if not blocks:
        raise no_rows(source)
    mixed = tuple(name for name, kind in _kinds(blocks).items() if kind == "mixed")
    if mixed and all(block.fragment.names for block in blocks):
        again = [replace(fragment, as_text=mixed) for fragment in _fragments(blocks)]
        blocks = list(_read(again, dialect, keep, tasks, start))
    elif mixed:
        raise InvalidData(f"{source}: column {mixed[0]!r} holds texts or dates in some rows, numbers in others")
    if format_of(files[0], dialect) != "jsonl":  # whose rows need not name what is missing
        _check_columns(blocks)
    return blocks, hash_of(digests)


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
    """Return the columns' names, in the order in which they are first met."""
    return tuple(dict.fromkeys(name for block in blocks for name in block.survey.columns))


def _kinds(blocks: Sequence[Block]) -> dict[str, str]:
    return {name: together([block.survey.column(name) for block in blocks]).kind for name in names_of(blocks)}


def _check_columns(blocks: Sequence[Block]) -> None:
    """Raise InvalidData where a file lacks a column that the first one has."""
    for block in blocks:
        lacking = [name for name in names_of(blocks[:1]) if name not in block.survey.columns]
        if lacking:
            first = blocks[0].fragment.file.name
            raise InvalidData(f"{block.fragment.file.name} has no column {lacking[0]!r}, which {first} has")
