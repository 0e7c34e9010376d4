"""The commands that change a job which is there: cancel, pause, resume, scale, delete."""

import click

from chainrule.client import options
from chainrule.client.documents import job_document
from chainrule.client.options import connect, print_job, tell
from chainrule.wire.spec import MOST_SHARDS


@click.command()
@options.job
@options.as_json
@options.server
def cancel(job: str, as_json: bool) -> None:
    """Cancel a job that has not ended.

    \b
    chainrule cancel JOB
    """
    with connect() as client:
        print_job(client.cancel(job), as_json)


@click.command()
@options.job
@options.as_json
@options.server
def pause(job: str, as_json: bool) -> None:
    """Bring a job to a checkpoint, where it stays until it is resumed.

    Its CPUs are free for other jobs then. A job that waits is paused, too.

    \b
    chainrule pause JOB
    """
    with connect() as client:
        paused = client.pause(job)
    words = f"{paused.id} is paused at step {paused.version:,}; `chainrule resume {paused.id}` goes on"
    tell(as_json, job_document(paused), words)


@click.command()
@options.job
@options.as_json
@options.server
def resume(job: str, as_json: bool) -> None:
    """Let a paused job go on from its checkpoint.

    It waits for CPUs in its old place of the queue. The data of a job that cannot run is checked again.

    \b
    chainrule resume JOB
    """
    with connect() as client:
        resumed = client.resume(job)
    tell(as_json, job_document(resumed), f"{resumed.id} is {resumed.state.lower()} at step {resumed.version:,}")


@click.command()
@options.job
@click.option("--workers", type=click.IntRange(1, MOST_SHARDS), required=True, help="One for each shard at most.")
@options.as_json
@options.server
def scale(job: str, workers: int, as_json: bool) -> None:
    """Change how many workers at most take part in a job.

    From its next step on: the surplus leaves, or more start when CPUs are free. The trained weights stay the same.

    \b
    chainrule scale JOB --workers 4
    """
    with connect() as client:
        scaled = client.scale(job, workers)
    most = f"{scaled.max_workers} worker{'' if scaled.max_workers == 1 else 's'}"
    tell(as_json, job_document(scaled), f"{scaled.id} has at most {most} from now on")


@click.command()
@options.job
@options.as_json
@options.server
def delete(job: str, as_json: bool) -> None:
    """Delete a job that has ended, with its checkpoints.

    \b
    chainrule delete JOB
    """
    with connect() as client:
        id = client.get(job).id
        client.delete(id)
    tell(as_json, {"id": id}, f"{id} is deleted")


ORDERS = (cancel, pause, resume, scale, delete)
