"""Ways in which a worker talks to its parameter server: shared memory on the same host, a gRPC stream from anywhere."""

import os
import queue
import select
import socket
from collections.abc import Iterator, Sequence
from typing import Protocol

import grpc
import numpy as np
from google.rpc import status_pb2

from chainrule.data.shard_tree import Node
from chainrule.nn import Array, Parameters, parameter_count
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets, shared_memory
from chainrule.wire.arena import State, buffers
from chainrule.wire.bfloat16 import Halves, take_halves
from chainrule.wire.chunks import Assembly
from chainrule.wire.errors import ChainruleError, ServiceUnavailable
from chainrule.wire.frames import Chunk, gradient_frames, server_message, to_bytes
from chainrule.wire.partials import Partial
from chainrule.wire.status import from_call, from_message
from chainrule.wire.stretched import StretchStep, pack

EXCHANGE = f"/{pb.DESCRIPTOR.services_by_name['ParameterService'].full_name}/Exchange"
CONNECT_SECONDS = 5.0
GONE = "the parameter server has gone"


class Stream(Protocol):
    """Messages both ways, and where weights and gradients are."""

    parameters: Parameters
    """The weights of the version that the last work names."""

    def messages(self) -> Iterator[pb.ServerMessage]:
        """Yield work and results until the server says stop. Raises ChainruleError."""
        ...

    def room(self, version: int) -> Parameters:
        """Return where the next gradient has to be written. It is not read any more when there is another one."""
        ...

    def send_layer(self, L: int) -> None:
        """Let the gradient of layer L travel, from the last layer to the first. It will not change any more."""
        ...

    def push(self, version: int, node: Node, partial: Partial, seconds: float) -> None:
        """Send a partial, whose gradient, if it has one, is in the last room. So long it took to compute and send."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class Slots:
    """Numbers the gradients of a version: each has a slot of its own until the next version begins."""

    def __init__(self) -> None:
        self._version, self.present = -1, 0

    def next(self, version: int) -> int:
        """Return the slot of the next gradient."""
        self.present = self.present + 1 if version == self._version else 0
        self._version = version
        return self.present


class RemoteStream:
    """A gRPC stream: weights and gradients travel in chunks, gradients maybe as `halves`."""

    def __init__(self, channel: grpc.Channel, hello: pb.Hello, sizes: tuple[int, ...], *, halves: bool = False) -> None:
        self._halves = halves
        self.parameters, self._gradient = Parameters.empty(sizes), Parameters.empty(sizes)
        self._outgoing: queue.SimpleQueue[pb.WorkerMessage | bytes | None] = queue.SimpleQueue()
        self._outgoing.put(pb.WorkerMessage(hello=hello))
        exchange = channel.stream_stream(EXCHANGE, request_serializer=to_bytes, response_deserializer=server_message)
        self._call = exchange(iter(self._outgoing.get, None))

    def messages(self) -> Iterator[pb.ServerMessage]:
        """Yield work and results; weights are put in their place."""
        assembly = Assembly(self.parameters.flat)
        try:
            for message in self._call:
                if isinstance(message, Chunk):
                    if assembly.add(message.offset, message.data):
                        assembly = Assembly(self.parameters.flat)
                elif message.HasField("stop"):
                    return
                else:
                    yield message
        except grpc.RpcError as error:
            raise from_call(error) from None

    def room(self, version: int) -> Parameters:  # noqa: ARG002
        """Return the only room: gradients are copied when they are sent."""
        return self._gradient

    def send_layer(self, L: int) -> None:
        """Do nothing: a gradient goes behind its header."""

    def push(self, version: int, node: Node, partial: Partial, seconds: float) -> None:
        """Send a partial; the copies are made before this returns."""
        gradient: Array | Halves = partial.gradient
        if self._halves:
            gradient = take_halves(partial.gradient, np.empty(partial.gradient.size, np.uint16))
        head = header(version, node, partial, compute_seconds=seconds, gradient_bytes=gradient.nbytes)
        self._outgoing.put(pb.WorkerMessage(partial=head))
        for frame in gradient_frames(gradient):
            self._outgoing.put(frame)

    def close(self) -> None:
        """End the worker's side of the stream."""
        self._outgoing.put(None)


class LocalStream:
    """A Unix socket: the weights are read where they are, and gradients written to where the server reads them."""

    def __init__(self, local: pb.Local, hello: pb.Hello, sizes: tuple[int, ...]) -> None:
        """Raises OSError where the server is on another host."""
        self._connection = packets.connect(local.name, CONNECT_SECONDS)
        hello.secret = local.secret
        try:
            weights, slots = self._shake_hands(hello)
        except (OSError, ChainruleError):
            self._connection.close()
            raise
        size = parameter_count(sizes)
        self._buffers = buffers(shared_memory.view(weights, writable=False), size)
        self.parameters = Parameters.view(self._buffers[0], sizes)
        rooms = shared_memory.view(slots, writable=True).reshape(-1, self.parameters.flat.size)
        self._rooms, self._slots = [Parameters.view(room, sizes) for room in rooms], Slots()
        for descriptor in (weights, slots):
            os.close(descriptor)
        self._connection.settimeout(None)
        self._poll = select.poll()
        self._poll.register(self._connection, select.POLLIN)
        self.arena = self._buffers[0][:0]

    def _shake_hands(self, hello: pb.Hello) -> tuple[int, int]:
        """Say who is there, and return the descriptors of the weights and of the slots."""
        self._send(pb.WorkerMessage(hello=hello))
        _, descriptors, _, _ = socket.recv_fds(self._connection, 1, 2)
        if len(descriptors) != 2:
            raise ConnectionError("the parameter server has hung up")
        return descriptors[0], descriptors[1]

    def messages(self) -> Iterator[pb.ServerMessage]:
        """Yield work and results."""
        while packet := self._receive():
            message = pb.ServerMessage.FromString(packet)
            if message.HasField("stop"):
                return
            yield checked(message)
        raise ServiceUnavailable(GONE)

    def _receive(self) -> bytes:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._connection, packets.MOST_BYTES, 1)
        except ConnectionError:
            return b""
        for descriptor in descriptors:
            self.arena = shared_memory.view(descriptor, writable=True)
            os.close(descriptor)
        return packet

    def heard(self, seconds: float) -> bool:
        """Whether a message, or the end, has come; wait so long for it."""
        return bool(self._poll.poll(1000 * seconds))

    def state(self, slots: tuple[str, ...]) -> State:
        """Return the server's weights and its optimizer's slots."""
        theta, *others = self._buffers
        return State(theta, dict(zip(slots, others, strict=True)))

    def room(self, version: int) -> Parameters:
        """Return the next slot."""
        return self._rooms[self._slots.next(version)]

    def send_layer(self, L: int) -> None:
        """Do nothing: the server reads the slot."""

    def push(self, version: int, node: Node, partial: Partial, seconds: float) -> None:
        """Tell the server that the last slot is written."""
        slot = self._slots.present
        self._send(pb.WorkerMessage(partial=header(version, node, partial, compute_seconds=seconds, slot=slot)))

    def tell(self, number: int, steps: Sequence[StretchStep]) -> None:
        """Tell the server what a stretch has given."""
        self._send(pb.WorkerMessage(stretched=pack(number, steps)))

    def _send(self, message: pb.WorkerMessage) -> None:
        try:
            self._connection.send(message.SerializeToString())
        except ConnectionError as error:
            raise ServiceUnavailable(f"{GONE}: {error}") from None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def header(
    version: int,
    node: Node,
    partial: Partial,
    *,
    compute_seconds: float,
    serialise_seconds: float = 0.0,
    slot: int | None = None,
    gradient_bytes: int | None = None,
) -> pb.Partial:
    """Return the message of a partial, without its gradient; its bytes are those that it has, unless they are given."""
    return pb.Partial(
        version=version,
        node=pb.Node(lo=node.lo, hi=node.hi),
        gradient_bytes=partial.gradient.nbytes if gradient_bytes is None else gradient_bytes,
        training=partial.training.message(),
        validation=partial.validation.message(),
        compute_seconds=compute_seconds,
        serialise_seconds=serialise_seconds,
        slot=slot,
        modest=partial.found.modest,
        digest=partial.found.digest,
    )


def checked(message: pb.ServerMessage) -> pb.ServerMessage:
    """Return a message that is no failure. Raises what it tells."""
    if not message.HasField("failure"):
        return message
    failure = status_pb2.Status.FromString(message.failure)
    raise from_message(failure) or ChainruleError(failure.message)
