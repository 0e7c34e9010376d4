"""The Ray actor around the training loop."""

from collections.abc import Iterator, Mapping, Sequence

import ray

from chainrule.data.shards import Shard
from chainrule.worker.training_loop import train


class StoredShards(Mapping[int, Shard]):
    """Data shards in Ray's object store. Each is fetched when it is first asked for; its arrays are read in place."""

    def __init__(self, references: "Sequence[ray.ObjectRef[Shard]]") -> None:
        self._references = references
        self._fetched: dict[int, Shard] = {}

    def __getitem__(self, shard: int) -> Shard:
        if shard not in self._fetched:
            self._fetched[shard] = ray.get(self._references[shard])
        return self._fetched[shard]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._references)))

    def __len__(self) -> int:
        return len(self._references)


# The parameter server deals a dead worker's shards to others, so Ray must not run anything again by itself.
@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)
class WorkerActor:
    """One worker: one CPU, and one call for its whole life."""

    def run(self, address: str, job_id: str, worker: str, references: "Sequence[ray.ObjectRef[Shard]]") -> None:
        """Train until the job has ended. Raises ChainruleError."""
        train(address, job_id, worker, StoredShards(references))
