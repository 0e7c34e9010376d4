"""ParameterService: messages in, messages out."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from chainrule.nn import Network
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.exchange import Exchange
from chainrule.parameter_server.members import HEARTBEAT_SECONDS
from chainrule.v1 import parameters_pb2 as pb
from chainrule.v1.parameters_pb2_grpc import ParameterServiceServicer
from chainrule.wire.chunks import to_chunks
from chainrule.wire.errors import ChainruleError, JobNotFound
from chainrule.wire.frames import Chunk, to_bytes, worker_message
from chainrule.wire.layers import LayerActivity
from chainrule.wire.messages import spec_to_message
from chainrule.wire.spec import JobSpec
from chainrule.wire.status import to_status

T = TypeVar("T")
SERVICE = pb.DESCRIPTOR.services_by_name["ParameterService"].full_name


@dataclass(frozen=True)
class Assignable:
    """What a worker has to know of the job to compute for it."""

    job_id: str
    spec: JobSpec
    network: Network
    steps: int
    steps_per_epoch: int
    local: pb.Local | None = None
    """Where workers of this host may connect."""
    direct: pb.Direct | None = None
    """Where workers of any host may connect."""


class ParameterServicer(ParameterServiceServicer):  # type: ignore[misc]
    """Serves one job."""

    def __init__(self, job: Assignable, coordinator: Coordinator) -> None:
        self._job, self._coordinator = job, coordinator
        self._machines: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def Join(self, request: pb.JoinRequest, context: grpc.ServicerContext) -> pb.JoinResponse:  # noqa: N802
        """Give a worker its incarnation and a lease."""
        if request.job_id != self._job.job_id:
            context.abort_with_status(to_status(JobNotFound(f"job {request.job_id} is not served here")))
        self._compare(request)
        return pb.JoinResponse(
            generation=self._coordinator.generation,
            incarnation=self._coordinator.join(request.worker),
            heartbeat_seconds=HEARTBEAT_SECONDS,
            spec=spec_to_message(self._job.spec),
            layer_sizes=self._job.network.sizes,
            steps=self._job.steps,
            steps_per_epoch=self._job.steps_per_epoch,
            local=self._job.local,
            direct=self._job.direct,
        )

    def Heartbeat(self, request: pb.HeartbeatRequest, context: grpc.ServicerContext) -> pb.HeartbeatResponse:  # noqa: N802
        """Renew a lease."""
        layers = [LayerActivity.from_message(layer) for layer in request.layers]
        _or_abort(context, lambda: self._coordinator.heartbeat(request.generation, request.incarnation, layers))
        return pb.HeartbeatResponse()

    def Exchange(  # noqa: N802
        self, request_iterator: Iterator[pb.WorkerMessage | Chunk], context: grpc.ServicerContext
    ) -> Iterator[pb.ServerMessage | bytes]:
        """Send weights and work down, take partials up."""
        halves = self._job.spec.training.halves
        return Exchange(self._coordinator, request_iterator, context, halves=halves).messages()

    def Pull(self, request: pb.PullRequest, context: grpc.ServicerContext) -> Iterator[pb.WeightsChunk]:  # noqa: N802
        """Send the current weights."""
        version, weights = self._coordinator.weights()
        return (pb.WeightsChunk(version=version, offset=offset, data=data) for offset, data in to_chunks(weights))

    def _compare(self, request: pb.JoinRequest) -> None:
        """Warn of a worker whose processor or libraries may round otherwise than the first worker's."""
        machine = {part: getattr(request.machine, part) for part in ("cpu", "numpy", "blas")}
        with self._lock:
            if machine not in self._machines:
                self._machines.append(machine)
                self._coordinator.books.tell_machine(machine)
            first = self._machines[0]
        for part, theirs in machine.items():
            if first[part] != theirs:
                self._coordinator.books.warn(
                    f"worker {request.worker} has {part} {theirs!r}, the first worker {first[part]!r}: "
                    "the bits may differ"
                )


def add_to_server(servicer: ParameterServicer, server: grpc.Server) -> None:
    """Register the service; its large messages are frames, which are serialised already."""
    handlers: dict[str, Any] = {
        "Join": grpc.unary_unary_rpc_method_handler(servicer.Join, pb.JoinRequest.FromString, to_bytes),
        "Heartbeat": grpc.unary_unary_rpc_method_handler(servicer.Heartbeat, pb.HeartbeatRequest.FromString, to_bytes),
        "Exchange": grpc.stream_stream_rpc_method_handler(servicer.Exchange, worker_message, to_bytes),
        "Pull": grpc.unary_stream_rpc_method_handler(servicer.Pull, pb.PullRequest.FromString, to_bytes),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _or_abort(context: grpc.ServicerContext, action: Callable[[], T]) -> T:
    try:
        return action()
    except ChainruleError as error:
        context.abort_with_status(to_status(error))
        raise
