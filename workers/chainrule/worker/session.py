"""A worker's membership at a parameter server: join, beat, take work, push partials."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Self

import grpc

from chainrule.data.shard_tree import Node
from chainrule.data.work import Stretch, Work
from chainrule.nn import Parameters
from chainrule.v1 import parameters_pb2 as pb
from chainrule.v1.parameters_pb2_grpc import ParameterServiceStub
from chainrule.wire import shared_memory
from chainrule.wire.errors import ChainruleError, Fenced
from chainrule.wire.messages import spec_from_message
from chainrule.wire.partials import Partial
from chainrule.wire.status import from_call
from chainrule.worker.activity import Activity
from chainrule.worker.direct import DirectStream
from chainrule.worker.machine import Machine
from chainrule.worker.streams import LocalStream, RemoteStream, Stream

CHANNEL_OPTIONS = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))
"""A proxy is for the world outside; the parameter server is in the cluster."""
CALL_SECONDS = 10.0
"""Deadline of a unary call."""


class Session:
    """One incarnation of a worker; a context manager. Raises ChainruleError where the server is gone or fences it."""

    def __init__(self, address: str, job_id: str, worker: str, machine: Machine) -> None:
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = ParameterServiceStub(self._channel)
        request = pb.JoinRequest(job_id=job_id, worker=worker, machine=pb.Machine(**asdict(machine)))
        try:
            self._joined = self._stub.Join(request, timeout=CALL_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            self._channel.close()
            raise from_call(error) from None
        self.spec = spec_from_message(self._joined.spec)
        self.network = self.spec.network.network(tuple(self._joined.layer_sizes))
        self.activity = Activity(self.network)
        self.steps, self.steps_per_epoch = int(self._joined.steps), int(self._joined.steps_per_epoch)
        self._host = address.rpartition(":")[0]
        self._stream: Stream
        self._left = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def _open(self) -> Stream:
        """Return the fastest stream that there is: on the same host, through a port of its own, by gRPC."""
        hello = pb.Hello(generation=self._joined.generation, incarnation=self._joined.incarnation)
        joined, sizes, halves = self._joined, self.network.sizes, self.spec.training.halves
        if joined.HasField("local") and shared_memory.AVAILABLE:
            with contextlib.suppress(OSError):  # it is on another host
                return LocalStream(joined.local, hello, sizes)
        if joined.HasField("direct"):
            with contextlib.suppress(OSError):  # a firewall lets gRPC's port through alone
                return DirectStream(self._host, joined.direct, hello, sizes, halves=halves)
        hello.ClearField("secret")
        return RemoteStream(self._channel, hello, sizes, halves=halves)

    def __enter__(self) -> Self:
        self._heart.start()  # where a firewall answers nothing, a door is found closed after as long as a lease
        try:
            self._stream = self._open()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._leave()

    def _leave(self) -> None:
        self._left.set()
        self._heart.join()
        self._channel.close()

    @property
    def parameters(self) -> Parameters:
        """The weights at the version of the present work."""
        return self._stream.parameters

    def work(self) -> Iterator[Work]:
        """Yield what is to be computed, with `parameters` at its version, until the job has ended."""
        for message in self._stream.messages():
            if message.WhichOneof("content") == "work":
                yield _work(message.work)
            else:
                _check(message.result)

    def room(self, version: int) -> Parameters:
        """Return where the next gradient has to be written."""
        return self._stream.room(version)

    def send_layer(self, L: int) -> None:
        """Let the gradient of layer L travel, which will not change any more."""
        self._stream.send_layer(L)

    @property
    def local(self) -> LocalStream:
        """The stream of a worker on the server's host; no other is told of stretches. Raises ChainruleError."""
        if not isinstance(self._stream, LocalStream):
            raise ChainruleError("the parameter server asks for what workers of its own host alone can do")
        return self._stream

    def push(self, version: int, node: Node, partial: Partial, seconds: float) -> None:
        """Send the partial of a node, whose gradient is in the last room. So long it took to compute and send."""
        self._stream.push(version, node, partial, seconds)

    def _beat(self) -> None:
        """Renew the lease until the session ends. If the server is gone or refuses, the stream ends by itself."""
        joined = self._joined
        while not self._left.wait(joined.heartbeat_seconds):
            seen = [layer.message() for layer in self.activity.layers]
            beat = pb.HeartbeatRequest(generation=joined.generation, incarnation=joined.incarnation, layers=seen)
            try:
                self._stub.Heartbeat(beat, timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:  # one slow answer costs no lease
                    return


def _work(message: pb.Work) -> Work:
    nodes = tuple(Node(node.lo, node.hi) for node in message.nodes)
    stretch = _stretch(message.stretch) if message.HasField("stretch") else None
    return Work(int(message.version), nodes, message.train, message.evaluate, stretch)


def _stretch(message: pb.Stretch) -> Stretch:
    nodes = tuple(Node(node.lo, node.hi) for node in message.nodes)
    return Stretch(message.number, message.until, nodes, message.workers, message.seat, message.factor)


def _check(result: pb.PushResult) -> None:
    if result.outcome == pb.OUTCOME_FENCED:
        raise Fenced(f"the parameter server has refused shards [{result.node.lo}, {result.node.hi})")
