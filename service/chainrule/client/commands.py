"""The command line, but for `serve`, which chainrule.server.main adds."""

import json
from pathlib import Path

import click

from chainrule.client import demo as digits
from chainrule.client import options
from chainrule.client.client import Client
from chainrule.client.data_commands import DATA_COMMANDS
from chainrule.client.display import follow, open_console, transfer_bar
from chainrule.client.documents import event_document, job_document
from chainrule.client.exits import DONE, FAILED, INTERRUPTED, REFUSED, invoke
from chainrule.client.job_file import read_job
from chainrule.client.layers import Layers
from chainrule.client.options import connect, print_job, print_json, tell
from chainrule.client.orders import ORDERS
from chainrule.client.tables import UNCUT, jobs_table
from chainrule.client.top import top
from chainrule.wire.advice import advice
from chainrule.wire.job import JobState
from chainrule.wire.validation import parse_spec

__all__ = ["group", "invoke"]

_job_file = click.argument("job_file", metavar="JOB.toml", type=click.Path(path_type=Path))
_output = click.Path(dir_okay=False, path_type=Path)
_folder = click.Path(file_okay=False, path_type=Path)


@click.group(name="chainrule", invoke_without_command=True)
@options.group_server
@click.version_option(package_name="chainrule")
@click.pass_context
def group(context: click.Context) -> None:
    """Train dense networks on a cluster of plain CPU machines.

    A JOB is named by its id, by the first characters of it, two or more, or by its name where no other job has it.

    \b
    chainrule serve                    start a service here
    chainrule submit digits.toml       submit a job
    chainrule demo                     see all of it on handwritten digits
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(REFUSED)


for _command in (*ORDERS, *DATA_COMMANDS, top):
    group.add_command(_command)


@group.command()
@_job_file
@click.option("--watch", "watching", is_flag=True, help="Watch the job until it ends.")
@click.option("--request-id", metavar="ID", help="The same ID again gives the same job.")
@click.option("--no-upload", is_flag=True, help="Refuse a file that the service cannot read, instead of uploading it.")
@options.as_json
@options.server
def submit(job_file: Path, watching: bool, request_id: str | None, no_upload: bool, as_json: bool) -> None:
    """Submit a job and print its id.

    A file that is here and that the service cannot read is uploaded; the job then names it as dataset://NAME.

    \b
    chainrule submit digits.toml
    chainrule submit digits.toml --watch --server trainer:50051
    """
    spec, uploads = parse_spec(read_job(job_file)), list[str]()

    def told(sentence: str) -> None:
        uploads.append(sentence)
        if not as_json:
            click.echo(sentence, err=True)

    with connect() as client:
        with transfer_bar(open_console(stderr=True)) as progress:
            job = client.submit(spec, request_id=request_id, upload=not no_upload, told=told, progress=progress)
        for sentence in advice(spec):
            click.echo(f"Warning: {sentence}", err=True)
        tell(as_json, {"id": job} | ({"uploads": uploads} if uploads else {}), job)
        if watching:
            _watch(client, job, 0, as_json)


@group.command()
@_job_file
@click.option("--rows", type=click.IntRange(1), default=16, show_default=True, help="Rows of the data to compute with.")
@click.option("--entries", type=click.IntRange(1), default=100, show_default=True, help="Numbers to check in a layer.")
@options.as_json
@options.server
def check(job_file: Path, rows: int, entries: int, as_json: bool) -> None:
    """Prove that a job's gradient is the derivative of its loss, layer by layer.

    It needs no service, unless the data lies there: the job's own network and rows of its data are used here. The exit
    code is 1 if it is not.

    \b
    chainrule check digits.toml
    chainrule check digits.toml --entries 1000 --json | jq .relative_error
    """
    from chainrule.client import gradient_check  # the other commands start faster without it

    result = gradient_check.run(job_file, rows, entries, open_console(stderr=True), connect)
    if as_json:
        print_json(result.document())
    else:
        open_console().print(result.table())
        click.echo(result.summary())
    raise click.exceptions.Exit(DONE if result.right else FAILED)


@group.command("list")
@click.option("--wide", is_flag=True, help="Cut nothing, as in a pipe.")
@options.as_json
@options.server
def list_jobs(wide: bool, as_json: bool) -> None:
    """List all jobs, the oldest first. In a terminal names and reasons are cut to its width.

    \b
    chainrule list
    chainrule list --wide
    chainrule list --json | jq '.[] | select(.state == "RUNNING") | .id'
    """
    with connect() as client:
        jobs = client.list()
    if as_json:
        print_json([job_document(job) for job in jobs])
        return
    console = open_console()
    if wide:
        console.width = UNCUT
    console.print(jobs_table(jobs, fitted=console.is_terminal and not wide))


@group.command()
@options.job
@options.as_json
@options.server
def show(job: str, as_json: bool) -> None:
    """Show a job: where it is, and its loss.

    \b
    chainrule show JOB
    chainrule show JOB --json | jq .metrics.validation.accuracy
    """
    with connect() as client:
        print_job(client.get(job), as_json)


@group.command()
@options.job
@options.as_json
@options.server
def watch(job: str, as_json: bool) -> None:
    """Watch a job, and how its layers learn, until it ends; Ctrl-C ends the watching only.

    The exit code is 0 if the job succeeded, and 1 if it failed or was cancelled.

    \b
    chainrule watch JOB
    chainrule watch JOB --json | jq .job.metrics.train.loss
    """
    with connect() as client:
        found = client.get(job)
        _watch(client, found.id, max(0, found.events - 1), as_json)


@group.command()
@options.job
@click.option("-o", "--output", type=_output, required=True, help="The file.")
@options.as_json
@options.server
def download(job: str, output: Path, as_json: bool) -> None:
    """Write a job's model, of its last checkpoint, to a safetensors file.

    \b
    chainrule download JOB -o model.safetensors
    """
    with connect() as client:
        path = client.download(job, output)
    size = path.stat().st_size
    tell(as_json, {"path": str(path), "bytes": size}, f"{path}: {size:,} bytes")


@group.command()
@options.job
@click.option("-o", "--output", type=_output, help="The file; else it is printed.")
@options.as_json
@options.server
def receipt(job: str, output: Path | None, as_json: bool) -> None:
    """Print the receipt of a job: all that it takes to have its result again, and what it has survived.

    \b
    chainrule receipt JOB
    chainrule receipt JOB -o receipt.json
    """
    with connect() as client:
        document = client.receipt(job)
    text = json.dumps(document, indent=2)
    if output is not None:
        output.write_text(text + "\n")
        tell(as_json, {"path": str(output), "bytes": len(text) + 1}, f"{output}: the receipt of {job}")
    else:
        tell(as_json, document, text)


@group.command()
@click.option("--dir", "folder", type=_folder, default=Path("build/demo"), show_default=True, help="For all its files.")
@options.as_json
def demo(folder: Path, as_json: bool) -> None:
    """Train on scikit-learn's handwritten digits, with a service that lives as long as the demo.

    \b
    chainrule demo
    chainrule demo --dir /tmp/demo
    """
    result = digits.run(folder, open_console(stderr=as_json))
    if as_json:
        print_json(result.document())
    raise click.exceptions.Exit(DONE if result.good else FAILED)


def _watch(client: Client, id: str, after: int, as_json: bool) -> None:
    """Show a job until it ends; exit with 1 if it does not succeed."""
    job = None
    try:
        if as_json:
            for event in client.watch(id, after=after):
                print_json(event_document(event))
                job = event.job
        else:
            job = follow(client.watch(id, after=after), open_console(), Layers(lambda: client.get(id)))
    except KeyboardInterrupt:
        click.echo(f"{id} goes on; `chainrule watch {id}` shows it again", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    if (job or client.get(id)).state is not JobState.SUCCEEDED:
        raise click.exceptions.Exit(FAILED)
