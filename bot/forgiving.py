"""What Telegram refuses because it is so already, or no longer matters, is no error."""

from __future__ import annotations

from typing import Any, cast

from aiogram import Bot
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
)
from aiogram.methods import (
    AnswerCallbackQuery,
    AnswerInlineQuery,
    DeleteMessage,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    Response,
    SendChatAction,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType

EDITS = (EditMessageCaption, EditMessageMedia, EditMessageReplyMarkup, EditMessageText)
FORGIVEN: tuple[tuple[tuple[type[TelegramMethod[Any]], ...], str], ...] = (
    ((AnswerCallbackQuery, AnswerInlineQuery), "query is too old"),
    (EDITS, "message is not modified"),
    ((DeleteMessage,), "message to delete not found"),
    ((SendChatAction,), ""),  # it only says that the bot is at work
)

LEFT = (  # what Telegram says where the chat, the topic or the message is not there any more
    "chat not found",
    "message to be replied not found",
    "message to edit not found",
    "message can't be edited",
    "message thread not found",
    "TOPIC_CLOSED",
    "TOPIC_DELETED",
    "not enough rights",
    "have no rights",
    "group chat was upgraded",
    "query is too old",
)


def nobody_there(error: TelegramAPIError) -> bool:
    """Whether there is nobody any more to whom it could be said, or nowhere."""
    left = isinstance(error, TelegramBadRequest) and any(why in error.message for why in LEFT)
    return left or isinstance(error, TelegramForbiddenError | TelegramMigrateToChat)


class Forgiving(BaseRequestMiddleware):
    """Such calls give True."""

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        try:
            return await make_request(bot, method)
        except (TelegramBadRequest, TelegramForbiddenError) as error:
            if not any(isinstance(method, one) and why in error.message for one, why in FORGIVEN):
                raise
            return cast(Response[TelegramType], True)  # what a call gives is its result alone
