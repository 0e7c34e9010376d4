"""Workers on the parameter server's own host: messages over a Unix socket, weights and gradients in shared memory."""

import contextlib
import os
import socket
from collections.abc import Iterator

from chainrule.data.work import Work
from chainrule.nn import Network, Parameters
from chainrule.parameter_server.arenas import OwnArena
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.doors import Door, Talk
from chainrule.parameter_server.messages import work_message
from chainrule.parameter_server.state import TrainingState
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets, shared_memory
from chainrule.wire.arena import buffers, room

MOST_OUTPUTS = 2048
"""Of more outputs the sums over validation rows may not fit a packet."""


def fits(network: Network) -> bool:
    """Whether workers of this host may use the door, on a system that has shared memory."""
    return shared_memory.AVAILABLE and network.sizes[-1] <= MOST_OUTPUTS


def share(state: TrainingState) -> int:
    """Move the weights and the optimizer's slots into shared memory, and return its descriptor."""
    size, names = state.parameters.flat.size, state.update.slots
    descriptor = shared_memory.create((1 + len(names)) * room(size))
    theta, *slots = buffers(shared_memory.view(descriptor, writable=True), size)
    theta[:] = state.parameters.flat
    state.parameters = Parameters.view(theta, state.parameters.sizes)
    for name, slot in zip(names, slots, strict=True):
        slot[:] = state.slots[name]
        state.slots[name] = slot
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

    together = True

    def __init__(self, coordinator: Coordinator, connection: socket.socket, weights: int, count: int) -> None:
        super().__init__(coordinator, connection)
        self._weights, self._count = weights, count
        self._arena: OwnArena | None = None

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

    def send_work(self, work: Work) -> None:
        """Send what is to be done; with the first stretch in an arena comes its descriptor."""
        arena = self.coordinator.together.arena() if work.stretch else None
        known, self._arena = self._arena, arena or self._arena
        self._send(work_message(work), [] if arena is None or arena is known else [arena.descriptor])

    def send(self, message: pb.ServerMessage) -> None:
        """Send without waiting; a worker that reads nothing loses its connection."""
        self._send(message, [])

    def _send(self, message: pb.ServerMessage, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self.connection, [message.SerializeToString()], descriptors, socket.MSG_DONTWAIT)
        except OSError:  # full, or gone
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
