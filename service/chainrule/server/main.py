"""The command `chainrule`: the client's commands, and `serve`."""

import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from chainrule.client.commands import group, invoke
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
@click.option("--json", "as_json", is_flag=True, help="Announce the addresses as one line of JSON.")
def serve(
    data_dir: Path,
    host: str,
    port: int,
    http_port: int,
    ray_address: str | None,
    num_cpus: int | None,
    as_json: bool,
) -> None:
    """Run the service until Ctrl-C or SIGTERM; when it is started again, jobs go on from their last checkpoint.

    \b
    chainrule serve
    chainrule serve --data-dir /srv/chainrule --num-cpus 8
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
        settings = Settings(data_dir.expanduser(), host, port, http_port, ray_address, num_cpus)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    asyncio.run(run(settings, announce))


def main() -> int:
    """Run the command line and return its exit code."""
    return invoke(group)
