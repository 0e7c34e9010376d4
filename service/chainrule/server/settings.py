"""The settings of a service."""

from dataclasses import dataclass
from pathlib import Path

WARM_WORKERS = 2


@dataclass(frozen=True)
class Settings:
    """What `chainrule serve` is told. Port 0 means any that is free; no ray_address means a local Ray of its own.

    Jobs may read local files below `data_roots` only, by default the working folder. So many `warm_workers` are
    kept ready for the next job; None means two on the local Ray, and none on a cluster, whose CPUs others may want.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 50051
    http_port: int = 8080
    ray_address: str | None = None
    num_cpus: int | None = None
    data_roots: tuple[Path, ...] = (Path(),)
    warm_workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("port", "http_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ValueError(f"{name} must be from 0 to 65535")
        if self.warm_workers is not None and self.warm_workers < 0:
            raise ValueError("warm_workers must be >= 0")
        if self.num_cpus is not None and self.num_cpus < 1:
            raise ValueError("num_cpus must be >= 1")
        if self.num_cpus is not None and self.ray_address is not None:
            raise ValueError("num_cpus is for the embedded Ray; a cluster that is joined counts its own")

    @property
    def warm(self) -> int:
        """How many workers are kept ready."""
        if self.warm_workers is not None:
            return self.warm_workers
        return WARM_WORKERS if self.ray_address is None else 0
