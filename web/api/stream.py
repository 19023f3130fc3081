"""Server-sent events: how one looks on the wire, and the answer that carries them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

from PIL import Image
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from web.api.waiting import ClientLeft, unless_left

SILENCE = 15.0  # seconds after which a comment says that the stream still lives

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx would hold events back


class EventStream(StreamingResponse):
    """`left` is called when the client goes away before the end."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        left: Callable[[], Awaitable[None]] | None = None,
        silence: float = SILENCE,
    ) -> None:
        self.events = _lively(events, silence)
        self.left = left
        super().__init__(self.events, headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_left(receive, self.stream_response(send))
        except ClientLeft:
            if self.left is not None:
                await self.left()
        finally:
            await self.events.aclose()


def event(name: str, told: object) -> bytes:
    """One event, its data as JSON."""
    return f"event: {name}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


def encoded(preview: Image.Image, kind: str) -> str:
    """A small picture as a file in base64."""
    file = io.BytesIO()
    preview.save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


async def _lively(events: AsyncGenerator[bytes], silence: float) -> AsyncGenerator[bytes]:
    """The events, and comments in between where they are rare."""
    coming: asyncio.Future[bytes] | None = None
    async with aclosing(events):
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(events))
                done, _ = await asyncio.wait((coming,), timeout=silence)
                if not done:
                    yield b": still here\n\n"
                    continue
                try:
                    told, coming = coming.result(), None
                except StopAsyncIteration:
                    return
                yield told
        finally:
            if coming is not None:
                coming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await coming
