"""Whole synchronous training by two workers, beside its limit and others: `make bench`.

The limit is two processes that compute the same steps with the same code and never speak. All take turns; what counts
are ratios of turns beside each other. PyTorch and scikit-learn take part where `--peers` names a Python that has them.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import narrow
from bench_nn import NETS
from first_step import first_steps
from measure import machine
from processes import ONE_THREAD, Driven
from training import WORKERS, Training, write_job

ROWS = (256, 1024)
TRANSPORTS = {"shared_memory": True, "tcp": False}
PEERS = {"ddp": "ddp", "torch": "torch", "torch 2": "torch", "sklearn": "sklearn", "sklearn 2": "sklearn"}
"""What each competitor is; the better of one and two threads counts."""
RESULT = Path("build/bench.json")


def competitors(python: str | None, net: str, rows: int, stack: ExitStack) -> dict[str, Driven]:
    """Start the peers that are installed."""
    if python is None:
        return {}
    started = {}
    for name, kind in PEERS.items():
        module = "sklearn" if kind == "sklearn" else "torch"
        if subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True).returncode:
            continue
        threads, ranks = "2" if name.endswith("2") else "1", WORKERS if kind == "ddp" else 1
        shape, port = "-".join(map(str, NETS[net])), str(_free_port())
        arguments = [(kind, shape, rows, rank, threads, port) for rank in range(ranks)]
        env = {key: value for key, value in os.environ.items() if key not in ONE_THREAD}
        started[name] = stack.enter_context(Driven(python, "peer_training.py", arguments, env))
    return started


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def bench(
    net: str, rows: int, rounds: int, seconds: float, peers: str | None, folder: Path
) -> Iterator[dict[str, Any]]:
    """Yield a line of the result for each transport."""
    jobs = {name: write_job(folder, NETS[net], rows, shared) for name, shared in TRANSPORTS.items()}
    rates: dict[str, list[float]] = defaultdict(list)
    times: dict[str, list[float]] = defaultdict(list)
    phases: dict[str, list[dict[str, float]]] = defaultdict(list)
    with ExitStack() as stack:
        alone = [(job, k) for job in list(jobs.values())[:1] for k in range(WORKERS)]
        limit = Driven(sys.executable, "training.py", alone, os.environ | ONE_THREAD)
        driven = {"limit": stack.enter_context(limit)} | competitors(peers, net, rows, stack)
        ours = {name: Training(job) for name, job in jobs.items()}
        for _ in range(rounds):
            for name, training in ours.items():
                result = training.run(seconds)
                rates[name].append(result["samples_per_second"])
                times[name].append(statistics.median(result["seconds"]))
                phases[name].append(result["phases"])
            for name, each in driven.items():
                rates[name].append(each.run(seconds))
    for name in TRANSPORTS:
        step = WORKERS * rows / statistics.median(rates["limit"])
        yield {
            "net": net,
            "rows": rows,
            "transport": name,
            "samples_per_second": statistics.median(rates[name]),
            "spread": (max(rates[name]) - min(rates[name])) / statistics.median(rates[name]),
            "overhead_us": 1e6 * (statistics.median(times[name]) - step),
            "phases_us": {
                phase: 1e6 * statistics.median(each[phase] for each in phases[name]) for phase in phases[name][0]
            },
            "limit": statistics.median(rates["limit"]),
            **{kind: _best(rates, kind) for kind in ("ddp", "torch", "sklearn")},
            "ratios": {other: _ratio(rates, name, other) for other in ("limit", "ddp", "torch", "sklearn")},
        }


def _best(rates: Mapping[str, list[float]], kind: str) -> float | None:
    """Return the rate of the better setting; None where it is not installed."""
    return max((statistics.median(rates[name]) for name in rates if name.split()[0] == kind), default=None)


def _ratio(rates: Mapping[str, list[float]], ours: str, kind: str) -> float | None:
    """Return the median ratio within a round to the better setting."""
    names = [name for name in rates if name.split()[0] == kind]
    ratios = [statistics.median(a / b for a, b in zip(rates[ours], rates[name], strict=True)) for name in names]
    return min(ratios, default=None)


def main() -> None:
    """Measure, write RESULT and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", default="ABCD", help="which of the nets A to D")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="rows of each worker and step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--peers", help="a Python that has PyTorch and scikit-learn")
    parser.add_argument(
        "--compare", type=Path, help="an earlier result; a ratio to the limit that fell by 5 %% is told"
    )
    arguments = parser.parse_args()
    lines: list[dict[str, Any]] = []
    print(f"{machine()}\n\n{HEAD}")
    with tempfile.TemporaryDirectory() as folder:
        for net in arguments.nets:
            for rows in arguments.rows:
                for line in bench(net, rows, arguments.rounds, arguments.seconds, arguments.peers, Path(folder)):
                    lines.append(line)
                    print(_row(line), flush=True)
        print("\n" + "\n".join(_phases(lines)))
        print(f"\nOver TCP with gradients of half the size:\n\n{narrow.HEAD}")
        for row in narrow.narrow_rows(
            arguments.nets, arguments.rows, arguments.rounds, arguments.seconds, Path(folder)
        ):
            print(row, flush=True)
        seconds = ", ".join(f"{each:.2f}" for each in first_steps(Path(folder), arguments.rounds))
        print(f"\nFrom the submission of a job on the digits to its first step, on a warm service: {seconds} s")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(lines, indent=1))
    if arguments.compare:
        sys.exit(_fallen(lines, json.loads(arguments.compare.read_text())))


COLUMNS = (
    *("net, rows", "transport", "samples/s", "±", "overhead of a step"),
    *("to the limit", "to PyTorch DDP", "to PyTorch", "to scikit-learn"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def _row(line: dict[str, Any]) -> str:
    ratios = " | ".join("-" if each is None else f"{each:.2f}" for each in line["ratios"].values())
    return (
        f"| {line['net']}, {line['rows']} | {line['transport'].replace('_', ' ')} | {line['samples_per_second']:,.0f} "
        f"| {line['spread'] / 2:.0%} | {line['overhead_us']:,.0f} µs | {ratios} |"
    )


def _phases(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a table of where the time of a step goes."""
    columns = "net, rows", "transport", *(f"{phase}, µs" for phase in lines[0]["phases_us"])
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for line in lines:
        cells = f"{line['net']}, {line['rows']}", line["transport"].replace("_", " ")
        yield f"| {' | '.join((*cells, *(f'{us:,.0f}' for us in line['phases_us'].values())))} |"


def _fallen(lines: list[dict[str, Any]], before: list[dict[str, Any]]) -> int:
    """Tell what has become slower; return whether anything has."""
    known = {(line["net"], line["rows"], line["transport"]): line["ratios"]["limit"] for line in before}
    fallen = 0
    for line in lines:
        key = line["net"], line["rows"], line["transport"]
        if key in known and line["ratios"]["limit"] < 0.95 * known[key]:
            fallen = 1
            print(f"{key}: {line['ratios']['limit']:.2f} of the limit, before {known[key]:.2f}")
    return fallen


if __name__ == "__main__":
    main()
