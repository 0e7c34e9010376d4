import socket
import threading
import tracemalloc
from contextlib import closing, suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from costing import NETWORK, counts
from entrance import entrance, push, work_of
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.dataset import load_dataset
from chainrule.nn import Backpropagation, Network, Parameters, initialize, one_hot
from chainrule.parameter_server.assignment import Assignment
from chainrule.server.counts import Counts
from chainrule.server.planning import counts_of
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.partials import Findings, Partial, Sums
from chainrule.wire.spec import WIRES


class Relay:
    """Stands between workers and a door, and counts what goes through, up and down."""

    def __init__(self):
        self.up = self.down = self.behind = 0
        self._listener, self._threads = socket.create_server(("127.0.0.1", 0)), []
        self.port = self._listener.getsockname()[1]
        self._run(self._accept)

    def _run(self, work, *args):
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, far = self._listener.accept()[0], socket.create_connection(("127.0.0.1", self.behind))
                self._run(self._pass, near, far, "up")
                self._run(self._pass, far, near, "down")

    def _pass(self, source, target, way):
        with source:
            with suppress(OSError):  # of who has hung up with something unread
                while raw := source.recv(1 << 16):
                    setattr(self, way, getattr(self, way) + len(raw))
                    target.sendall(raw)
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def close(self):
        """Wait for all connections to end."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@pytest.mark.parametrize("wire", WIRES)
def test_so_many_bytes_cross_a_real_connection(spec, wire):
    """In 40 steps of two workers. What is not the same in every step are the numbers in messages, a few bytes each."""
    training, few, steps = replace(spec.training, epochs=99, wire=wire), 16, 40
    spec = replace(spec, training=training, data=replace(spec.data, validation_fraction=0.0))
    summary, _ = load_dataset(spec)
    told, marks = counts_of(spec, summary), []
    with closing(Relay()) as relay, entrance("direct", SimpleNamespace(spec=spec, summary=summary)) as opened:
        relay.behind = opened.door.direct.port
        opened.door.direct = pb.Direct(port=relay.port, secret=opened.door.secret)
        streams = [opened.enter()[0] for _ in range(2)]
        messages = [stream.messages() for stream in streams]
        push_all(streams[0], work_of(messages[0]))  # the first worker does the first step alone
        for _ in range(steps):
            works = [work_of(each) for each in messages]
            marks.append((relay.up, relay.down))
            for stream, work in zip(streams, works, strict=True):
                push_all(stream, work)
    up, down = ((end - start) / (steps - 1) for end, start in zip(marks[-1], marks[0], strict=True))
    assert up == pytest.approx(told.bytes_up(2), abs=few * told.partials(2))
    assert down == pytest.approx(told.bytes_down(2), abs=few * 2)


def push_all(stream, work):
    for node in work.nodes:
        found = Findings(modest=True, digest=bytes(16))
        ones = np.ones_like(stream.parameters.flat)
        push(stream, work.version, node, Partial(ones, Sums(1.0, 4.0), Sums(), found=found))


@given(st.integers(1, 40), st.integers(1, 50))
def test_partials_are_those_that_the_server_deals(shards, workers):
    dealt = Assignment(shards)
    for worker in range(workers):
        dealt.add(worker)
    dealt.deal(1)
    owed = [dealt.take(worker, 0.0) for worker in range(workers)]
    told = counts(shards)
    assert told.partials(workers) == sum(map(len, owed))
    assert told.busy(workers) == sum(map(bool, owed))
    assert told.most_shards(workers) == max(sum(node.hi - node.lo for node in nodes) for nodes in owed)


def test_rounded_partials_travel_alone():
    assert [counts(8).partials(2), counts(8, up=2).partials(2)] == [2, 8]
    assert counts(8, up=2).bytes_up(2) == counts(8, up=2).bytes_up(8)


def step_of(network, rows):
    X, Y = (
        np.zeros((rows, network.sizes[0]), np.float32),
        one_hot(np.zeros(rows, int), np.zeros((rows, 10), np.float32)),
    )
    return lambda step: step.loss_and_gradient(initialize(network, 0), X, Y, Parameters.empty(network.sizes))


def test_flops_are_those_of_the_products_that_are_done(monkeypatch):
    network, found, matmul = Network((7, 5, 9, 10), ("relu", "tanh", "softmax"), "cross_entropy"), [], np.matmul

    def counted(A, B, out):
        if A.ndim == 2:
            found.append(2 * A.shape[0] * A.shape[1] * B.shape[1])
        return matmul(A, B, out=out)

    step = Backpropagation(network, 6)
    monkeypatch.setattr(np, "matmul", counted)
    step_of(network, 6)(step)
    assert Counts(network, 4, 6).flops == 4 * sum(found)


@pytest.mark.parametrize(
    ("activation", "dropout"), [("relu", ()), ("gelu", ()), ("silu", (0.1, 0.5)), ("softmax", (0.0, 0.5))]
)
def test_a_step_takes_the_memory_that_is_told(activation, dropout):
    network = replace(NETWORK, activations=(activation, "softmax"), dropout=dropout)
    tracemalloc.start()
    step = Backpropagation(network, 64)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert step.rows == 64
    told = Counts(network, 1, 64)
    inputs = 4 * 784 * (100 + 64)
    assert told.worker_bytes(1, 100, shared=True) - inputs == pytest.approx(taken, rel=0.02)
    assert told.worker_bytes(1, 100, shared=False) - told.worker_bytes(1, 100, shared=True) == 2 * told.weight_bytes


def test_the_server_holds_weights_slots_and_what_it_adds_up():
    size = counts().weight_bytes
    assert counts(1).server_bytes(1) == 3 * size
    assert counts(2).server_bytes(2) == 4 * size
    assert counts(4).server_bytes(4) == (2 + 4 + 2) * size
    assert counts(2, slots=2).server_bytes(2) == (2 * 3 + 2) * size


def test_layers_travel_from_the_last_to_the_first():
    assert counts().layers.tolist() == [10 * 513, 512 * 785]
    assert counts().layers.sum() == counts().parameters
