"""How a command ends: its exit code, and one sentence, or one JSON object, on stderr."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import click

from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidJob, Violation

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""The exit codes."""

_REFUSALS = (
    *(errors.InvalidJob, errors.InvalidData, errors.ShapeMismatch, errors.TooMuch),
    *(errors.JobNotFound, errors.JobAmbiguous, errors.DatasetNotFound, errors.ModelNotFound),
    *(errors.JobNotRunning, errors.JobNotFinished),
)


def invoke(group: click.Group, args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Errors become a sentence on stderr, never a traceback.

    With --json they become one JSON object there: {"error": {"code": ..., "message": ..., "violations": [...]}}.

    >>> sys.exit(invoke(group))
    """
    words = takewhile("--".__ne__, sys.argv[1:] if args is None else args)
    told = _Told(as_json="--json" in words)
    try:
        code = group.main(args, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_has_gone()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        return told.end(REFUSED, type(error).__name__, [Violation("", _usage(error))])
    except ChainruleError as error:
        return told.end(REFUSED if isinstance(error, _REFUSALS) else FAILED, error.code, _violations(error))
    except OSError as error:
        sentence = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return told.end(FAILED, OSError.__name__, [Violation("", sentence)])
    return code if isinstance(code, int) else DONE


def _violations(error: ChainruleError) -> Sequence[Violation]:
    return error.violations if isinstance(error, InvalidJob) else [Violation("", str(error))]


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return error.format_message() + (f" Try '{context.command_path} --help'." if context else "")


@dataclass(frozen=True)
class _Told:
    """Writes what has gone wrong to stderr."""

    as_json: bool

    def end(self, code: int, name: str, violations: Sequence[Violation]) -> int:
        """Write the error and return the exit code."""
        if self.as_json:
            click.echo(json.dumps({"error": _document(name, violations)}), err=True)
        else:
            for violation in violations:
                click.echo(f"Error: {_line(str(violation))}", err=True)
        return code


def _document(name: str, violations: Sequence[Violation]) -> dict[str, Any]:
    """Return an error as plain data; `violations` are the fields of a job, and none for other errors."""
    fields = [{"path": each.path, "problem": each.problem} for each in violations]
    return {
        "code": name,
        "message": _line("; ".join(map(str, violations))),
        "violations": fields if name == InvalidJob.__name__ else [],
    }


def _line(text: str) -> str:
    return " ".join(text.split())


def _reader_has_gone() -> int:
    """Let what is still to be written go nowhere, or Python would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
