"""Appeals: a person says why a picture of theirs should not have been removed."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.asked import Asked
from bot.presses import OnAppeal
from bot.talk import Talk
from engine.errors import AlreadyAppealed, NotFound


class Appealing(StatesGroup):
    wording = State()  # why comes next


def router() -> Router:
    router = Router(name="appeals")
    router.message.register(appeal, Appealing.wording, F.text, ~F.text.startswith("/"))
    router.callback_query.register(ask, OnAppeal.filter())
    return router


async def ask(press: CallbackQuery, callback_data: OnAppeal, talk: Talk) -> None:
    """Whose picture it is, is looked at when the words have come."""
    if press.message is None:
        return
    await talk.bot.send_message(
        press.message.chat.id,
        talk.texts.say("Why should this picture stay? Write it in a few sentences, or /cancel."),
        reply_parameters=Asked.by(press.message, talk.update).reply,
    )
    await press.answer()
    await talk.state.set_data({"picture": str(callback_data.picture)})
    await talk.state.set_state(Appealing.wording)


async def appeal(message: Message, talk: Talk, words: str) -> None:
    """Raises what Notices.appeal does; words that are too long may be sent again, shorter."""
    picture_id = str((await talk.state.get_data()).get("picture", ""))
    try:
        await talk.studio.notices.appeal(picture_id, talk.account, words)
    except (AlreadyAppealed, NotFound):
        await talk.state.clear()
        raise
    await message.reply(
        talk.texts.say("Thank you. Somebody else will look at it, and you will hear from us.")
    )
    await talk.state.clear()
