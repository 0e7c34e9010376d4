"""One worker's stream: weights and work go down, partials come up."""

import threading
from collections.abc import Iterator

import grpc

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array, aligned_empty
from chainrule.parameter_server.coordinator import Coordinator, Result
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.chunks import Assembly, to_chunks
from chainrule.wire.errors import ChainruleError, Fenced, ShapeMismatch
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.status import to_status


class Exchange:
    """Drives the stream of one worker; a thread of its own reads what comes up."""

    def __init__(
        self, coordinator: Coordinator, requests: Iterator[pb.WorkerMessage], context: grpc.ServicerContext
    ) -> None:
        self._coordinator, self._requests, self._context = coordinator, requests, context
        self._hello = next(requests, pb.WorkerMessage()).hello
        self._error: ChainruleError | None = None
        self._reader = threading.Thread(target=self._read, name=f"worker-{self._hello.incarnation}", daemon=True)

    def messages(self) -> Iterator[pb.ServerMessage]:
        """Yield what goes down, until the stream, the job or the worker's time ends."""
        worker = self._hello.generation, self._hello.incarnation
        if self._coordinator.knows(*worker):
            self._context.add_callback(self._coordinator.wake)
            self._reader.start()
            yield from self._conversation()
        if self._error is None and self._coordinator.fences(*worker):
            self._error = Fenced(f"worker {worker[1]} has no lease (any more); it has to join again")
        if self._error is not None:
            self._context.abort_with_status(to_status(self._error))
        yield pb.ServerMessage(stop=pb.Stop(reason="the job has no more work for this worker"))

    def _conversation(self) -> Iterator[pb.ServerMessage]:
        version_told = -1
        while (message := self._coordinator.next_message(self._hello.incarnation, self._connected)) is not None:
            if isinstance(message, Result):
                yield _result_message(message)
                continue
            work, weights = message
            if work.version != version_told:
                yield from _weights_messages(work.version, weights)
                version_told = work.version
            yield _work_message(work)

    def _connected(self) -> bool:
        return self._context.is_active() and self._error is None

    def _read(self) -> None:
        """Push what comes up; the end of the stream is the worker's leave."""
        try:
            for request in self._requests:
                self._push(request.partial)
        except ChainruleError as error:
            self._error = error
        except grpc.RpcError:
            pass  # The worker has gone: `finally` tells the coordinator.
        finally:
            self._coordinator.leave(self._hello.incarnation)

    def _push(self, header: pb.Partial) -> None:
        if header.gradient_bytes % 4 or header.gradient_bytes > self._coordinator.weights()[1].nbytes:
            raise ShapeMismatch(f"a gradient of {header.gradient_bytes} bytes does not fit the network")
        partial = Partial(
            self._receive(header.gradient_bytes // 4),
            Sums.from_message(header.training),
            Sums.from_message(header.validation),
        )
        node = Node(header.node.lo, header.node.hi)
        self._coordinator.push(self._hello.incarnation, self._hello.generation, header.version, node, partial)

    def _receive(self, size: int) -> Array:
        gradient = aligned_empty(size)
        assembly = Assembly(gradient)
        if size == 0:
            return gradient
        for request in self._requests:
            if assembly.add(request.chunk.offset, request.chunk.data):
                return gradient
        raise ShapeMismatch("the stream has ended in the middle of a gradient")


def _weights_messages(version: int, weights: Array) -> Iterator[pb.ServerMessage]:
    for chunk in weights_chunks(version, weights):
        yield pb.ServerMessage(weights=chunk)


def weights_chunks(version: int, weights: Array) -> Iterator[pb.WeightsChunk]:
    """Yield the flat buffer of a version in chunks."""
    for offset, data in to_chunks(weights):
        yield pb.WeightsChunk(version=version, offset=offset, data=data)


def _work_message(work: Work) -> pb.ServerMessage:
    nodes = [pb.Node(lo=node.lo, hi=node.hi) for node in work.nodes]
    return pb.ServerMessage(work=pb.Work(version=work.version, nodes=nodes, train=work.train, evaluate=work.evaluate))


def _result_message(result: Result) -> pb.ServerMessage:
    node = pb.Node(lo=result.node.lo, hi=result.node.hi)
    return pb.ServerMessage(
        result=pb.PushResult(version=result.version, node=node, outcome=f"OUTCOME_{result.outcome.name}")
    )
