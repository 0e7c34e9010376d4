"""A worker's membership at a parameter server: join, beat, pull weights, push partials."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Self

import grpc

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array, Parameters
from chainrule.v1 import parameters_pb2 as pb
from chainrule.v1.parameters_pb2_grpc import ParameterServiceStub
from chainrule.wire.chunks import Assembly, to_chunks
from chainrule.wire.errors import Fenced
from chainrule.wire.messages import spec_from_message
from chainrule.wire.partials import Partial
from chainrule.wire.status import from_call
from chainrule.worker.machine import Machine

CHANNEL_OPTIONS = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))
"""A proxy is for the world outside; the parameter server is in the cluster."""
CALL_SECONDS = 10.0
"""Deadline of a unary call."""


class Session:
    """One incarnation of a worker; a context manager. Raises ChainruleError where the server is gone or fences it."""

    def __init__(self, address: str, job_id: str, worker: str, machine: Machine) -> None:
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
        )
        self._stub = ParameterServiceStub(self._channel)
        request = pb.JoinRequest(job_id=job_id, worker=worker, machine=pb.Machine(**asdict(machine)))
        try:
            self._joined = self._stub.Join(request, timeout=CALL_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            self._channel.close()
            raise from_call(error) from None
        self.spec = spec_from_message(self._joined.spec)
        self.network = self.spec.network.network(tuple(self._joined.layer_sizes))
        self.steps_per_epoch = int(self._joined.steps_per_epoch)
        self.parameters = Parameters.empty(self.network.sizes)
        self._outgoing: queue.SimpleQueue[pb.WorkerMessage | None] = queue.SimpleQueue()
        self._left = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._outgoing.put(None)
        self._heart.join()
        self._channel.close()

    def work(self) -> Iterator[Work]:
        """Yield what is to be computed, with `parameters` at its version, until the job has ended."""
        hello = pb.Hello(generation=self._joined.generation, incarnation=self._joined.incarnation)
        self._outgoing.put(pb.WorkerMessage(hello=hello))
        assembly = Assembly(self.parameters.flat)
        try:
            for message in self._stub.Exchange(iter(self._outgoing.get, None)):
                match message.WhichOneof("content"):
                    case "weights":
                        if assembly.add(message.weights.offset, message.weights.data):
                            assembly = Assembly(self.parameters.flat)
                    case "work":
                        yield _work(message.work)
                    case "result":
                        _check(message.result)
                    case "stop":
                        return
        except grpc.RpcError as error:
            raise from_call(error) from None

    def push(self, version: int, node: Node, partial: Partial) -> None:
        """Send the partial of a node; the copies are made before this returns."""
        header = pb.Partial(
            version=version,
            node=pb.Node(lo=node.lo, hi=node.hi),
            gradient_bytes=partial.gradient.nbytes,
            training=partial.training.message(),
            validation=partial.validation.message(),
        )
        self._outgoing.put(pb.WorkerMessage(partial=header))
        self._push_gradient(partial.gradient)

    def _push_gradient(self, gradient: Array) -> None:
        for offset, data in to_chunks(gradient):
            self._outgoing.put(pb.WorkerMessage(chunk=pb.GradientChunk(offset=offset, data=data)))

    def _beat(self) -> None:
        """Renew the lease until the session ends. If the server is gone or refuses, the stream ends by itself."""
        beat = pb.HeartbeatRequest(generation=self._joined.generation, incarnation=self._joined.incarnation)
        while not self._left.wait(self._joined.heartbeat_seconds):
            try:
                self._stub.Heartbeat(beat, timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:  # one slow answer costs no lease
                    return


def _work(message: pb.Work) -> Work:
    nodes = tuple(Node(node.lo, node.hi) for node in message.nodes)
    return Work(int(message.version), nodes, message.train, message.evaluate)


def _check(result: pb.PushResult) -> None:
    if result.outcome == pb.OUTCOME_FENCED:
        raise Fenced(f"the parameter server has refused shards [{result.node.lo}, {result.node.hi})")
