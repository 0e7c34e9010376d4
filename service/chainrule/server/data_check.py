"""`python -m chainrule.server.data_check`: whether the data of a job that waits fits the job, as far as little shows.

The service starts it: a stranger's file is read in a process of its own, with limited memory. Command
(chainrule.wire.control): spec, roots. Events: fits, refused.
"""

import os
import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chainrule.data.blocks import Block, names_of
from chainrule.data.columns import choose_columns, selection_of
from chainrule.data.dataset import check_fit, load_dataset
from chainrule.data.faults import Faulty
from chainrule.data.files import File, Roots
from chainrule.data.fragments import Dialect
from chainrule.data.labels import find_targets
from chainrule.data.sources import FORMATS, Failed, dialect_of, format_of, look_up, no_rows, open_source, read_blocks
from chainrule.data.streams import packing
from chainrule.nn import LOSSES
from chainrule.wire.control import Control
from chainrule.wire.errors import ChainruleError
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

LITTLE_BYTES = 8 << 20
"""Data of this size is read as the job will read it; of more, the first block is."""
MEMORY_BYTES = 2 << 30
NICENESS = 10
"""Jobs that train come first."""
ENOUGH_ROWS = 1 << 62


def check(spec: JobSpec, roots: Roots = None) -> None:
    """Read as much of a job's data as is quickly read. Raises InvalidData or InvalidJob where the job would, later."""
    sources = [source for source in (spec.data.train, spec.data.validation) if source is not None]
    found = [file for source in sources for file in look_up(source, roots)]
    if sum(file.size for file in found) <= LITTLE_BYTES and not any(packing(file.name) for file in found):
        load_dataset(spec, roots=roots)
        return
    for source in sources:
        _check_beginning(replace(spec, data=replace(spec.data, train=source)), roots)


def _check_beginning(spec: JobSpec, roots: Roots) -> None:
    """Check the first block of a source. More columns may come only where rows, or other files, have their own."""
    data, loss = spec.data, LOSSES[spec.network.loss]
    files, dialect, _ = open_source(data.train, dialect_of(spec), roots)
    block = _first_block(files[0], dialect, spec)
    alone = len(files) == 1
    if block is None:
        if alone:
            raise no_rows(data.train)
        return
    if alone and format_of(files[0], dialect) != "jsonl":
        choose_columns(spec, [block])
    elif len(names_of([block])) > len(data.targets):
        choose_columns(replace(spec, data=replace(data, columns=None, ignore=None, kinds={})), [block])
    if loss.classes:
        return
    if spec.network.loss != "binary_cross_entropy":  # which takes two words, too, of which the block may have one
        find_targets(spec, [block], block.stop, dialect.values)
    check_fit(spec, ENOUGH_ROWS, 1, len(data.targets))


def _first_block(file: File, dialect: Dialect, spec: JobSpec) -> Block | None:
    """Return the first rows of a file. Raises InvalidData."""
    keep = [*spec.data.targets, *filter(None, [spec.data.weight])]
    try:
        fragment = next(FORMATS[format_of(file, dialect)].plan(file, dialect, None), None)
    except Faulty as error:
        raise error.fault.found(file.name) from None
    if fragment is None:
        return None
    items = read_blocks(replace(fragment, selection=selection_of(spec)), dialect, keep)
    survey = next(items, None)
    if isinstance(survey, Failed):
        raise survey.fault.found(file.name)
    return None if survey is None else Block(next(items), survey, fragment, 0, 0)


def main() -> None:
    """Run the process."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    control = Control()
    commands = control.commands()
    command = next(commands)
    threading.Thread(target=_end_with_the_service, args=(commands,), name="commands", daemon=True).start()
    try:
        check(parse_spec(command["spec"]), command["roots"])
        control.send("fits")
    except ChainruleError as error:
        control.send("refused", reason=str(error))


def _end_with_the_service(commands: Iterator[dict[str, Any]]) -> None:
    for _ in commands:
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
