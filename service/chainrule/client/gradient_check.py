"""The proof of a job's gradient, on its own network and rows, before any cluster is used."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from chainrule.client.documents import plain
from chainrule.client.job_file import read_job
from chainrule.client.sources import Connect, fetched
from chainrule.data.dataset import load_dataset
from chainrule.data.shards import Shard
from chainrule.nn import LOSSES, Array, LayerCheck, Network, Parameters, check_layers, initialize, one_hot
from chainrule.nn.check import TOLERANCE
from chainrule.wire.validation import parse_spec

_COLUMNS = ("LAYER", "NEURONS", "ACTIVATION", "NUMBERS", "CHECKED", "LARGEST GRADIENT", "RELATIVE ERROR", "")


@dataclass(frozen=True)
class GradientCheck:
    """What came out for a network, layer by layer."""

    network: Network
    rows: int
    layers: tuple[LayerCheck, ...]

    @property
    def right(self) -> bool:
        """Whether back-propagation gives the derivative in every layer."""
        return all(layer.right for layer in self.layers)

    @property
    def relative_error(self) -> float:
        """The largest error of a layer."""
        return max(layer.relative_error for layer in self.layers)

    def document(self) -> dict[str, Any]:
        """Return the result as plain data for JSON."""
        layers = [asdict(layer) | {"right": layer.right} for layer in self.layers]
        document = {"right": self.right, "rows": self.rows, "relative_error": self.relative_error, "layers": layers}
        result: dict[str, Any] = plain(document)
        return result

    def table(self) -> Table:
        """Return a line for each layer."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in _COLUMNS:
            table.add_column(name, justify="left" if name in ("ACTIVATION", "") else "right", no_wrap=True)
        for layer in self.layers:
            table.add_row(*self._cells(layer))
        return table

    def _cells(self, layer: LayerCheck) -> tuple[str, ...]:
        inputs, outputs = self.network.sizes[layer.layer - 1 : layer.layer + 1]
        verdict = "wrong" if not layer.right else "no gradient reaches it" if layer.largest == 0 else "right"
        return (
            *(str(layer.layer), f"{outputs:,}", layer.activation, f"{outputs * (inputs + 1):,}", f"{layer.checked:,}"),
            *(f"{layer.largest:.2e}", f"{layer.relative_error:.1e}", verdict),
        )

    def summary(self) -> str:
        """Return the sentence that ends the check."""
        verdict = "right" if self.right else "WRONG"
        error = f"its largest relative error is {self.relative_error:.1e}, and {TOLERANCE:g} is allowed"
        return f"The gradient is {verdict}: {error}"


def run(job_file: Path, rows: int, entries: int, console: Console, connect: Connect) -> GradientCheck:
    """Check the gradient of a job's network near its first weights. Raises InvalidJob, InvalidData."""
    spec = parse_spec(read_job(job_file))
    with fetched(spec, connect) as found:
        summary, shards = load_dataset(found)
    network = summary.network(spec)
    X, Y = _first_rows(network, shards[0], rows)
    checks = check_layers(network, _off_kinks(initialize(network, spec.training.seed)), X, Y, entries)
    return GradientCheck(network, len(X), tuple(_told(checks, network, console)))


def _off_kinks(parameters: Parameters) -> Parameters:
    """Move the biases away from 0: of a row of zeros, relu would stand on its kink, where there is no derivative."""
    random = np.random.default_rng(0)
    for B in parameters.B.values():
        B += 0.01 * random.standard_normal(B.shape, np.float32)
    return parameters


def _first_rows(network: Network, shard: Shard, rows: int) -> tuple[Array, Array]:
    X, Y = shard.X[:rows], shard.Y[:rows]
    if LOSSES[network.loss].classes:
        Y = one_hot(Y, np.empty((len(Y), network.sizes[-1]), dtype=np.float32))
    return X, Y


def _told(checks: Iterator[LayerCheck], network: Network, console: Console) -> Iterator[LayerCheck]:
    """Say which layer is under way: a large network takes a while."""
    with console.status("") as status:
        for L in range(1, network.layers + 1):
            status.update(f"Layer {L} of {network.layers} ...")
            yield next(checks)
