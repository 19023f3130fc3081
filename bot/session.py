"""The connection to Telegram: aiogram's own, whose downloads fail in the words of its calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.methods import GetFile
from aiohttp import ClientError, ClientResponseError

DOWNLOAD = GetFile(file_id="")  # what aiogram's errors want to know of a call


class Session(AiohttpSession):
    """A file that Telegram does not give is TelegramBadRequest."""

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109 - aiogram's own
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        content = super().stream_content(url, headers, timeout, chunk_size, raise_for_status)
        try:
            async for chunk in content:
                yield chunk
        except ClientResponseError as error:
            refused = TelegramBadRequest if error.status < 500 else TelegramServerError
            raise refused(method=DOWNLOAD, message=error.message) from error
        except (ClientError, TimeoutError) as error:
            raise TelegramNetworkError(method=DOWNLOAD, message=repr(error)) from error
