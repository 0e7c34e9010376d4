"""Times the calls of TrainingService as they are served."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc

Observe: TypeAlias = Callable[[str, str, float], None]
"""Takes a call's method, code and seconds."""


class Timing(grpc.aio.ServerInterceptor):
    """Observes each call of a service when it, and its stream, has ended; other services are left alone."""

    def __init__(self, service: str, observe: Observe, clock: Callable[[], float] = time.monotonic) -> None:
        self._prefix, self._observe, self._clock = f"/{service}/", observe, clock

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the call's handler, timed; a method that does not exist has none, so that strangers name nothing."""
        handler = await continuation(handler_call_details)
        name = str(handler_call_details.method)
        if handler is None or not name.startswith(self._prefix):
            return handler
        return self._timed(handler, name.removeprefix(self._prefix))

    def _timed(self, handler: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            with self._measured(method, context):
                return await inner(request, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._measured(method, context):
                async for message in inner(request, context):
                    yield message

        kinds = {False: ("unary_unary", "unary_stream"), True: ("stream_unary", "stream_stream")}
        kind = kinds[handler.request_streaming][handler.response_streaming]
        inner = getattr(handler, kind)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            stream if handler.response_streaming else call, handler.request_deserializer, handler.response_serializer
        )

    @contextmanager
    def _measured(self, method: str, context: Any) -> Iterator[None]:
        began, code = self._clock(), ""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = "CANCELLED"
            raise
        except Exception:
            code = "" if context.code() else "UNKNOWN"
            raise
        finally:
            self._observe(method, code or _name(context.code()), self._clock() - began)


def _name(code: Any) -> str:
    """Return the name of a status code, which gRPC has as its number; a handler that says nothing says OK."""
    names = {status.value[0]: status.name for status in grpc.StatusCode}
    return names.get(getattr(code, "value", (code,))[0] or 0, "UNKNOWN")
