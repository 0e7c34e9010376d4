"""How training grows with workers: `make bench-scale`.

First the model of `chainrule plan` beside real training by 1, 2 and 4 workers on this machine, over both transports;
then what it tells of 2 to 256 workers on hosts of their own. The costs that it uses are measured between the real runs,
by no real training. The exit code is 1 if a real run is not within BAR.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_nn import NETS
from measure import machine
from training import Training, read_job, write_job

from chainrule.data.dataset import load_dataset
from chainrule.server.calibration import calibrate
from chainrule.server.costs import Costs
from chainrule.server.counts import Counts
from chainrule.server.forecast import ENOUGH, Forecast, Link, Place, forecast, worthwhile
from chainrule.server.planning import counts_of

ROWS = (256, 1024)
REAL_WORKERS = (1, 2, 4)
WORKERS = (2, 4, 8, 16, 32, 64, 128, 256)
GIGABITS = (1, 10, 25)
LATENCY = 100e-6
"""Seconds of a round trip between hosts of one hall."""
BAR = 0.15
RESULT = Path("build/bench_scale.json")

Line = dict[str, Any]


def check(net: str, rows: int, workers: int, rounds: int, seconds: float, folder: Path) -> tuple[list[Line], Costs]:
    """Return a line for each transport, and costs. These are measured around all real runs: machines drift.

    Medians of the rounds are compared, since a burst of something else meets either the costs or a run.
    """
    jobs = {tcp: write_job(folder, NETS[net], rows, not tcp, workers) for tcp in (False, True)}
    spec = read_job(jobs[False])
    summary, _ = load_dataset(spec)
    costs, reals = [calibrate(spec, summary, workers)], {tcp: list[Line]() for tcp in jobs}
    for _ in range(rounds):
        for tcp, job in jobs.items():
            reals[tcp].append(Training(job).run(seconds))
        costs.append(calibrate(spec, summary, workers))
    lines = []
    for tcp, runs in reals.items():
        told = [forecast(counts_of(spec, summary), each, Place(tcp=tcp), workers) for each in costs]
        rate = workers * rows / statistics.median(each.seconds for each in told)
        real = statistics.median(run["samples_per_second"] for run in runs)
        line = {"net": net, "rows": rows, "workers": workers, "transport": Place(tcp=tcp).name}
        line |= {"forecast": rate, "real": real, "error": rate / real - 1}
        lines.append(line | {"phases": [each.phases for each in told], "real_phases": [run["phases"] for run in runs]})
    return lines, costs[-1]


def simulate(net: str, rows: int, counts: Counts, costs: Costs) -> Iterator[Line]:
    """Yield a line for each bandwidth; each worker has a shard of `rows` rows for a step."""
    one = forecast(_grown(counts, 1), costs, Place(tcp=False), 1).samples_per_second
    for gigabits in GIGABITS:
        place = Place(link=Link(gigabits * 1e9, LATENCY))

        def told(workers: int, place: Place = place) -> Forecast:
            return forecast(_grown(counts, workers), costs, place, workers)

        rates = {workers: told(workers).samples_per_second for workers in range(1, max(WORKERS) + 1)}
        shown = [
            {
                "workers": workers,
                "samples_per_second": rates[workers],
                "efficiency": rates[workers] / (workers * one),
                "phases": told(workers).phases,
            }
            for workers in WORKERS
        ]
        line = {"net": net, "rows": rows, "gigabits": gigabits, "one_worker": one, "forecasts": shown}
        yield line | {"worth_having": worthwhile(rates)}


def _grown(counts: Counts, workers: int) -> Counts:
    return replace(counts, shards=workers)


def main() -> None:
    """Measure, write RESULT and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", default="ABC", help="which of the nets A to D")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="rows of each worker and step")
    parser.add_argument("--rounds", type=int, default=3, help="real runs of each kind")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each real run")
    arguments = parser.parse_args()
    checked, known = [], {}
    print(f"{machine()}\n\n{_head('net, rows', 'transport', 'workers', 'forecast', 'real, samples/s', 'error')}")
    with tempfile.TemporaryDirectory() as folder:
        for net, rows, workers in itertools.product(arguments.nets, arguments.rows, REAL_WORKERS):
            lines, costs = check(net, rows, workers, arguments.rounds, arguments.seconds, Path(folder))
            checked += lines
            if workers <= costs.cores:  # of more the costs are not those of a host with a processor for each
                known[net, rows] = costs
            print("\n".join(map(_checked, lines)), flush=True)
        simulated = [
            line
            for (net, rows), costs in known.items()
            for line in simulate(net, rows, _counts(net, rows, Path(folder)), costs)
        ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"bar": BAR, "check": checked, "simulated": simulated}, indent=1))
    within = sum(abs(line["error"]) <= BAR for line in checked)
    errors = [abs(line["error"]) for line in checked]
    print(f"\n{within} of {len(checked)} within {BAR:.0%}; median error {statistics.median(errors):.1%}\n")
    print(_head("net, rows", "Gbit/s", "1 here", *map(str, WORKERS), "worth having"))
    print("\n".join(map(_simulated, simulated)))
    print(
        f"\nsamples/s by so many workers, and efficiency; with those worth having {ENOUGH:.0%} of the best are reached"
    )
    sys.exit(within < len(checked))


def _counts(net: str, rows: int, folder: Path) -> Counts:
    spec = read_job(write_job(folder, NETS[net], rows, True, 1))
    return counts_of(spec, load_dataset(spec)[0])


def _head(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def _checked(line: Line) -> str:
    return (
        f"| {line['net']}, {line['rows']} | {line['transport'].replace('_', ' ')} | {line['workers']} "
        f"| {line['forecast']:,.0f} | {line['real']:,.0f} | {line['error']:+.1%} |"
    )


def _simulated(line: Line) -> str:
    cells = (f"{each['samples_per_second']:,.0f} ({each['efficiency']:.2f})" for each in line["forecasts"])
    first = f"{line['net']}, {line['rows']} | {line['gigabits']} | {line['one_worker']:,.0f}"
    return f"| {first} | {' | '.join(cells)} | {line['worth_having']} |"


if __name__ == "__main__":
    main()
