"""The service's two servers, gRPC and HTTP, in its event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any

import grpc
import uvicorn
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from starlette.types import ASGIApp

from chainrule.server.servicer import TrainingServicer
from chainrule.v1 import training_pb2
from chainrule.v1.training_pb2_grpc import add_TrainingServiceServicer_to_server
from chainrule.wire.errors import LaunchFailed

SERVICE = training_pb2.DESCRIPTOR.services_by_name["TrainingService"].full_name
GRACE_SECONDS = 2.0


class Health:
    """What the health service answers, for the whole server and for TrainingService."""

    def __init__(self) -> None:
        self.servicer = health_aio.HealthServicer()
        self.serving = False

    async def set(self, *, serving: bool) -> None:
        """Say whether jobs are taken."""
        self.serving = serving
        status = health_pb2.HealthCheckResponse
        for name in ("", SERVICE):
            await self.servicer.set(name, status.SERVING if serving else status.NOT_SERVING)


@asynccontextmanager
async def grpc_server(
    host: str, port: int, servicer: TrainingServicer, *interceptors: grpc.aio.ServerInterceptor
) -> AsyncIterator[tuple[int, Health]]:
    """Run the gRPC server with health and reflection; give its port and its health. Raises LaunchFailed."""
    server = grpc.aio.server(interceptors=interceptors, options=[("grpc.so_reuseport", 0)])
    health = Health()
    await health.set(serving=False)
    add_TrainingServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    reflection.enable_server_reflection((SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        raise _taken(host, port, "--port") from None
    await server.start()
    try:
        yield bound, health
    finally:
        await server.stop(GRACE_SECONDS)


@contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket bound to the address. Raises LaunchFailed."""
    try:
        bound = socket.create_server((host, port))
    except OSError:
        raise _taken(host, port, "--http-port") from None
    with bound:
        yield bound


def _taken(host: str, port: int, option: str) -> LaunchFailed:
    return LaunchFailed(f"cannot listen on {host}:{port}: it is in use or not ours; choose another with {option}")


class _Server(uvicorn.Server):
    """The service handles signals itself."""

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]
        return nullcontext()


@asynccontextmanager
async def http_server(app: ASGIApp, bound: socket.socket) -> AsyncIterator[None]:
    """Run the HTTP server on a bound socket."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve([bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside the body, and end it with the body."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
