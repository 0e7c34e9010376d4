"""Workers on the parameter server's own host: messages over a Unix socket, weights and gradients in shared memory."""

import contextlib
import os
import secrets
import socket
import threading

from google.protobuf.message import DecodeError

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array, Network, Parameters
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.messages import STOP, failure_message, result_message, work_message
from chainrule.parameter_server.plan import Result
from chainrule.parameter_server.state import TrainingState
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets, shared_memory
from chainrule.wire.errors import ChainruleError, ShapeMismatch
from chainrule.wire.partials import Partial, Sums


def share(state: TrainingState) -> int:
    """Move the weights into shared memory, and return its descriptor."""
    descriptor = shared_memory.create(state.parameters.flat.size)
    flat = shared_memory.view(descriptor, writable=True)
    flat[:] = state.parameters.flat
    state.parameters = Parameters.view(flat, state.parameters.sizes)
    return descriptor


HELLO_SECONDS = 10.0
"""Who connects and has said nothing by then is no worker."""
MOST_OUTPUTS = 2048
"""Of more outputs the sums over validation rows may not fit a packet."""


def fits(network: Network) -> bool:
    """Whether workers of this host may use the door, on a system that has shared memory."""
    return shared_memory.AVAILABLE and network.sizes[-1] <= MOST_OUTPUTS


class LocalDoor:
    """Where workers of this host connect. `weights` is the descriptor of the file in which the weights lie."""

    def __init__(self, coordinator: Coordinator, weights: int, slots: int) -> None:
        self._coordinator, self._weights, self._slots = coordinator, weights, slots
        self._listener, name = packets.listen()
        self.local = pb.Local(name=name, secret=secrets.token_bytes(16))

    def serve(self) -> None:
        """Let workers in, each with a thread of its own, until the door is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._welcome, args=(connection,), name="local-worker", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _welcome(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, DecodeError):  # a stranger, or a worker that has gone
            connection.settimeout(HELLO_SECONDS)
            hello = pb.WorkerMessage.FromString(connection.recv(packets.MOST_BYTES)).hello
            connection.settimeout(None)
            if not secrets.compare_digest(hello.secret, self.local.secret):
                return
            LocalExchange(self._coordinator, connection, hello, self._slots).serve(self._weights)


class LocalExchange:
    """One worker's connection. Its gradients are read where it writes them: in slots that it alone maps."""

    def __init__(self, coordinator: Coordinator, connection: socket.socket, hello: pb.Hello, slots: int) -> None:
        self._coordinator, self._connection, self._hello, self._count = coordinator, connection, hello, slots
        self._size = coordinator.live_weights.size
        self._gradients: Array

    def serve(self, weights: int) -> None:
        """Answer until the job, the lease or the connection has ended."""
        self._share(weights)
        worker = self._hello.generation, self._hello.incarnation
        if not self._coordinator.knows(*worker):
            self._end()  # and let go of nobody: the number may be another's
            return
        try:
            self._coordinator.attach(worker[1], self._deliver)
            self._read()
        except ChainruleError as error:
            self._send(failure_message(error))
        finally:
            self._coordinator.leave(worker[1])

    def _share(self, weights: int) -> None:
        """Make the slots, and give the worker the descriptors."""
        slots = shared_memory.create(self._size * self._count)
        try:
            self._gradients = shared_memory.view(slots, writable=False)
            socket.send_fds(self._connection, [b"\0"], [weights, slots])
        finally:
            os.close(slots)

    def _deliver(self, message: Work | Result | None) -> None:
        match message:
            case None:
                self._end()
            case Result():
                self._send(result_message(message))
            case _:
                self._send(work_message(message))

    def _end(self) -> None:
        refusal = self._coordinator.refusal(self._hello.generation, self._hello.incarnation)
        self._send(STOP if refusal is None else failure_message(refusal))

    def _send(self, message: pb.ServerMessage) -> None:
        """Send without waiting: a worker that reads nothing must not hold up the others."""
        try:
            self._connection.send(message.SerializeToString(), socket.MSG_DONTWAIT)
        except OSError:  # full, or gone
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        """Push what comes up; the end of the stream is the worker's leave."""
        while packet := self._connection.recv(packets.MOST_BYTES):
            self._push(pb.WorkerMessage.FromString(packet).partial)

    def _push(self, header: pb.Partial) -> None:
        size, slot = header.gradient_bytes // 4, header.slot
        if size not in (0, self._size) or slot >= self._count:
            raise ShapeMismatch(f"a gradient of {header.gradient_bytes} bytes in slot {slot} does not fit the network")
        gradient = self._gradients[slot * self._size : slot * self._size + size]
        training, validation = Sums.from_message(header.training), Sums.from_message(header.validation)
        partial = Partial(gradient, training, validation, borrowed=True)
        node = Node(header.node.lo, header.node.hi)
        self._coordinator.push(self._hello.incarnation, self._hello.generation, header.version, node, partial)
