"""Workers on the parameter server's own host: messages over a Unix socket, weights and gradients in shared memory."""

import contextlib
import os
import socket
from collections.abc import Iterator

from chainrule.nn import Network, Parameters
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.doors import Door, Talk
from chainrule.parameter_server.state import TrainingState
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets, shared_memory

MOST_OUTPUTS = 2048
"""Of more outputs the sums over validation rows may not fit a packet."""


def fits(network: Network) -> bool:
    """Whether workers of this host may use the door, on a system that has shared memory."""
    return shared_memory.AVAILABLE and network.sizes[-1] <= MOST_OUTPUTS


def share(state: TrainingState) -> int:
    """Move the weights into shared memory, and return its descriptor."""
    descriptor = shared_memory.create(state.parameters.flat.size)
    flat = shared_memory.view(descriptor, writable=True)
    flat[:] = state.parameters.flat
    state.parameters = Parameters.view(flat, state.parameters.sizes)
    return descriptor


class LocalDoor(Door):
    """Where workers of this host connect. `weights` is the descriptor of the file in which the weights lie."""

    def __init__(self, coordinator: Coordinator, weights: int, slots: int) -> None:
        self._coordinator, self._weights, self._slots = coordinator, weights, slots
        listener, name = packets.listen()
        super().__init__(listener)
        self.local = pb.Local(name=name, secret=self.secret)

    def talk(self, connection: socket.socket) -> contextlib.AbstractContextManager[Talk]:
        """Return the conversation on a new connection."""
        return contextlib.nullcontext(LocalTalk(self._coordinator, connection, self._weights, self._slots))


class LocalTalk(Talk):
    """One worker's connection. Its gradients are read where it writes them: in slots that it alone maps."""

    def __init__(self, coordinator: Coordinator, connection: socket.socket, weights: int, count: int) -> None:
        super().__init__(coordinator, connection)
        self._weights, self._count = weights, count

    def serve(self, hello: pb.Hello) -> None:
        """Give a worker its slots, and answer it until the job, the lease or the connection has ended."""
        self._share()
        super().serve(hello)

    def _share(self) -> None:
        """Make the slots, and send the descriptors."""
        descriptor = shared_memory.create(self.coordinator.live_weights.size * self._count)
        try:
            self.slots = shared_memory.view(descriptor, writable=False).reshape(self._count, -1)
            socket.send_fds(self.connection, [b"\0"], [self._weights, descriptor])
        finally:
            os.close(descriptor)

    def messages(self) -> Iterator[pb.WorkerMessage]:
        """Yield what comes up, until the connection ends."""
        while packet := self.connection.recv(packets.MOST_BYTES):
            yield pb.WorkerMessage.FromString(packet)

    def send(self, message: pb.ServerMessage) -> None:
        """Send without waiting; a worker that reads nothing loses its connection."""
        try:
            self.connection.send(message.SerializeToString(), socket.MSG_DONTWAIT)
        except OSError:  # full, or gone
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
