"""What of Gradio is open: what its page asks for, and nothing else of all that it answers to."""

from __future__ import annotations

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from web.paths import path_of

OPEN = re.compile(
    r"(GET|HEAD) /((theme\.css|config)|(assets|static)/.+)?|POST /gradio_api/run/predict"
)


class Gate:
    """Middleware of a mounted Gradio app; what is not open is not found."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open = scope["type"] == "lifespan"
        if scope["type"] == "http":
            open = OPEN.fullmatch(f"{scope['method']} {path_of(scope)}") is not None
        app = self.app if open else PlainTextResponse("Not Found", status_code=404)
        await app(scope, receive, send)
