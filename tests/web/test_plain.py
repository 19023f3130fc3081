from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Message

from engine.errors import UnreadableText
from web.plain import filled


async def test_a_form_that_breaks_off_cannot_be_read() -> None:
    told: list[Message] = [
        {"type": "http.request", "body": b"name=a", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return told.pop(0)

    with pytest.raises(UnreadableText):
        await filled(Request({"type": "http", "method": "POST", "headers": []}, receive))
