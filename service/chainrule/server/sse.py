"""Server-sent events: an answer that goes on. Nothing is queued for a reader; one who takes too long is let go."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)
RETRY_MILLISECONDS = 1000
QUIET_SECONDS = 15.0
"""A comment is sent when nothing else was for so long: it finds out who has gone."""
PATIENCE_SECONDS = 20.0
"""A reader who does not take what was sent for so long has to connect again, from the number that he has."""
GREETING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
STILL_HERE = b": still here\n\n"
END = b"event: end\ndata: {}\n\n"


def frame(number: object, data: bytes) -> bytes:
    """Return an event, whose data is one line."""
    return b"id: %b\ndata: %b\n\n" % (str(number).encode(), data)


class EventStream(Response):
    """Sends frames as they come, and the word that it is over when they end."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], closing: asyncio.Event) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._frames, self._closing = frames, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send until the frames or the service end, or the reader has gone or is too slow."""
        self._silent = True
        work = (_gone(receive), self._closing.wait(), self._send_frames(send), self._send_signs_of_life(send))
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, TimeoutError):
                    logger.error("a stream of events has ended: %r", result)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": b""})

    async def _send_frames(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._give(send, GREETING)
        async with aclosing(self._frames) as frames:
            async for content in frames:
                await self._give(send, content)
        await self._give(send, END)

    async def _send_signs_of_life(self, send: Send) -> None:
        while True:
            self._silent = True
            await asyncio.sleep(QUIET_SECONDS)
            if self._silent:
                await self._give(send, STILL_HERE)

    async def _give(self, send: Send, content: bytes) -> None:
        self._silent = False
        async with asyncio.timeout(PATIENCE_SECONDS):
            await send({"type": "http.response.body", "body": content, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
