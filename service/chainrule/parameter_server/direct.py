"""Workers on any host: messages, weights and gradients over a TCP connection for each."""

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.data.work import Work
from chainrule.nn import Array
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.doors import Door, Talk
from chainrule.parameter_server.messages import work_message
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import tcp
from chainrule.wire.bfloat16 import Halves, fill_halves
from chainrule.wire.errors import ChainruleError

SMALL_BYTES = 1 << 18
"""What is longer is sent by a thread: several workers' weights travel at once, and nobody waits for them."""

CLOSE_SECONDS = 2.0
"""So long may a worker take to read its last messages."""


class DirectDoor(Door):
    """Where workers of any host connect. Their gradients may come as `halves`."""

    def __init__(self, coordinator: Coordinator, host: str, slots: int, *, halves: bool = False) -> None:
        """Raises OSError where it cannot listen."""
        self._coordinator, self._slots, self._halves = coordinator, slots, halves
        listener = tcp.listen(host)
        super().__init__(listener)
        self.direct = pb.Direct(port=listener.getsockname()[1], secret=self.secret)

    def talk(self, connection: socket.socket) -> contextlib.AbstractContextManager[Talk]:
        """Return the conversation on a new connection."""
        talk = HalvesTalk if self._halves else DirectTalk
        return contextlib.closing(talk(self._coordinator, tcp.prepared(connection), self._slots))


class DirectTalk(Talk):
    """One worker's connection. Its gradients are received into slots; memory for them is taken as they come.

    Before its hello a stranger finds no slot to write into.
    """

    slots: Array | Halves = tcp.NO_SLOTS

    def __init__(self, coordinator: Coordinator, connection: socket.socket, count: int) -> None:
        super().__init__(coordinator, connection)
        self._count, self._reader, self._version_told = count, tcp.Reader(connection), -1
        self._outbox: Outbox

    def serve(self, hello: pb.Hello) -> None:
        """Answer until the job, the lease or the connection has ended."""
        self.slots = self.room()
        self._outbox = Outbox(self.connection)
        try:
            super().serve(hello)
        finally:
            self._outbox.close()

    def room(self) -> Array | Halves:
        """Return slots for what the worker sends."""
        return np.empty((self._count, self.coordinator.live_weights.size), np.float32)

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()

    def fail(self, error: ChainruleError) -> None:
        """Tell an error; what is still under way is read, or the system would throw away what was told."""
        super().fail(error)
        self._reader.drain(CLOSE_SECONDS)

    def messages(self) -> Iterator[pb.WorkerMessage]:
        """Yield what comes up, until the connection ends; gradients are put in their places."""
        return map(pb.WorkerMessage.FromString, self._reader.messages(self.slots))

    def send(self, message: pb.ServerMessage) -> None:
        """Send without waiting."""
        self._outbox.put((tcp.message(message.SerializeToString()),))

    def send_work(self, work: Work) -> None:
        """Send what is to be done, behind the weights of a new version."""
        frames: tuple[tcp.Buffer, ...] = (tcp.message(work_message(work).SerializeToString()),)
        if work.version != self._version_told:
            frames = (*tcp.piece(0, self.coordinator.live_weights), *frames)
            self._version_told = work.version
        self._outbox.put(frames)


class HalvesTalk(DirectTalk):
    """One whose gradients come as the upper halves of their numbers."""

    def room(self) -> Halves:
        """Return slots for halves, and make those for the whole."""
        self._gradients = super().room()
        return np.empty(self._gradients.shape, np.uint16)

    def gradient(self, slot: int) -> Array:
        """Return the gradient whose halves are in a slot."""
        return fill_halves(self.slots[slot], self._gradients[slot])


class Outbox:
    """Sends at once what the connection takes and is small, and the rest by a thread, in order."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock, self._waiting = connection, threading.Lock(), 0
        self._queue: queue.SimpleQueue[Sequence[tcp.Buffer]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def put(self, frames: Sequence[tcp.Buffer]) -> None:
        """Send frames, without waiting. Where the connection has ended, nothing happens."""
        with self._lock:
            if not self._waiting and sum(map(len, frames)) <= SMALL_BYTES:
                frames = self._try(frames)
            if frames:
                self._waiting += 1
                self._queue.put(frames)

    def _try(self, frames: Sequence[tcp.Buffer]) -> Sequence[tcp.Buffer]:
        with contextlib.suppress(OSError):
            return tcp.send(self._connection, frames, socket.MSG_DONTWAIT)
        return ()

    def _run(self) -> None:
        """Send until an empty frame comes; then end the connection, so that the worker reads all before."""
        with contextlib.suppress(OSError):
            while frames := self._queue.get():
                tcp.send(self._connection, frames)
                with self._lock:
                    self._waiting -= 1
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let what was put be sent, unless the other side takes nothing."""
        self._queue.put(())
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
