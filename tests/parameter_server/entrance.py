"""A job behind one of the doors, and workers' streams that come in by it."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

from chainrule.data.shard_tree import root
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.direct import DirectDoor
from chainrule.parameter_server.local import LocalDoor, share
from chainrule.parameter_server.restore import restore
from chainrule.v1 import parameters_pb2 as pb
from chainrule.worker.direct import DirectStream
from chainrule.worker.partials import PartialComputer
from chainrule.worker.streams import LocalStream

SECONDS = 10.0
GENERATION = 7


@contextmanager
def entrance(kind, job, coordinator=None, clock=lambda: 0.0):
    """`enter()` of what is yielded returns a worker's stream and its incarnation.

    While the clock stands still there are no stretches, which workers that are moved by hand do not know.
    """
    state, _ = restore(job.spec, job.summary, GENERATION, [])
    weights, sizes = share(state), state.parameters.sizes
    coordinator = coordinator or Coordinator(state, clock)
    if kind == "local":
        door = LocalDoor(coordinator, weights, job.spec.shards)
    else:
        door = DirectDoor(coordinator, "127.0.0.1", job.spec.shards, halves=job.spec.training.halves)
    serving = threading.Thread(target=door.serve)
    serving.start()
    streams = []

    def enter(incarnation=None, generation=GENERATION):
        incarnation = coordinator.join("w") if incarnation is None else incarnation
        hello = pb.Hello(generation=generation, incarnation=incarnation)
        if kind == "local":
            streams.append(LocalStream(door.local, hello, sizes))
        else:
            streams.append(DirectStream("127.0.0.1", door.direct, hello, sizes, halves=job.spec.training.halves))
        return streams[-1], incarnation

    yield SimpleNamespace(job=job, state=state, coordinator=coordinator, door=door, enter=enter)
    coordinator.stop()
    for stream in streams:
        stream.close()
    door.close()
    serving.join(SECONDS)


def work_of(messages):
    """Read on to the next work."""
    return next(message.work for message in messages if message.WhichOneof("content") == "work")


def push(stream, version, node, partial):
    """Send a partial with its gradient, as the training loop does while it computes."""
    room = stream.room(version)
    room.flat[:] = partial.gradient
    for L in reversed(room.W):
        stream.send_layer(L)
    stream.push(version, node, partial, 0.0)


def trained_alone(job):
    """The state that training ends in, by one straight line."""
    state, _ = restore(job.spec, job.summary, GENERATION, [])
    network, per_epoch = job.summary.network(job.spec), job.summary.steps_per_epoch(job.spec)
    computer = PartialComputer(job.spec, network, per_epoch, job.shards)
    while not state.complete:
        asked = {"train": state.plan.trains(state.version), "evaluate": state.plan.evaluates(state.version)}
        everything = root(job.spec.shards)
        state.complete_version((computer.compute(state.parameters, state.version, everything, **asked),))
    return state
