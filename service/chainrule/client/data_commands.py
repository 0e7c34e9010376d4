"""The commands that look at data: describe, init, upload, datasets, predict."""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from chainrule.client import options
from chainrule.client.display import open_console, transfer_bar
from chainrule.client.documents import dataset_document, plain
from chainrule.client.options import connect, print_json, tell
from chainrule.client.prediction_files import WRITERS, write_predictions
from chainrule.client.predictions import Predictions
from chainrule.client.sources import described
from chainrule.client.tables import datasets_table
from chainrule.wire.dataset import SCHEME

_source = click.argument("source", metavar="SOURCE")


@click.command()
@_source
@options.as_json
@options.server
def describe(source: str, as_json: bool) -> None:
    """Tell what is in data: columns, types, what is missing, ranges, classes.

    SOURCE is a file, folder, glob or URI in any format that can be trained on, which needs no service, or what was
    uploaded.

    \b
    chainrule describe houses.csv
    chainrule describe 's3://bucket/rows/*.parquet' --json | jq .rows
    chainrule describe dataset://houses
    """
    from chainrule.client.suggestion import description_table  # the other commands start faster without it

    description = described(source, connect)
    if as_json:
        print_json(plain(description.report()))
    else:
        open_console().print(description_table(description))
        click.echo(description.summary())


@click.command()
@_source
@click.option("--label", required=True, help="The column to predict.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="At most so many.")
@options.server
def init(source: str, label: str, workers: int) -> None:
    """Print a job file that suits the data; it can be submitted as it is.

    \b
    chainrule init houses.csv --label price > houses.toml
    chainrule submit houses.toml --watch
    """
    from chainrule.client.suggestion import suggest

    click.echo(suggest(described(source, connect), label, workers), nl=False)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Jobs say dataset://NAME.")
@options.as_json
@options.server
def upload(file: Path, name: str, as_json: bool) -> None:
    """Keep a file in the service, for jobs to train on as dataset://NAME.

    An upload that was cut off goes on where it was when it is done again; the same bytes are sent once.

    \b
    chainrule upload houses.csv.gz --name houses
    """
    with connect() as client, transfer_bar(open_console(stderr=True)) as progress:
        dataset = client.upload(file, name, progress)
    words = f"{SCHEME}{dataset.name}: {dataset.size:,} bytes, sha256 {dataset.sha256}"
    tell(as_json, dataset_document(dataset), words)


@click.command()
@click.option("--delete", "name", metavar="NAME", help="Forget one, unless a job that has not ended uses it.")
@options.as_json
@options.server
def datasets(name: str | None, as_json: bool) -> None:
    """List what was uploaded, or delete one of it.

    \b
    chainrule datasets
    chainrule datasets --delete houses
    """
    with connect() as client:
        if name is not None:
            client.delete_dataset(name := name.removeprefix(SCHEME))
            tell(as_json, {"name": name}, f"{SCHEME}{name} is deleted")
            return
        found = client.datasets()
    if as_json:
        print_json([dataset_document(dataset) for dataset in found])
    else:
        open_console().print(datasets_table(found))


@click.command()
@options.job
@click.argument("rows", metavar="ROWS.csv", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .parquet file.")
@options.as_json
@options.server
def predict(job: str, rows: Path, output: Path | None, as_json: bool) -> None:
    """Predict each row of a file in any format that can be trained on.

    Rows are raw, their columns in any order. A file has the probability of each class, too.

    \b
    chainrule predict JOB rows.csv
    chainrule predict JOB rows.parquet -o predictions.csv
    chainrule predict JOB rows.csv --json > predictions.json
    """
    if output is not None and output.suffix.lower() not in WRITERS:
        raise click.BadParameter(f"{output} must end in .csv or .parquet", param_hint="-o")
    with connect() as client:
        parts = client.predictions(job, rows)
        if output is not None:
            count = write_predictions(output, parts, client.spec(job).data.targets)
            tell(as_json, {"path": str(output), "rows": count}, f"{output}: {count:,} rows")
        elif as_json:
            print_json(plain([label for part in parts for label in _labels(part)]))
        else:
            _print(parts)


def _print(parts: Iterator[Predictions]) -> None:
    for part in parts:
        click.echo("\n".join(map(str, _labels(part))))


def _labels(predictions: Predictions) -> list[str] | list[float]:
    """Return the predictions; a number with the digits that a float32 has."""
    if predictions.classes:
        return predictions.labels
    return [float(str(np.float32(number))) for number in predictions.labels]


DATA_COMMANDS = (describe, init, upload, datasets, predict)
