"""How a worker comes to its parameter server, and what it finds when a way is closed."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
import numpy as np
import pytest
from entrance import entrance, trained_alone

from chainrule.nn import OPTIMIZERS
from chainrule.parameter_server import members, servicer
from chainrule.parameter_server.servicer import Assignable, ParameterServicer, add_to_server
from chainrule.v1 import parameters_pb2 as pb
from chainrule.worker import direct
from chainrule.worker.direct import DirectStream
from chainrule.worker.machine import describe_machine
from chainrule.worker.session import Session
from chainrule.worker.streams import LocalStream, RemoteStream
from chainrule.worker.training_loop import train

NOBODY = {"local": pb.Local(name="chainrule-of-another-host"), "direct": pb.Direct(port=1)}


@contextmanager
def server_of(job, open_doors, closed_doors):
    """A job's address, with its state; some doors are open, and some are told of but are not there."""
    network = job.summary.network(job.spec)
    steps = job.summary.steps(job.spec), job.summary.steps_per_epoch(job.spec)
    with ThreadPoolExecutor(8) as pool, entrance("local", job, clock=time.monotonic) as local:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        with entrance("direct", job, local.coordinator) as far:
            there = {"local": local.door.local, "direct": far.door.direct}
            ways = {door: there[door] for door in open_doors} | {door: NOBODY[door] for door in closed_doors}
            add_to_server(
                ParameterServicer(Assignable("a1", job.spec, network, *steps, **ways), local.coordinator), server
            )
            address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            server.start()
            yield address, local.state
            server.stop(None).wait()


@pytest.mark.parametrize(
    ("open_doors", "closed_doors", "stream"),
    [
        (["local", "direct"], [], LocalStream),
        (["direct"], ["local"], DirectStream),
        ([], ["local", "direct"], RemoteStream),
        ([], [], RemoteStream),
    ],
)
def test_the_fastest_way_that_is_open_is_taken(data, open_doors, closed_doors, stream):
    ways = server_of(data(), open_doors, closed_doors)
    with ways as (address, state), Session(address, "a1", "w", describe_machine()) as session:
        assert type(session._stream) is stream
        assert next(iter(session.work())).version == 0
        assert (session.parameters.flat == state.parameters.flat).all()


@contextmanager
def port_that_answers_nothing():
    """As behind a firewall that drops what it does not let through: there is no place for one more connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        address = listener.getsockname()
        while True:
            connection = stack.enter_context(socket.socket())
            connection.settimeout(0.2)
            try:
                connection.connect(address)
            except TimeoutError:
                break
        yield address[1]


def test_a_port_that_answers_nothing_costs_no_lease(data, monkeypatch):
    """To find that out takes as long as one."""
    monkeypatch.setattr(direct, "CONNECT_SECONDS", 1.5)
    monkeypatch.setattr(members, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(servicer, "HEARTBEAT_SECONDS", 0.1)
    with port_that_answers_nothing() as port:
        monkeypatch.setitem(NOBODY, "direct", pb.Direct(port=port))
        ways = server_of(data(), [], ["direct"])
        with ways as (address, state), Session(address, "a1", "w", describe_machine()) as session:
            assert state.expire(time.monotonic()) == []
            assert type(session._stream) is RemoteStream
            assert next(iter(session.work())).version == 0


@pytest.mark.parametrize("wire", ["float32", "bfloat16"])
@pytest.mark.parametrize("open_doors", [["local"], ["direct"], []])
def test_the_bits_are_the_same_whichever_way_is_taken(data, open_doors, wire):
    job = data(shards=8, wire=wire)
    with server_of(job, open_doors, []) as (address, state), ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(train, address, "a1", f"w{k}", job.shards) for k in range(3)]:
            done.result(60)
    assert state.complete
    assert state.parameters.flat.tobytes() == trained_alone(job).parameters.flat.tobytes()


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_workers_of_a_host_take_most_steps_among_themselves_with_the_same_bits(data, optimizer, workers):
    job = data(optimizer=optimizer, shards=8, epochs=20, hash_every=3)
    with server_of(job, ["local"], []) as (address, state), ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(train, address, "a1", f"w{k}", job.shards) for k in range(workers)]:
            done.result(60)
    alone = trained_alone(job)
    assert state.complete
    assert state.stretches.steps > 0.4 * state.plan.steps
    assert state.parameters.flat.tobytes() == alone.parameters.flat.tobytes()
    assert {name: slot.tobytes() for name, slot in state.slots.items()} == {
        name: slot.tobytes() for name, slot in alone.slots.items()
    }


def test_a_rounded_gradient_trains_to_other_bits_and_nearly_the_same_loss(data):
    (exact, rounded) = (trained_alone(data(wire=wire, epochs=30)) for wire in ("float32", "bfloat16"))
    assert (exact.parameters.flat != rounded.parameters.flat).any()
    np.testing.assert_allclose(rounded.parameters.flat, exact.parameters.flat, atol=0.05)
