"""The sources of a job, looked up without reading them: whether they are there, and whether they have changed."""

import asyncio
import glob
import os
import re
import time
from collections.abc import Iterator
from typing import TypeAlias

from chainrule.data.files import Roots
from chainrule.data.sources import look_up
from chainrule.wire.errors import InvalidData, InvalidJob, Violation
from chainrule.wire.spec import JobSpec
from chainrule.wire.threads import in_thread

LOOK_SECONDS = 5.0
"""A look takes no longer: a file system that does not answer, or a very large folder, is left to the job's reader."""
MOST_ENTRIES = 20_000
"""Folders with more entries are not looked through."""
REMOTE_SECONDS = 60.0
"""What lies behind a URI counts as changed after this time."""
Seen: TypeAlias = tuple[tuple[str, int, int | None], ...]
"""The files of a source: path, size in bytes, time of the last change in ns."""


def local(source: str) -> bool:
    """Whether a source is a path of this machine, not a URI."""
    return "://" not in source


def sources_of(spec: JobSpec) -> dict[str, str]:
    """Return the sources of a job by the path of their field."""
    given = {"data.train": spec.data.train, "data.validation": spec.data.validation}
    return {path: source for path, source in given.items() if source is not None}


async def check_sources(spec: JobSpec, roots: Roots) -> None:
    """Raise InvalidJob with each local source that is not there, or lies outside of the roots."""
    violations = []
    for path, source in sources_of(spec).items():
        if local(source):
            try:
                await look(source, roots)
            except InvalidData as error:
                violations.append(Violation(path, f"is not readable by the service: {error}"))
    if violations:
        raise InvalidJob(violations)


async def look(source: str, roots: Roots) -> Seen | None:
    """Return the files of a source, None where the look would take too long. Raises InvalidData.

    A URI is not looked up: what it stands for changes with time.
    """
    if not local(source):
        return ((source, 0, int(time.monotonic() / REMOTE_SECONDS)),)
    try:
        return await asyncio.wait_for(in_thread(lambda: _look(source, roots)), LOOK_SECONDS)
    except TimeoutError:
        return None


def _look(source: str, roots: Roots) -> Seen | None:
    if not _few_entries(os.path.abspath(source), time.monotonic() + LOOK_SECONDS):  # noqa: PTH100 - as the reader does
        return None
    return tuple((file.path, file.size, file.changed) for file in look_up(source, roots))


def _few_entries(path: str, deadline: float) -> bool:
    """Whether what a path, folder or pattern names is found by looking at few entries."""
    if os.path.isfile(path):  # noqa: PTH113
        return True
    if glob.has_magic(path) and not os.path.exists(path):  # noqa: PTH110
        path = re.split(r"[*?\[]", path, maxsplit=1)[0].rpartition("/")[0] or "/"
    return all(count < MOST_ENTRIES and time.monotonic() < deadline for count, _ in enumerate(_entries(path)))


def _entries(folder: str) -> Iterator[str]:
    for _, folders, files in os.walk(folder):
        yield from folders
        yield from files
