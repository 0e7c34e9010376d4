"""Processes that a benchmark drives by lines: "run SECONDS" on stdin, samples/s on stdout."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def serve(step: Callable[[], object], samples: int) -> None:
    """Answer commands: call `step`, which handles so many samples, for so many seconds."""
    step()
    print("ready", flush=True)
    for line in sys.stdin:
        end, began, count = time.perf_counter() + float(line), time.perf_counter(), 0
        while time.perf_counter() < end:
            step()
            count += 1
        print(count * samples / (time.perf_counter() - began), flush=True)


class Driven:
    """Some processes of a script that run side by side; what they do is added up."""

    def __init__(self, python: str, script: str, arguments: Sequence[Sequence[object]], env: dict[str, str]) -> None:
        path = Path(__file__).with_name(script)
        self._processes = [
            subprocess.Popen(
                [python, str(path), *map(str, each)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=env,
            )
            for each in arguments
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            self._read(process)
        return self

    def _read(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{process.args} has ended")
        return line

    def run(self, seconds: float) -> float:
        """Return their samples/s in all."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        return sum(float(self._read(process)) for process in self._processes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
