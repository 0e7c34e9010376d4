"""The command `chainrule`: the client's commands, and `serve`."""

import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from chainrule.client import options
from chainrule.client.commands import group, invoke
from chainrule.client.display import open_console
from chainrule.client.exits import DONE, FAILED
from chainrule.server.quantities import BANDWIDTH, COUNTS, LATENCY, SHAPE
from chainrule.server.settings import Settings


@group.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".chainrule",
    show_default="~/.chainrule",
    help="Folder of jobs, checkpoints and logs.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=50051, show_default=True, help="gRPC; 0: any free one.")
@click.option("--http-port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Page and /metrics.")
@click.option("--ray-address", metavar="HOST:PORT", help="Head of a Ray cluster to join; else a local Ray is started.")
@click.option("--num-cpus", type=click.IntRange(1), help="CPUs that the local Ray counts; default all.")
@click.option(
    "--data-root",
    "data_roots",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    multiple=True,
    default=[Path()],
    show_default="the working folder",
    help="Folder whose files jobs may read; may be given several times.",
)
@click.option(
    "--warm-workers",
    type=click.IntRange(min=0),
    help="Workers kept ready for the next job, each holding a CPU; by default 2 on the local Ray, 0 on a cluster.",
)
@click.option("--json", "as_json", is_flag=True, help="Announce the addresses as one line of JSON.")
def serve(
    data_dir: Path,
    host: str,
    port: int,
    http_port: int,
    ray_address: str | None,
    num_cpus: int | None,
    data_roots: tuple[Path, ...],
    warm_workers: int | None,
    as_json: bool,
) -> None:
    """Run the service until Ctrl-C or SIGTERM; when it is started again, jobs go on from their last checkpoint.

    \b
    chainrule serve
    chainrule serve --data-dir /srv/chainrule --data-root /srv/data --num-cpus 8
    chainrule serve --host 0.0.0.0 --ray-address head:6379
    """
    from chainrule.server.service import Addresses, run  # the other commands start faster without it

    def announce(addresses: Addresses) -> None:
        if as_json:
            click.echo(json.dumps({**asdict(addresses), "pid": os.getpid()}))
        else:
            click.echo(f"Chainrule serves at {addresses.address}; its page is {addresses.http}; Ctrl-C ends it.")
        sys.stdout.flush()

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        settings = Settings(
            data_dir.expanduser(), host, port, http_port, ray_address, num_cpus, data_roots, warm_workers
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    asyncio.run(run(settings, announce))


@group.command()
@click.argument("job", metavar="JOB")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="First step to compare.")
@click.option("--last", type=click.IntRange(0), help="Last step; all that are on record if nothing is said.")
@click.option("--data", metavar="FILE", help="Where the training data is here, if not where the job file says.")
@options.as_json
@options.server
def verify(job: str, first: int, last: int | None, data: str | None, as_json: bool) -> None:
    """Train a job again, here and on one processor, and compare it step by step with what is on record.

    It says OK, or the first step, layer and shards where they part, and then the exit code is 1. A job that still
    runs is compared as far as it has come.

    \b
    chainrule verify JOB
    chainrule verify JOB --first 1000 --last 2000
    chainrule verify JOB --data copy-of-the-data.csv --json
    """
    from chainrule.server.verify import verify as verified

    with options.connect() as client:
        verdict = verified(client, job, first, last, data, open_console(stderr=True))
    options.tell(as_json, verdict.document(), str(verdict))
    raise click.exceptions.Exit(DONE if verdict.same else FAILED)


@group.command()
@click.argument("job_file", metavar="JOB.toml", type=click.Path(path_type=Path))
@click.option("--workers", type=COUNTS, metavar="N,N,...", help="Powers of two up to the job's shards by default.")
@click.option("--bandwidth", type=BANDWIDTH, default="10G", show_default=True, help="Of each host's network, bits/s.")
@click.option("--latency", type=LATENCY, default="100us", show_default=True, help="Of a round trip between hosts.")
@click.option("--data", "shape", type=SHAPE, metavar="ROWS,INPUTS,OUTPUTS", help="If the data cannot be read here.")
@options.as_json
@options.server
def plan(
    job_file: Path, workers: tuple[int, ...] | None, bandwidth: float, latency: float, shape: Any, as_json: bool
) -> None:
    """Tell what a job is made of, how fast it will be, and how many workers are worth having, before anything runs.

    Parts of a step are done here for 2 to 3 s to see what they cost; a model of the protocol does the rest. It needs no
    service, unless the data lies there. Other hosts are taken to be like this one.

    \b
    chainrule plan digits.toml
    chainrule plan digits.toml --workers 1,2,4,8 --bandwidth 1G --latency 200us
    chainrule plan clicks.toml --data 60000000,39,2 --json | jq .worth_having
    """
    from chainrule.server import plan_tables
    from chainrule.server.forecast import Link
    from chainrule.server.planning import DataShape, default_workers
    from chainrule.server.planning import plan as planned

    with open_console(stderr=True).status("") as status:
        known = None if shape is None else DataShape(*shape)
        made = planned(
            job_file, Link(bandwidth, latency), known, options.connect, lambda what: status.update(f"{what} ...")
        )
    workers = workers or default_workers(made.spec)
    if as_json:
        options.print_json(made.document(workers))
        return
    console = open_console()
    click.echo("\n".join(plan_tables.sentences(made)))
    console.print("", plan_tables.layers_table(made), "", plan_tables.forecasts_table(made, workers), "", sep="\n")
    click.echo("\n".join(plan_tables.conclusions(made)))


@group.command()
@click.argument("job_file", metavar="JOB.toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the plan.")
@click.option("--minutes", type=click.FloatRange(0), default=1.0, show_default=True, help="How long to disturb.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="For all its files.")
@options.as_json
def chaos(job_file: Path, seed: int, minutes: float, folder: Path | None, as_json: bool) -> None:
    """Train a job on a service of its own, kill and stall its processes, and prove that no bit has changed.

    Workers, the parameter server, Ray and the service are killed, stalled and told to end, checkpoints are damaged,
    pushes are doubled and delayed. In the end the job is trained again undisturbed and compared step by step; the exit
    code is 1 if a bit differs or training is lost. Nobody else's service or Ray is touched.

    \b
    chainrule chaos digits.toml
    chainrule chaos digits.toml --seed 7 --minutes 10
    """
    from chainrule.server.chaos import Chaos

    folder = folder or Path("build/chaos") / f"{seed}"
    disturbed = Chaos(folder, seed, open_console(stderr=True))
    verdict = disturbed.run(job_file, minutes)
    survived = {"seed": seed, "survived": [{"fault": name, "seconds": s} for name, s in disturbed.recoveries]}
    options.tell(as_json, verdict.document() | survived, f"{len(disturbed.recoveries)} faults survived. {verdict}")
    raise click.exceptions.Exit(DONE if verdict.same else FAILED)


def main() -> int:
    """Run the command line and return its exit code."""
    return invoke(group)
