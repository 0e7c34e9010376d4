"""A worker's stream over a TCP connection of its own: each layer of a gradient travels while the next is computed."""

import time
from collections.abc import Iterator

import numpy as np

from chainrule.data.shard_tree import Node
from chainrule.nn import Array, Parameters
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import tcp
from chainrule.wire.bfloat16 import Halves, take_halves
from chainrule.wire.errors import ServiceUnavailable
from chainrule.wire.partials import Partial
from chainrule.worker.streams import CONNECT_SECONDS, GONE, Slots, checked, header


class DirectStream:
    """Weights are received into their place, and gradients sent from theirs; the server keeps them in slots.

    Gradients may travel as `halves`.
    """

    def __init__(
        self, host: str, direct: pb.Direct, hello: pb.Hello, sizes: tuple[int, ...], *, halves: bool = False
    ) -> None:
        """Raises OSError where the port cannot be reached."""
        self.parameters, self._gradient = Parameters.empty(sizes), Parameters.empty(sizes)
        self._halves = np.empty(self._gradient.flat.size, np.uint16) if halves else None
        self._slots, self._sending = Slots(), 0.0
        hello.secret = direct.secret
        self._connection = tcp.connect(host, direct.port, CONNECT_SECONDS)
        self._reader = tcp.Reader(self._connection)
        try:
            tcp.send(self._connection, (tcp.message(pb.WorkerMessage(hello=hello).SerializeToString()),))
        except OSError:
            self.close()
            raise

    def messages(self) -> Iterator[pb.ServerMessage]:
        """Yield work and results; weights are put in their place."""
        try:
            for raw in self._reader.messages(self.parameters.flat.reshape(1, -1)):
                message = pb.ServerMessage.FromString(raw)
                if message.HasField("stop"):
                    return
                yield checked(message)
        except OSError as error:
            raise ServiceUnavailable(f"{GONE}: {error}") from None
        raise ServiceUnavailable(GONE)

    def room(self, version: int) -> Parameters:
        """Return the only room: what has been sent lies in a slot of the server."""
        self._slots.next(version)
        return self._gradient

    @property
    def _outgoing(self) -> Array | Halves:
        return self._gradient.flat if self._halves is None else self._halves

    def send_layer(self, L: int) -> None:
        """Send the gradient of layer L; the system takes it while the next one is computed."""
        part, began = self._gradient.parts[L], time.perf_counter()
        if self._halves is not None:
            take_halves(self._gradient.flat[part], self._halves[part])
        self._send_frames(tcp.piece(self._slots.present, self._outgoing, part.start, part.stop))
        self._sending += time.perf_counter() - began

    def push(self, version: int, node: Node, partial: Partial, seconds: float) -> None:
        """Send the sums of a partial, whose gradient has been sent layer by layer."""
        head = header(
            version,
            node,
            partial,
            compute_seconds=seconds - self._sending,
            serialise_seconds=self._sending,
            slot=self._slots.present,
            gradient_bytes=partial.gradient.size * self._outgoing.itemsize,
        )
        self._sending = 0.0
        self._send(pb.WorkerMessage(partial=head))

    def _send(self, message: pb.WorkerMessage) -> None:
        self._send_frames((tcp.message(message.SerializeToString()),))

    def _send_frames(self, frames: tuple[tcp.Buffer, ...]) -> None:
        try:
            tcp.send(self._connection, frames)
        except OSError as error:
            raise ServiceUnavailable(f"{GONE}: {error}") from None

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._connection.close()
