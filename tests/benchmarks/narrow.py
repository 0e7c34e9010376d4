"""What `wire = "bfloat16"` does to the speed over TCP, and to the loss at the same step."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_nn import NETS
from training import Training, write_job

WIRES = ("float32", "bfloat16")
RATE = 0.05  # so that the loss falls within the turns
HEAD = "| net, rows | samples/s | with bfloat16 | ratio | step | loss | with bfloat16 |\n|---|---|---|---|---|---|---|"


def narrow_rows(nets: str, rows: Sequence[int], rounds: int, seconds: float, folder: Path) -> Iterator[str]:
    """Yield a row of the table for each net and number of rows; both wires take turns."""
    for net in nets:
        for count in rows:
            trainings = [Training(write_job(folder, NETS[net], count, False, rate=RATE, wire=wire)) for wire in WIRES]
            turns = [[training.run(seconds) for training in trainings] for _ in range(rounds)]
            rates = [[result["samples_per_second"] for result in turn] for turn in turns]
            wide, half = (statistics.median(each) for each in zip(*rates, strict=True))
            ratio = statistics.median(turn[1] / turn[0] for turn in rates)
            step, losses = _compared([result["losses"] for result in turns[-1]])
            cells = f"{wide:,.0f}", f"{half:,.0f}", f"{ratio:.2f}", f"{step:,}", *(f"{loss:.4f}" for loss in losses)
            yield f"| {net}, {count} | {' | '.join(cells)} |"


def _compared(losses: list[dict[int, float]]) -> tuple[int, list[float]]:
    """Return the last step that both have taken, and each one's mean over the last tenth of the steps up to it."""
    last = min(max(each) for each in losses)
    return last, [statistics.fmean(each[version] for version in range(last - last // 10, last + 1)) for each in losses]
