"""The way to a service: its address, the channel's options, its errors, and patience while it is away."""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_status import rpc_status

from chainrule.wire.errors import ServiceUnavailable
from chainrule.wire.status import from_call

SERVER_VARIABLE = "CHAINRULE_SERVER"
DEFAULT_ADDRESS = "127.0.0.1:50051"
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

_REPEATABLE = ("SubmitJob", "GetJob", "ListJobs", "PauseJob", "ResumeJob", "ScaleJob")
_RETRIED = [{"service": "chainrule.v1.TrainingService", "method": method} for method in _REPEATABLE]
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": _RETRIED, "retryPolicy": _RETRY}]})),
    ("grpc.enable_http_proxy", 0),  # else http_proxy in the environment catches calls to this very host
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),  # by default gRPC would look for a restarted service every 120 s
    ("grpc.use_local_subchannel_pool", 1),  # a new client tries at once, whatever an older one has met
]


def service_address(address: str | None = None) -> str:
    """Return the address, else that of CHAINRULE_SERVER, else the default. Raises ValueError if not HOST:PORT."""
    chosen = address or os.environ.get(SERVER_VARIABLE) or DEFAULT_ADDRESS
    if not re.fullmatch(r"[^/\s]+:\d{1,5}", chosen, re.ASCII):
        raise ValueError(f"the address of a service must be HOST:PORT, not {chosen!r}")
    return chosen


def open_channel(address: str) -> grpc.Channel:
    """Return a channel; calls that change nothing when repeated are repeated while the service is away for a moment."""
    return grpc.insecure_channel(address, options=_OPTIONS)


@contextmanager
def our_errors(address: str) -> Iterator[None]:
    """Raise the ChainruleError that a failed call stands for."""
    try:
        yield
    except grpc.RpcError as call:
        error = from_call(call)
        if isinstance(error, ServiceUnavailable) and rpc_status.from_call(call) is None:
            cause = (call.details() or "").rsplit(": ", 1)[-1].rstrip("].").lower()
            error = ServiceUnavailable(f"no service answers at {address} ({cause}); `chainrule serve` starts one")
        raise error from call


@contextmanager
def ended(call: Any, address: str) -> Iterator[Any]:
    """Give a stream and end it, however its reader leaves."""
    with our_errors(address):
        try:
            yield call
        finally:
            call.cancel()


class Patience:
    """Growing pauses between attempts, for `seconds` since the last success; an event ends a pause."""

    def __init__(self, seconds: float, closed: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._closed, self._clock = seconds, closed, clock
        self.renew()

    def renew(self) -> None:
        """Begin anew: something has succeeded."""
        self._since: float | None = None
        self._pause = FIRST_PAUSE

    def wait(self) -> bool:
        """Wait before the next attempt. False if there shall be none."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        left = self._since + self._seconds - now
        pause, self._pause = min(self._pause, left), min(2 * self._pause, LONGEST_PAUSE)
        return left > 0 and not self._closed.wait(pause)
