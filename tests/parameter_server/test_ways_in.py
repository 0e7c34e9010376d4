"""How a worker comes to its parameter server, and what it finds when a way is closed."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from entrance import entrance

from chainrule.parameter_server.servicer import Assignable, ParameterServicer, add_to_server
from chainrule.v1 import parameters_pb2 as pb
from chainrule.worker.direct import DirectStream
from chainrule.worker.machine import describe_machine
from chainrule.worker.session import Session
from chainrule.worker.streams import LocalStream, RemoteStream

NOBODY = {"local": pb.Local(name="chainrule-of-another-host"), "direct": pb.Direct(port=1)}


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
    job = data()
    network, steps = job.summary.network(job.spec), job.summary.steps_per_epoch(job.spec)
    with ThreadPoolExecutor(8) as pool, entrance("local", job) as local:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        with entrance("direct", job, local.coordinator) as direct:
            there = {"local": local.door.local, "direct": direct.door.direct}
            ways = {door: there[door] for door in open_doors} | {door: NOBODY[door] for door in closed_doors}
            add_to_server(
                ParameterServicer(Assignable("a1", job.spec, network, steps, **ways), local.coordinator), server
            )
            address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            server.start()
            with Session(address, "a1", "w", describe_machine()) as session:
                assert type(session._stream) is stream
                assert next(iter(session.work())).version == 0
                assert (session.parameters.flat == local.state.parameters.flat).all()
            server.stop(None).wait()
