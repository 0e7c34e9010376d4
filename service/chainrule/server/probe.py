"""A process that does a worker's parts one by one, for `chainrule.server.calibration` to take their time.

It reads JSON lines, [what, arguments], and answers each by one.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chainrule.data.shard_tree import Node
from chainrule.data.shards import Shard
from chainrule.nn import LOSSES, Network, Parameters, initialize
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import tcp
from chainrule.wire.partials import Findings, Partial, Reading, Sums
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec
from chainrule.worker.direct import DirectStream
from chainrule.worker.partials import PartialComputer
from chainrule.worker.streams import LocalStream, Stream

MOST_ROW_BYTES = 64 << 20
"""More rows than fit these are not made: no cache holds them either way."""
LEAST_NUMBERS = 1 << 18
"""A connection's speed is measured with so many at least."""
_NODE = Node(0, 1)


class Computer:
    """The step of one shard of a job, on numbers drawn at random: its time does not depend on what they are."""

    def __init__(self, spec: JobSpec, sizes: tuple[int, ...], rows_of_shard: int) -> None:
        self._network, rows = spec.network.network(sizes), spec.rows_per_shard
        fitting = max(1, min(rows_of_shard, MOST_ROW_BYTES // (4 * sizes[0])) // rows)
        shard = _shard(self._network, fitting * rows, rows)
        self._computer = PartialComputer(spec, self._network, fitting, {0: shard})
        self.theta, self.gradient = initialize(self._network, 0), Parameters.empty(sizes)
        self._version, self._rows, self._hashes = 0, rows, spec.training.hashes
        self.room = np.zeros(max(self.theta.flat.size, LEAST_NUMBERS), np.float32)

    def compute(self) -> dict[str, Any]:
        """Compute a step; return when it began and ended, and when each layer was ready, as a share of it."""
        marks, done = [time.perf_counter()], lambda _: marks.append(time.perf_counter())
        theta, version, into = self.theta, self._version, self.gradient
        reading = Reading(hashed=self._hashes(version))
        self._computer.compute(theta, version, _NODE, train=True, evaluate=False, into=into, done=done, reading=reading)
        self._version += 1
        began, *ready, ended = *marks, time.perf_counter()
        return {"began": began, "ended": ended, "ready": [(mark - began) / (ended - began) for mark in ready]}

    def validate(self) -> float:
        """Return the seconds for a validation row."""
        began = time.perf_counter()
        self._computer.compute(self.theta, 0, _NODE, train=False, evaluate=True)
        return (time.perf_counter() - began) / self._rows


def _shard(network: Network, rows: int, held: int) -> Shard:
    random, outputs = np.random.default_rng(0), network.sizes[-1]
    X, held_X = (random.standard_normal((count, network.sizes[0]), np.float32) for count in (rows, held))
    classes = LOSSES[network.loss].classes

    def targets(count: int) -> NDArray[Any]:
        if classes:
            return np.arange(count, dtype=np.int32) % outputs
        return random.integers(0, 2, (count, outputs)).astype(np.float32)  # both are in the domain of every loss

    return Shard(X, targets(rows), held_X, targets(held))


def talk(kind: str, name: str, secret: str, incarnation: int, seconds: float) -> dict[str, float]:
    """Be a worker who computes nothing. Return the seconds of a step, and those of this process's processor."""
    hello, sizes = pb.Hello(generation=1, incarnation=incarnation), (1, 1)
    stream: Stream
    if kind == "local":
        stream = LocalStream(pb.Local(name=name, secret=bytes.fromhex(secret)), hello, sizes)
    else:
        stream = DirectStream("127.0.0.1", pb.Direct(port=int(name), secret=bytes.fromhex(secret)), hello, sizes)
    count, began, used = 0, time.perf_counter(), time.process_time()
    for message in stream.messages():
        version, room = int(message.work.version), stream.room(int(message.work.version))
        room.flat.fill(0)
        stream.send_layer(1)
        count += 1
        if time.perf_counter() > began + seconds:
            break
        stream.push(version, _NODE, Partial(room.flat, Sums(1.0, 1.0), Sums(), found=Findings(modest=True)), 0.0)
    spent, used = time.perf_counter() - began, time.process_time() - used
    stream.close()
    return {"steps": count, "step": spent / count, "processor": used / count}


def exchange(computer: Computer, port: int) -> float:
    """Receive weights, compute, and send as many numbers back, until the connection ends.

    Each answer is when the weights were there, and when sending began. Return the processor's seconds in all but for
    the computing.
    """
    flat = computer.room
    used = computing = 0.0
    with tcp.connect("127.0.0.1", port, 5.0) as connection:
        reader, used = tcp.Reader(connection), time.thread_time()
        for _ in reader.messages(flat.reshape(1, -1)):
            there, before = time.perf_counter(), time.thread_time()
            computer.compute()
            computing += time.thread_time() - before
            stamps = json.dumps([there, time.perf_counter()]).encode()
            tcp.send(connection, (*tcp.piece(0, flat), tcp.message(stamps)))
        reader.close()
    return time.thread_time() - used - computing


def main() -> None:
    """Answer until stdin ends. The first line is the job."""
    memory = psutil.Process().memory_info().rss
    job = json.loads(sys.stdin.readline())
    computer = Computer(parse_spec(job["spec"]), tuple(job["sizes"]), job["rows_of_shard"])
    known: dict[str, Callable[..., Any]] = {
        "memory": lambda: memory,
        "numbers": lambda: computer.room.size,
        "compute": computer.compute,
        "validate": computer.validate,
        "talk": talk,
        "exchange": lambda port: exchange(computer, port),
    }
    with threadpool_limits(1, user_api="blas"):
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            sys.stdout.write(json.dumps(known[what](*arguments)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
