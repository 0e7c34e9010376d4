"""The speed of one worker's mathematics, one thread, and of the optimizers: `make bench-nn`.

The limit of a step are its matrix products alone, each in the fastest of the eight layouts of its three arrays. The
limit of an optimizer is the bandwidth at which NumPy copies, every byte read and written counted once; its update is
the parameter server's, by as many threads as that one has.
"""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from measure import interleaved, machine
from peers import sklearn_step, torch_step

from chainrule.nn import (
    OPTIMIZERS,
    Array,
    Backpropagation,
    Mean,
    Network,
    Parameters,
    aligned_empty,
    initialize,
    one_hot,
)
from chainrule.nn.threads import threads

NETS = {
    "A": (784, 512, 256, 10),
    "B": (784, 2048, 2048, 10),
    "C": (28, 300, 300, 300, 300, 300, 2),
    "D": (64, 128, 10),
}
ROWS = (64, 256, 1024)
BARS = {"A": 0.96, "B": 0.98, "C": 0.92, "D": 0.72}
BAR_ROWS = (256, 1024)
OPTIMIZER_BAR = 0.6
PARAMETERS = 5_800_000
"""As many as net B has: no cache holds them."""


def random(shape: tuple[int, ...], order: str = "C") -> Array:
    """Return normal numbers in an aligned array that lies row by row (C) or column by column (F)."""
    array = aligned_empty(shape) if order == "C" else aligned_empty(shape[::-1]).T
    array[...] = np.random.default_rng(0).standard_normal(shape)
    return array


def fastest_product(m: int, k: int, n: int, seconds: float) -> Callable[[], object]:
    """Return the product (m, k) (k, n) in the layout that is the fastest here."""

    def product(a: str, b: str, c: str) -> Callable[[], object]:
        A, B, C = random((m, k), a), random((k, n), b), random((m, n), c)
        return lambda: np.matmul(A, B, out=C)

    layouts = {"".join(orders): product(*orders) for orders in itertools.product("CF", repeat=3)}
    times = interleaved(layouts, seconds, turn=0.002)
    return layouts[min(times, key=times.__getitem__)]


def products(sizes: tuple[int, ...], rows: int, seconds: float) -> Callable[[], object]:
    """Return all matrix products of a step, in its order."""
    forward = [(rows, m, n) for m, n in itertools.pairwise(sizes)]
    backward = [
        shape
        for L, (m, n) in reversed(list(enumerate(itertools.pairwise(sizes), start=1)))
        for shape in ([(n, rows, m), (rows, n, m)] if L > 1 else [(n, rows, m)])
    ]
    works = [fastest_product(*shape, seconds) for shape in forward + backward]

    def run() -> None:
        for work in works:
            work()

    return run


def bench_step(net: str, rows: int, seconds: float) -> dict[str, Any]:
    """Measure a step, its limit, and the peers."""
    sizes = NETS[net]
    network = Network(sizes, ("relu",) * (len(sizes) - 2) + ("softmax",), "cross_entropy")
    parameters, gradient = initialize(network, 0), Parameters.empty(sizes)
    X, classes = random((rows, sizes[0])), np.random.default_rng(1).integers(sizes[-1], size=rows)
    Y = one_hot(classes, np.empty((rows, sizes[-1]), np.float32, order="F"))
    step = Backpropagation(network, rows)
    works = {
        "step": lambda: step.loss_and_gradient(parameters, X, Y, gradient),
        "limit": products(sizes, rows, seconds / 20),
        "torch": torch_step(sizes, X, classes),
        "sklearn": sklearn_step(sizes, X, classes),
    }
    times = interleaved({name: work for name, work in works.items() if work is not None}, seconds)
    rates = {name: rows / time for name, time in times.items()}
    return {
        "net": net,
        "rows": rows,
        "samples_per_second": rates["step"],
        "limit": rates["limit"],
        "ratio": rates["step"] / rates["limit"],
        "torch": rates.get("torch"),
        "sklearn": rates.get("sklearn"),
    }


def bench_optimizers(seconds: float) -> tuple[float, dict[str, float]]:
    """Return the copy's bytes/s, and each update's share of it."""
    theta, g, g2, source, target = (random((PARAMETERS,)) for _ in range(5))
    g *= 1e-3
    g2 *= 1e-3
    works: dict[str, Callable[[], object]] = {"copy": lambda: np.copyto(target, source)}
    size = {"copy": 2}
    for name, kind in OPTIMIZERS.items():
        optimizer = kind()
        state = {slot: np.square(random((PARAMETERS,))) for slot in optimizer.slots}
        works[name] = lambda o=optimizer, s=state: o.update(theta, g, s, 100)  # type: ignore[misc]
        size[name] = 3 + 2 * len(state)  # θ and slots are read and written, g is read
    sgd = OPTIMIZERS["sgd"]()
    works["sgd of a mean of two"] = lambda: sgd.update(theta, Mean((g, g2), 256.0), {}, 100)
    size["sgd of a mean of two"] = 4
    times = interleaved(works, seconds)
    rates = {name: 4 * PARAMETERS * size[name] / time for name, time in times.items()}
    copy = rates.pop("copy")
    return copy, {name: rate / copy for name, rate in rates.items()}


HEADER = ("net", "rows", "samples/s", "limit", "ratio", "bar", "PyTorch", "scikit-learn")


def cells(result: dict[str, Any]) -> list[str]:
    """Return a result as the table's cells; a dash for a peer that is not installed."""
    bar = f"{BARS[result['net']]:.2f}" if result["rows"] in BAR_ROWS else ""
    peers = ["–" if result[name] is None else f"{result[name]:,.0f}" for name in ("torch", "sklearn")]
    rates = [f"{result[name]:,.0f}" for name in ("samples_per_second", "limit")]
    return [result["net"], str(result["rows"]), *rates, f"{result['ratio']:.3f}", bar, *peers]


def table_row(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, print tables in Markdown, and write build/bench-nn.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", default="ABCD", help="which nets, e.g. AD")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each net and number of rows")
    arguments = parser.parse_args()
    print(f"{machine()}, one thread\n")
    results = []
    for line in (HEADER, ["---"] * len(HEADER)):
        print(table_row(line))
    for net, rows in itertools.product(arguments.nets, ROWS):
        results.append(bench_step(net, rows, arguments.seconds))
        print(table_row(cells(results[-1])), flush=True)
    copy, shares = bench_optimizers(2 * arguments.seconds)
    print(f"\nOptimizers, {threads()} threads, as a share of the copy's {copy / 1e9:.1f} GB/s (bar {OPTIMIZER_BAR}):")
    print(", ".join(f"{name} {share:.2f}" for name, share in shares.items()))
    path = Path("build/bench-nn.json")
    path.parent.mkdir(exist_ok=True)
    keys = ("net", "rows", "samples_per_second", "limit", "ratio")
    path.write_text(json.dumps([{key: result[key] for key in keys} for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
