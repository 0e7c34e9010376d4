"""How the layers of a job learn, as a person reads it while the job trains."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.table import Table
from rich.text import Text

from chainrule.wire.errors import ChainruleError
from chainrule.wire.job import Job, percent
from chainrule.wire.layers import LayerFigures

LOOK_SECONDS = 1.0
"""The time between two looks; the service measures about as often."""
MOST = 12
"""More layers than this are not drawn: the ends are, and how many lie between."""
_COLUMNS = ("LAYER", "GRADIENT", "WEIGHTS", "UPDATE", "DEAD", "SATURATED", "")


class Layers:
    """The layers of a job, asked for now and then while its events come; events have none."""

    def __init__(self, job: Callable[[], Job], clock: Callable[[], float] = time.monotonic) -> None:
        self._job, self._clock, self._due = job, clock, float("-inf")
        self._layers: tuple[LayerFigures, ...] = ()

    def __call__(self) -> tuple[LayerFigures, ...]:
        """Return them as they were at the last look; while the service is away they stay so."""
        if self._clock() >= self._due:
            with suppress(ChainruleError):  # whoever follows the events learns it from them
                self._layers = self._job().layers
            self._due = self._clock() + LOOK_SECONDS
        return self._layers


def layers_table(layers: Sequence[LayerFigures]) -> Table:
    """Return layers as a line each, with what is wrong in a word."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    ends = MOST // 2
    for layer in layers if len(layers) <= MOST else layers[:ends]:
        table.add_row(*_cells(layer))
    if len(layers) > MOST:
        table.add_row("...", f"{len(layers) - 2 * ends} more", *[""] * (len(_COLUMNS) - 2))
        for layer in layers[-ends:]:
            table.add_row(*_cells(layer))
    return table


def _cells(layer: LayerFigures) -> tuple[str | Text, ...]:
    lengths = (layer.gradient_norm, layer.weight_norm, layer.update_ratio)
    shares = (layer.dead_ratio, layer.saturation)
    return (
        str(layer.layer),
        *("-" if value is None else f"{value:.3g}" for value in lengths),
        *("-" if value is None else percent(value) for value in shares),
        Text(layer.diagnosis, "bold red"),
    )


def layer_words(layers: Sequence[LayerFigures]) -> str:
    """Return the layers that do not learn: `layers 1-3 vanishing, layer 5 dead`; nothing where all do."""
    found: dict[str, list[int]] = {}
    for layer in layers:
        if layer.diagnosis:
            found.setdefault(layer.diagnosis, []).append(layer.layer)
    return ", ".join(f"{_ranges(numbers)} {word}" for word, numbers in found.items())


def _ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as a person writes them: `layers 1-3, 7`, `layer 2`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    spans = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"layer{'s' if len(numbers) > 1 else ''} {spans}"
