"""What the commands have in common: the job, the service's address, and JSON or words."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from chainrule.client.client import Client
from chainrule.client.connection import SERVER_VARIABLE, service_address
from chainrule.client.display import open_console
from chainrule.client.documents import job_document
from chainrule.client.tables import confusion_table, job_table
from chainrule.wire.job import Job

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ADDRESS = "chainrule.server"
WIDEST_CONFUSION = 20
"""A confusion matrix of more classes is for programs: `--json`."""


def _remember(context: click.Context, _: click.Parameter, address: str | None) -> None:
    """Keep the address for the whole call; a command's option comes later than the group's and counts more."""
    if address is None:
        return
    try:
        context.meta[_ADDRESS] = service_address(address)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _server(**settings: Any) -> Callable[[_Command], _Command]:
    text = "The service; 127.0.0.1:50051 if nothing is said."
    return click.option("--server", metavar="HOST:PORT", expose_value=False, callback=_remember, help=text, **settings)


group_server = _server(envvar=SERVER_VARIABLE, show_envvar=True)
server = _server()
job = click.argument("job", metavar="JOB")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors included.")


def connect() -> Client:
    """Return a client of the service that the command line names."""
    return Client(click.get_current_context().meta.get(_ADDRESS))


def print_json(document: Any) -> None:
    """Print a document as one line."""
    click.echo(json.dumps(document, allow_nan=False))


def tell(as_json: bool, document: Any, words: str) -> None:
    """Print the document where JSON is asked for, else the words."""
    if as_json:
        print_json(document)
    else:
        click.echo(words)


def print_job(job: Job, as_json: bool) -> None:
    """Print what is known of a job."""
    if as_json:
        print_json(job_document(job))
    else:
        console = open_console()
        console.print(job_table(job))
        if 0 < len(job.confusion) <= WIDEST_CONFUSION:
            console.print("", confusion_table(job), sep="\n")
