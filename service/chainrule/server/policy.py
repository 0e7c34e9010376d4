"""Who gets how many CPUs: first come, first served. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """A job that runs or waits: the workers it has, and the fewest and most that it can use."""

    job_id: str
    workers: int
    min_workers: int
    max_workers: int


def allocate(cpus: int, running: Sequence[Demand], queued: Sequence[Demand]) -> dict[str, int]:
    """Return the number of workers of each job that starts or grows. Both sequences are in order of arrival.

    The queue's head gets all it can use; while it does not fit, nobody behind it starts, so that it waits a bounded
    time. A job that is larger than the whole cluster holds nobody up. What the queue leaves goes to running jobs.
    """
    free = cpus - sum(demand.workers for demand in running)
    grants: dict[str, int] = {}
    for demand in queued:
        if demand.min_workers > cpus:
            continue
        if demand.min_workers > free:
            return grants
        grants[demand.job_id] = min(demand.max_workers, free)
        free -= grants[demand.job_id]
    for demand in running:
        more = min(demand.max_workers - demand.workers, free)
        if more > 0:
            grants[demand.job_id] = demand.workers + more
            free -= more
    return grants
