"""What went wrong, in the person's words, where they look."""

from __future__ import annotations

from aiogram import Router, html
from aiogram.filters import ExceptionTypeFilter
from aiogram.types import ErrorEvent

from engine.errors import UserError
from engine.texts import Texts
from storage.database import DatabaseAway

ALERT_LIMIT = 200  # characters of an answer to a press


def router() -> Router:
    router = Router(name="errors")
    router.errors.register(tell, ExceptionTypeFilter(UserError))
    return router


async def tell(event: ErrorEvent, texts: Texts) -> None:
    """Raises DatabaseAway where that is the reason: the update is then handled again."""
    error = event.exception
    assert isinstance(error, UserError)  # noqa: S101 - by the filter
    if isinstance(error.__cause__, DatabaseAway):
        raise error.__cause__
    said, press = texts.error(error), event.update.callback_query
    if press is not None and len(said) <= ALERT_LIMIT:
        await press.answer(said, show_alert=True)
        return
    if press is not None:
        await press.answer()
    message = press.message if press is not None else event.update.message
    if message is not None:
        await message.reply(html.quote(said), allow_sending_without_reply=True)
