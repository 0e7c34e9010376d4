"""A small problem whose partials depend on version, shard and weights, and workers that a test moves by hand."""

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from server_process import Server

from chainrule.data.dataset import load_dataset
from chainrule.data.shard_tree import fold
from chainrule.nn import OPTIMIZERS, Parameters, Update
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.plan import Plan, Result
from chainrule.parameter_server.restore import restore
from chainrule.parameter_server.servicer import Assignable, ParameterServicer, add_to_server
from chainrule.parameter_server.state import TrainingState
from chainrule.v1.parameters_pb2_grpc import ParameterServiceStub
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.validation import parse_spec

SIZES = (2, 1)


def new_state(shards=4, steps=5, steps_per_epoch=2, validates=True, generation=1, optimizer="momentum", **options):
    parameters = Parameters.view(np.float32([1, -2, 0.5]), SIZES)
    optimizer = OPTIMIZERS[optimizer](**options)
    slots = {name: np.zeros(3, np.float32) for name in optimizer.slots}
    plan = Plan(steps, steps_per_epoch, shards, validates)
    return TrainingState(plan, generation, parameters, Update(optimizer), slots)


def partial_of(theta, work, node):
    """What a right worker answers: numbers of many magnitudes, so that the order of additions shows in the bits."""

    def leaf(shard):
        rng = np.random.default_rng((work.version, shard))
        gradient = (rng.normal(size=3) * 10.0 ** rng.integers(-4, 4, 3)).astype(np.float32) + theta
        training = Sums(float(rng.uniform()), float(rng.integers(1, 9)), 0.0) if work.train else Sums()
        validation = Sums(float(rng.uniform()), 3.0, float(rng.integers(0, 4))) if work.evaluate else Sums()
        return Partial(gradient if work.train else np.empty(0, np.float32), training, validation)

    return fold(node, leaf, Partial.add)


def next_message(coordinator, worker):
    """Wait for a worker's next message, as its stream does; None again and again behind the last one."""
    if not hasattr(coordinator, "inboxes"):
        coordinator.inboxes = {}
    if worker not in coordinator.inboxes:
        coordinator.inboxes[worker] = SimpleQueue()
        coordinator.attach(worker, coordinator.inboxes[worker].put)
    message = coordinator.inboxes[worker].get(timeout=30)
    if message is None:
        coordinator.inboxes[worker].put(None)
    return message


def work_of(coordinator, worker):
    """Wait for a worker's next work, past what became of its pushes; return it and the weights, None at the end."""
    message = next_message(coordinator, worker)
    while isinstance(message, Result):
        message = next_message(coordinator, worker)
    return message and (message, coordinator.live_weights)


@pytest.fixture(scope="session")
def toy():
    return SimpleNamespace(new_state=new_state, partial_of=partial_of, next_message=next_message, work_of=work_of)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def two(toy):
    """A state over four shards, two workers, and what they are to do at version 0."""
    state = toy.new_state()
    first, second = state.join(0.0), state.join(0.0)
    state.start_at(0)
    return state, first, second, state.take_work(first, 0.0)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Two clouds of points as a file, and what a job with `changes` makes of it: spec, summary, shards."""
    path = tmp_path_factory.mktemp("data") / "clouds.csv"
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120)
    X = rng.normal(size=(120, 3)) + 1.5 * labels[:, None]
    rows = "".join(f"{x[0]},{x[1]},{x[2]},{label}\n" for x, label in zip(X, labels, strict=True))
    path.write_text("a,b,c,label\n" + rows)

    def load(optimizer="adam", max_workers=3, units=5, sections=None, **training):
        document = {
            "data": {"train": str(path), "label": "label"},
            "network": {"layers": [{"units": units, "activation": "tanh"}, {}]},
            "optimizer": {"name": optimizer, "learning_rate": 0.05},
            "training": {"epochs": 4, "batch_size": 16, "shards": 4} | training,
            "cluster": {"max_workers": max_workers},
        }
        spec = parse_spec(document | (sections or {}))
        summary, shards = load_dataset(spec)
        return SimpleNamespace(spec=spec, summary=summary, shards=dict(enumerate(shards)))

    return load


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def served(data):
    """A job on a real port; `served.stub` calls it, `served.clock` is the time of its leases."""
    job, clock = data(), Clock()
    state, _ = restore(job.spec, job.summary, 7, [])
    coordinator = Coordinator(state, clock)
    network = job.summary.network(job.spec)
    steps = job.summary.steps(job.spec), job.summary.steps_per_epoch(job.spec)
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        servicer = ParameterServicer(Assignable("a1", job.spec, network, *steps), coordinator)
        add_to_server(servicer, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        with grpc.insecure_channel(address) as channel:
            yield SimpleNamespace(
                job=job,
                clock=clock,
                coordinator=coordinator,
                network=network,
                address=address,
                stub=ParameterServiceStub(channel),
            )
        coordinator.stop()
        server.stop(None).wait()


@pytest.fixture
def start(tmp_path):
    servers = []

    def start(job, folder="run", **options):
        with (tmp_path / "log").open("ab") as log:
            servers.append(Server(job, tmp_path / folder, log=log, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()
        server.process.stdin.close()
        server.process.stdout.close()
