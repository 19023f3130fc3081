"""The connection to Telegram: aiogram's own, whose downloads fail in the words of its calls."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.methods import GetFile, Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import ClientError, ClientResponseError

DOWNLOAD = GetFile(file_id="")  # what aiogram's errors want to know of a call


class Session(AiohttpSession):
    """A file that Telegram does not give is TelegramBadRequest."""

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        _kept(method.__returning__)
        return super().check_response(bot, method, status_code, content)

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109 - aiogram's own
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        most = math.ceil(min(timeout, self.timeout))
        content = super().stream_content(url, headers, most, chunk_size, raise_for_status)
        try:
            async for chunk in content:
                yield chunk
        except ClientResponseError as error:
            refused = TelegramBadRequest if error.status < 500 else TelegramServerError
            raise refused(method=DOWNLOAD, message=error.message) from error
        except (ClientError, TimeoutError) as error:
            raise TelegramNetworkError(method=DOWNLOAD, message=repr(error)) from error


@cache
def _kept(returning: Any) -> Any:
    """The model of an answer, for all calls of the kind: pydantic forgets one that nobody keeps,
    and takes milliseconds to make it anew."""
    return Response[returning]
