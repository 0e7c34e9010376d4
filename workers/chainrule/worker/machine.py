"""What a worker's bits depend on beside the job: its processor, NumPy and BLAS."""

import platform
import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info


@dataclass(frozen=True)
class Machine:
    """Host name, processor, NumPy's version, and BLAS with its version and kernel."""

    host: str
    cpu: str
    numpy: str
    blas: str


def describe_machine() -> Machine:
    """Return what this machine is."""
    return Machine(host=socket.gethostname(), cpu=_cpu(), numpy=np.__version__, blas=_blas())


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _blas() -> str:
    """Return name, version and kernel, as in `openblas 0.3.29 SkylakeX`."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return " ".join(
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip() for library in found
    )
