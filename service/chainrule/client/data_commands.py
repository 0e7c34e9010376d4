"""The commands that look at data: describe, init, upload, datasets, predict."""

import csv
import io
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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
from chainrule.data.description import Description
from chainrule.wire.dataset import SCHEME
from chainrule.wire.errors import InvalidData, InvalidJob
from chainrule.wire.spec import ENCODINGS, FORMATS, THOUSANDS

_source = click.argument("source", metavar="SOURCE")
_FILES = (
    click.option("--format", type=click.Choice(FORMATS), help="The files' format; else their names tell."),
    click.option("--delimiter", metavar="CHARACTER", help="What stands between two values of a text file."),
    click.option("--header/--no-header", default=None, help="Whether a text file's first line has the names."),
    click.option("--encoding", type=click.Choice(ENCODINGS), help="Of a text file."),
)
_VALUES = (
    click.option("--decimal", type=click.Choice((".", ",")), help="The decimal mark of numbers."),
    click.option("--thousands", type=click.Choice(THOUSANDS), help="What groups the digits of numbers."),
    click.option(
        *("--missing-value", "missing_values"),
        multiple=True,
        metavar="WORD",
        help="A word for a missing value, instead of the usual ones; may be given several times.",
    ),
    click.option("--date-format", metavar="FORMAT", help="The format of dates, as %d.%m.%Y."),
)
_FIELD = re.compile(
    r"""\bdata\.(format|delimiter|encoding|decimal|thousands|date_format) = "(.*?)"|\bdata\.header = (true|false)"""
)


def _options(*groups: tuple[Callable[..., Any], ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds options to a command."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return add


def _looked_at(source: str, reading: Mapping[str, Any]) -> Description:
    """Return the description of a source. Raises InvalidData, which names options where the job has fields."""
    try:
        return described(source, connect, reading)
    except InvalidData as error:
        raise InvalidData(_FIELD.sub(_option, str(error))) from None
    except InvalidJob as error:
        raise InvalidData("; ".join(f"{_flag(each.path)} {each.problem}" for each in error.violations)) from None


def _option(field: re.Match[str]) -> str:
    name, value, header = field.groups()
    return f"{_flag(name)} {value}" if name else "--header" if header == "true" else "--no-header"


def _flag(path: str) -> str:
    name = re.sub(r"^data\.|\[\d+\]$", "", path).replace("_", "-")
    return f"--{name.removesuffix('s') if name == 'missing-values' else name}"


def _given(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job that the options give."""
    return {name: value for name, value in reading.items() if value not in (None, ())}


@click.command()
@_source
@_options(_FILES, _VALUES)
@options.as_json
@options.server
def describe(source: str, as_json: bool, **reading: Any) -> None:
    """Tell what is in data: columns, types, what is missing, ranges, classes.

    SOURCE is a file, folder, glob or URI in any format that can be trained on, which needs no service, or what was
    uploaded. How a text file is to be read is guessed unless options say it.

    \b
    chainrule describe houses.csv
    chainrule describe prices.csv --delimiter ';' --decimal , --encoding windows-1252
    chainrule describe 's3://bucket/rows/*.parquet' --json | jq .rows
    chainrule describe dataset://houses
    """
    from chainrule.client.description_table import description_table, notes  # the other commands start faster without

    description = _looked_at(source, _given(reading))
    if as_json:
        print_json(plain(description.report()))
        return
    open_console().print(description_table(description))
    for note in notes(description):
        click.echo(note)
    click.echo(description.summary())


@click.command()
@_source
@click.option("--label", "labels", required=True, multiple=True, help="The column to predict; may be given again.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="At most so many.")
@_options(_FILES, _VALUES)
@options.as_json
@options.server
def init(source: str, labels: tuple[str, ...], workers: int, as_json: bool, **reading: Any) -> None:
    """Print a job file that suits the data, with the reason for each choice; it can be submitted as it is.

    Numbers such as 1,5 and 36,815 are read as what they are if all columns agree.

    \b
    chainrule init houses.csv --label price > houses.toml
    chainrule submit houses.toml --watch
    chainrule init houses.csv --label price --json > houses.json
    """
    from chainrule.client.number_formats import read_best
    from chainrule.client.suggestion import suggest

    given = _given(reading)
    description, found = read_best(given, partial(_looked_at, source))
    text = suggest(description, labels, workers, given, found)
    if as_json:
        print_json(tomllib.loads(text))
    else:
        click.echo(text, nl=False)


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
@_options(_FILES)
@options.as_json
@options.server
def predict(job: str, rows: Path, output: Path | None, as_json: bool, **reading: Any) -> None:
    """Predict each row of a file in any format that can be trained on.

    Rows are raw, their columns in any order, and are read as the training data was. A file has the probability of each
    class, too. Where several columns are predicted, each row has the number of each.

    \b
    chainrule predict JOB rows.csv
    chainrule predict JOB rows.parquet -o predictions.csv
    chainrule predict JOB rows.csv --json > predictions.json
    """
    if output is not None and output.suffix.lower() not in WRITERS:
        raise click.BadParameter(f"{output} must end in .csv or .parquet", param_hint="-o")
    with connect() as client:
        parts = _warned(client.predictions(job, rows, **reading))
        if output is not None:
            count = write_predictions(output, parts, client.spec(job).data.targets)
            tell(as_json, {"path": str(output), "rows": count}, f"{output}: {count:,} rows")
        elif as_json:
            print_json(plain([label for part in parts for label in _shown(part)]))
        else:
            _print(parts)


def _warned(parts: Iterator[Predictions]) -> Iterator[Predictions]:
    """Yield the predictions, and print what to know of their model."""
    for number, part in enumerate(parts):
        for warning in part.warnings if number == 0 else ():
            click.echo(f"Warning: {warning}", err=True)
        yield part


def _print(parts: Iterator[Predictions]) -> None:
    """Print a line for each row; several numbers as CSV, with a header line."""
    for number, part in enumerate(parts):
        labels = _shown(part)
        if isinstance(labels[0], dict):
            text = io.StringIO()
            lines = csv.writer(text, lineterminator="\n")
            if number == 0:
                lines.writerow(labels[0])
            lines.writerows([label.values() for label in labels])
            click.echo(text.getvalue(), nl=False)
        else:
            click.echo("\n".join(map(str, labels)))


def _shown(predictions: Predictions) -> list[Any]:
    """Return the labels; numbers of float32 with the digits that it has."""
    if predictions.classes or predictions.values.dtype.itemsize > 4:
        return list(predictions.labels)
    shown = [[float(str(x)) for x in row] for row in predictions.values]
    return replace(predictions, values=np.array(shown, np.float64)).labels


DATA_COMMANDS = (describe, init, upload, datasets, predict)
