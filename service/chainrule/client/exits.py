"""How a command ends: its exit code, and one sentence on stderr."""

import os
import sys
from collections.abc import Sequence

import click

from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidJob

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""The exit codes."""

_REFUSALS = (
    *(errors.InvalidJob, errors.InvalidData, errors.ShapeMismatch, errors.TooMuch),
    *(errors.JobNotFound, errors.DatasetNotFound, errors.ModelNotFound, errors.JobNotRunning, errors.JobNotFinished),
)


def invoke(group: click.Group, args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Errors become a sentence on stderr, never a traceback.

    >>> sys.exit(invoke(group))
    """
    try:
        code = group.main(args, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_has_gone()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        return _say(REFUSED, _usage(error))
    except ChainruleError as error:
        return _say(REFUSED if isinstance(error, _REFUSALS) else FAILED, *_sentences(error))
    except OSError as error:
        return _say(FAILED, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return code if isinstance(code, int) else DONE


def _sentences(error: ChainruleError) -> list[str]:
    return [str(violation) for violation in error.violations] if isinstance(error, InvalidJob) else [str(error)]


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return error.format_message() + (f" Try '{context.command_path} --help'." if context else "")


def _say(code: int, *sentences: str) -> int:
    for sentence in sentences:
        click.echo(f"Error: {' '.join(sentence.split())}", err=True)
    return code


def _reader_has_gone() -> int:
    """Let what is still to be written go nowhere, or Python would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
