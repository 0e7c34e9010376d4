"""Doors through which workers come to the coordinator past gRPC, whose messages cost more than a small step."""

import contextlib
import secrets
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from google.protobuf.message import DecodeError

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.messages import STOP, failure_message, result_message, work_message
from chainrule.parameter_server.phases import Seconds
from chainrule.parameter_server.plan import Outcome, Result
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.bfloat16 import Halves
from chainrule.wire.errors import ChainruleError, ShapeMismatch
from chainrule.wire.partials import Findings, Partial, Sums
from chainrule.wire.stretched import unpack

NOTHING = np.empty(0, np.float32)
HELLO_SECONDS = 10.0
"""Who connects and has said nothing by then is no worker."""
ACCEPT_SECONDS = 0.1
"""So long a door that could let nobody in waits: there may be a file descriptor for a connection by then."""


class Talk(ABC):
    """The conversation with one worker.

    A partial's gradient is in one of `slots` (count, size) before its header comes. Each partial of a version has one
    of its own, which nobody changes until the next version begins.
    """

    slots: Array | Halves
    together = False
    """Whether the worker may take stretches with others."""

    def __init__(self, coordinator: Coordinator, connection: socket.socket) -> None:
        self.coordinator, self.connection = coordinator, connection

    def hello(self) -> pb.Hello:
        """Return the worker's first message; empty where there is none. Raises OSError and DecodeError."""
        return next(self.messages(), pb.WorkerMessage()).hello

    @abstractmethod
    def messages(self) -> Iterator[pb.WorkerMessage]:
        """Yield what comes up, until the connection ends. Raises OSError, DecodeError and ShapeMismatch."""

    @abstractmethod
    def send(self, message: pb.ServerMessage) -> None:
        """Send without waiting: a worker that reads nothing must not hold up the others."""

    def gradient(self, slot: int) -> Array:
        """Return the gradient that is in a slot."""
        return np.asarray(self.slots[slot], np.float32)

    def send_work(self, work: Work) -> None:
        """Send what is to be done, behind the weights where they have to travel."""
        self.send(work_message(work))

    def fail(self, error: ChainruleError) -> None:
        """Tell an error, behind which the connection ends."""
        self.send(failure_message(error))

    def serve(self, hello: pb.Hello) -> None:
        """Answer until the job, the lease or the connection has ended; the end is the worker's leave."""
        self._worker = hello.generation, hello.incarnation
        if not self.coordinator.knows(*self._worker):
            self._end()  # and let go of nobody: the number may be another's
            return
        try:
            self.coordinator.attach(hello.incarnation, self._deliver, together=self.together)
            for message in self.messages():
                self._take(message)
        except ChainruleError as error:
            self.fail(error)
        except (OSError, DecodeError):
            raise  # the worker has gone, or is none
        except Exception as error:
            self.coordinator.fail(f"the parameter server has met an error of its own: {error!r}")
            raise
        finally:
            self.coordinator.leave(hello.incarnation)

    def _deliver(self, message: Work | Result | None) -> None:
        match message:
            case None:
                self._end()
            case Result() if message.outcome is Outcome.APPLIED:
                pass  # the next work says as much, and nobody waits for more
            case Result():
                self.send(result_message(message))
            case _:
                self.send_work(message)

    def _end(self) -> None:
        refusal = self.coordinator.refusal(*self._worker)
        self.send(STOP if refusal is None else failure_message(refusal))

    def _take(self, message: pb.WorkerMessage) -> None:
        if message.WhichOneof("content") == "stretched":
            generation, incarnation = self._worker
            steps = unpack(message.stretched)
            self.coordinator.stretched(incarnation, generation, message.stretched.number, steps)
        else:
            self._push(message.partial)

    def _push(self, header: pb.Partial) -> None:
        count, size = self.slots.shape
        if header.gradient_bytes not in (0, size * self.slots.itemsize) or header.slot >= count:
            raise ShapeMismatch(
                f"a gradient of {header.gradient_bytes} bytes in slot {header.slot} does not fit the network"
            )
        gradient = self.gradient(header.slot) if header.gradient_bytes else NOTHING
        training, validation = Sums.from_message(header.training), Sums.from_message(header.validation)
        found = Findings(header.modest, header.digest)
        partial = Partial(gradient, training, validation, self.coordinator.layers, borrowed=True, found=found)
        generation, incarnation = self._worker
        node = Node(header.node.lo, header.node.hi)
        seconds = Seconds(header.compute_seconds, header.serialise_seconds)
        self.coordinator.push(incarnation, generation, header.version, node, partial, seconds)


class Door(ABC):
    """Lets workers in that know the secret, each with a thread of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self.secret, self._listener = secrets.token_bytes(16), listener
        self._closed = threading.Event()

    @abstractmethod
    def talk(self, connection: socket.socket) -> contextlib.AbstractContextManager[Talk]:
        """Return the conversation on a new connection."""

    def serve(self) -> None:
        """Let workers in until the door is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._closed.wait(ACCEPT_SECONDS):
                    return
                continue
            threading.Thread(target=self._welcome, args=(connection,), name="worker", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed.set()
        with contextlib.suppress(OSError):  # not on every system
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _welcome(self, connection: socket.socket) -> None:
        ends = OSError, DecodeError, ShapeMismatch  # a stranger, or a worker that has gone
        with connection, contextlib.suppress(*ends), self.talk(connection) as talk:
            connection.settimeout(HELLO_SECONDS)
            hello = talk.hello()
            connection.settimeout(None)
            if secrets.compare_digest(hello.secret, self.secret):
                talk.serve(hello)
