"""One worker's gRPC stream: weights and work go down, partials come up."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

import grpc
import numpy as np

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array, aligned_empty
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.messages import STOP, result_message, work_message
from chainrule.parameter_server.phases import Seconds
from chainrule.parameter_server.plan import Result
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.bfloat16 import Halves, fill_halves
from chainrule.wire.chunks import Assembly
from chainrule.wire.errors import ChainruleError, ShapeMismatch
from chainrule.wire.frames import Chunk, weights_frames
from chainrule.wire.partials import Findings, Partial, Sums
from chainrule.wire.status import to_status

A = TypeVar("A", Array, Halves)


class Exchange:
    """Drives the stream of one worker; a thread of its own reads what comes up. Gradients may come as `halves`."""

    def __init__(
        self,
        coordinator: Coordinator,
        requests: Iterator[pb.WorkerMessage | Chunk],
        context: grpc.ServicerContext,
        *,
        halves: bool = False,
    ) -> None:
        self._halves = halves
        self._coordinator, self._requests, self._context = coordinator, requests, context
        first = next(requests, None)
        self._hello = first.hello if isinstance(first, pb.WorkerMessage) else pb.Hello()
        self._error: ChainruleError | None = None
        self._outgoing: queue.SimpleQueue[Work | Result | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=f"worker-{self._hello.incarnation}", daemon=True)

    def messages(self) -> Iterator[pb.ServerMessage | bytes]:
        """Yield what goes down, until the stream, the job or the worker's time ends."""
        worker = self._hello.generation, self._hello.incarnation
        if self._coordinator.knows(*worker):
            self._context.add_callback(lambda: self._outgoing.put(None))
            self._coordinator.attach(worker[1], self._outgoing.put)
            self._reader.start()
            yield from self._conversation()
        error = self._error or self._coordinator.refusal(*worker)
        if error is not None:
            self._context.abort_with_status(to_status(error))
        yield STOP

    def _conversation(self) -> Iterator[pb.ServerMessage | bytes]:
        version_told = -1
        while self._error is None and (message := self._outgoing.get()) is not None:
            if isinstance(message, Result):
                yield result_message(message)
                continue
            if message.version != version_told:
                yield from weights_frames(message.version, self._coordinator.live_weights)
                version_told = message.version
            yield work_message(message)

    def _read(self) -> None:
        """Push what comes up; the end of the stream is the worker's leave."""
        try:
            for request in self._requests:
                if isinstance(request, Chunk):
                    raise ShapeMismatch("a chunk of a gradient comes without its partial")
                self._push(request.partial)
        except ChainruleError as error:
            self._error = error
        except grpc.RpcError:
            pass  # The worker has gone: `finally` tells the coordinator.
        finally:
            self._coordinator.leave(self._hello.incarnation)
            self._outgoing.put(None)

    def _push(self, header: pb.Partial) -> None:
        size, rest = divmod(header.gradient_bytes, 2 if self._halves else 4)
        if rest or size > self._coordinator.live_weights.size:
            raise ShapeMismatch(f"a gradient of {header.gradient_bytes} bytes does not fit the network")
        partial = Partial(
            self._receive(size),
            Sums.from_message(header.training),
            Sums.from_message(header.validation),
            self._coordinator.layers,
            found=Findings(header.modest, header.digest),
        )
        node, seconds = Node(header.node.lo, header.node.hi), Seconds(header.compute_seconds, header.serialise_seconds)
        self._coordinator.push(self._hello.incarnation, self._hello.generation, header.version, node, partial, seconds)

    def _receive(self, size: int) -> Array:
        gradient = aligned_empty(size)
        if not self._halves:
            return self._assemble(gradient)
        halves = np.empty(size, np.uint16)
        self._assemble(halves)
        return fill_halves(halves, gradient)

    def _assemble(self, flat: A) -> A:
        """Fill a flat buffer from chunks, and return it."""
        assembly = Assembly(flat)
        while flat.size and not self._add_chunk(assembly):
            pass
        return flat

    def _add_chunk(self, assembly: Assembly) -> bool:
        """Read the next chunk; return whether it was the last one."""
        match next(self._requests, None):
            case Chunk() as chunk:
                return assembly.add(chunk.offset, chunk.data)
            case None:
                raise ShapeMismatch("the stream has ended in the middle of a gradient")
            case _:
                raise ShapeMismatch("a partial comes in the middle of a gradient")
