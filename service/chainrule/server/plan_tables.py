"""A plan as tables and sentences for a person to read."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from chainrule.server.forecast import Forecast
from chainrule.server.planning import JobPlan
from chainrule.wire.advice import advice

_COLUMNS = (
    *("WORKERS", "WHERE", "STEP", "SAMPLES/S", "EFFICIENCY", "JOB", "DOWN/STEP", "UP/STEP", "A WORKER", "SERVER"),
    "NEXT TO COMPUTING",
)
_PLACES = {"here": "this host", "hosts": "hosts"}
_UNITS = ("B", "kB", "MB", "GB", "TB")


def layers_table(plan: JobPlan) -> Table:
    """Return a line for each layer."""
    table, network = Table(box=None, pad_edge=False, header_style="bold"), plan.counts.network
    for name in ("LAYER", "W", "B", "ACTIVATION", "NUMBERS"):
        table.add_column(name, justify="left" if name == "ACTIVATION" else "right")
    for L, (inputs, outputs) in enumerate(zip(network.sizes, network.sizes[1:], strict=False), start=1):
        cells = str(L), f"{outputs} x {inputs}", str(outputs), network.activations[L - 1], f"{outputs * (inputs + 1):,}"
        table.add_row(*cells)
    return table


def forecasts_table(plan: JobPlan, workers: Sequence[int]) -> Table:
    """Return a line for each number of workers, on this host as far as it has processors, and on hosts of their own."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("WHERE", "NEXT TO COMPUTING") else "right", no_wrap=True)
    for count in workers:
        for where in plan.places:
            if plan.fits(where, count):
                table.add_row(*_cells(plan, where, count))
    return table


def _cells(plan: JobPlan, where: str, workers: int) -> tuple[str, ...]:
    each = plan.forecast(where, workers)
    return (
        *(f"{workers:,}", _PLACES[where], duration(each.seconds), f"{each.samples_per_second:,.0f}"),
        *(f"{plan.efficiency(each):.0%}", duration(plan.job_seconds(each)), size(each.bytes_down), size(each.bytes_up)),
        *(size(plan.worker_bytes(where, workers)), size(plan.server_bytes(workers)), _next(each)),
    )


def _next(each: Forecast) -> str:
    """Return what takes most of a step beside the computing."""
    phase = max((name for name in each.phases if name != "compute"), key=each.phases.__getitem__)
    return f"{phase} {each.phases[phase] / each.seconds:.0%}"


def sentences(plan: JobPlan) -> Iterator[str]:
    """Yield what a job is made of, and how many workers are worth having."""
    counts, spec, summary = plan.counts, plan.spec, plan.summary
    yield (
        f"{spec.name}: {counts.parameters:,} weights and biases; {sum(summary.rows_of_shards):,} rows for training in "
        f"{counts.shards:,} shards, {summary.validation_rows:,} for validation"
    )
    yield (
        f"A step: {counts.shards * counts.rows:,} rows, {counts.flops / 1e9:,.2f} GFLOP. "
        f"The job: {summary.steps(spec):,} steps in {spec.training.epochs:,} epochs"
        + (" at most" if spec.early_stopping else "")
    )
    for sentence in advice(spec):
        yield f"Warning: {sentence}"


def conclusions(plan: JobPlan) -> Iterator[str]:
    """Yield how many workers are worth having."""
    here, hosts = (_with_rate(plan, where) for where in ("here", "hosts"))
    yield f"Worth having: {here} on this host ({plan.costs.cores} processors), or {hosts} on hosts of their own"
    if _best_rate(plan, "hosts") < _best_rate(plan, "here"):
        yield "Over this link no number of workers on hosts of their own is as fast as those on this host"
    if plan.counts.shards in (plan.worth_having("here"), plan.worth_having("hosts")):
        yield f"The job has {plan.counts.shards:,} shards: for more workers give it more, and a larger batch_size"


def _with_rate(plan: JobPlan, where: str) -> str:
    workers = plan.worth_having(where)
    return f"{workers:,} worker{'' if workers == 1 else 's'}, {_best_rate(plan, where):,.0f} samples/s,"


def _best_rate(plan: JobPlan, where: str) -> float:
    return plan.forecast(where, plan.worth_having(where)).samples_per_second


def duration(seconds: float) -> str:
    """Return a duration: 253 µs, 12.4 ms, 3.1 s, 4 min, 2.5 h."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds / 3600:,.1f} h"


def size(count: float) -> str:
    """Return a number of bytes: 64.7 MB."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} {_UNITS[-1]}"
