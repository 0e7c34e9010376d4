"""What runs on Ray: the actor around the training loop, spare ones, and the tasks that make data shards."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chainrule.data.shards import Shard
from chainrule.wire.errors import ChainruleError
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


class Spares:
    """Worker actors that wait for a job: their processes have loaded all the code. Each holds a CPU."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: deque[Any] = deque()

    def take(self) -> Any:
        """Return an actor: one that waits, or else a new one."""
        return self._waiting.popleft() if self._waiting else WorkerActor.remote()  # type: ignore[attr-defined]

    def fill(self, cpus: int) -> None:
        """Let as many wait as there shall, where so many CPUs are left over for them."""
        for _ in range(min(self._count, cpus) - len(self._waiting)):
            self._waiting.append(WorkerActor.remote())  # type: ignore[attr-defined]


class _Stored(Sequence[Any]):
    """Objects in Ray's object store, each fetched whenever it is asked for, and held by nobody here."""

    def __init__(self, references: "Sequence[ray.ObjectRef[Any]]") -> None:
        self._references = references

    def __getitem__(self, i: Any) -> Any:
        return ray.get(self._references[i])

    def __len__(self) -> int:
        return len(self._references)


# No CPU is asked for: those of the job are for its workers, and one that is busy elsewhere must not hold up its data.
@ray.remote(num_cpus=0, max_retries=3, num_returns="streaming")
def _run(work: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    yield from work(*arguments)


class RayTasks:
    """chainrule.data.blocks.Tasks on Ray, so many `at_once`; a handle is a reference into the object store.

    What the store cannot hold goes to disk, and what is lost with a node Ray makes anew from the files. Work on files
    that lie `here` is done on this node.
    """

    def __init__(self, at_once: int, *, here: bool) -> None:
        node = ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(node, soft=False) if here else "SPREAD"
        self._at_once, self._run = at_once, _run.options(scheduling_strategy=strategy)

    def stream(self, work: Callable[..., Iterator[Any]], calls: Iterable[tuple[Any, ...]]) -> Iterator[Iterator[Any]]:
        """Run generators, several at once, and give references to what each yields, in the order of the calls."""
        running: deque[Iterator[Any]] = deque()
        for call in calls:
            running.append(self._run.remote(work, *call))
            if len(running) >= self._at_once:
                yield running.popleft()
        yield from running

    def get(self, handle: Any) -> Any:
        """Return what a reference stands for. Raises the ChainruleError that its work has raised."""
        try:
            return ray.get(handle)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ChainruleError):
                raise error.cause from None
            raise

    def sequence(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Return an argument that fetches what the references stand for, one by one."""
        return _Stored(handles)
