"""`python -m chainrule.data`: describes a source, and ends. The service starts it for what a stranger has uploaded.

Command (chainrule.wire.control): source, reading. Events: described, refused.
"""

import os
import threading
from collections.abc import Iterator
from typing import Any

from chainrule.data.description import Description, describe
from chainrule.data.given import given_dialect
from chainrule.wire.control import Control
from chainrule.wire.errors import InvalidData, InvalidJob


def main() -> None:
    """Run the process."""
    control = Control()
    commands = control.commands()
    command = next(commands)
    threading.Thread(target=_end_with_the_service, args=(commands,), name="commands", daemon=True).start()
    try:
        control.send("described", description=_describe(**command).document())
    except (InvalidData, InvalidJob) as error:
        control.send("refused", reason=str(error))


def _describe(source: str, reading: dict[str, Any]) -> Description:
    return describe(source, given_dialect(reading))


def _end_with_the_service(commands: Iterator[dict[str, Any]]) -> None:
    for _ in commands:
        pass
    os._exit(1)


main()
