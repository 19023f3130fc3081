"""Painting a part of a picture anew: it was painted over in the chat, or a mask was sent."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.editing import Edit, Editing, go_on
from bot.pieces import sent_in
from bot.presses import OnEdit
from bot.talk import Talk


def router() -> Router:
    router = Router(name="editing")
    router.message.register(marked, Editing.marking, F.photo | F.document)
    router.message.register(words_first, Editing.marking, F.text, ~F.text.startswith("/"))
    router.message.register(words, Editing.wording, F.text, ~F.text.startswith("/"))
    router.callback_query.register(fill, Editing.wording, OnEdit.filter(F.do == "fill"))
    router.callback_query.register(stop, OnEdit.filter(F.do == "stop"))
    router.callback_query.register(over, OnEdit.filter())
    return router


async def marked(message: Message, talk: Talk, words: str) -> None:
    edit = await Edit.read(talk)
    change = {"marked": sent_in(message), "words": words or edit.words}
    await go_on(edit.model_copy(update=change), message, talk)


async def words_first(message: Message, talk: Talk, words: str) -> None:
    """Somebody says what they want before they show where."""
    edit = await Edit.read(talk)
    await edit.model_copy(update={"words": words}).keep(Editing.marking, talk)
    await message.reply(
        talk.texts.say("Good. Now send the picture with that place painted over, or a mask.")
    )


async def words(message: Message, talk: Talk, words: str) -> None:
    edit = await Edit.read(talk)
    await go_on(edit.model_copy(update={"words": words}), message, talk)


async def fill(press: CallbackQuery, talk: Talk) -> None:
    """Without words: after the rest of the picture."""
    if press.message is not None:
        edit = await Edit.read(talk)
        await talk.draw(await edit.request(talk), press.message)
        await press.answer(talk.texts.say("Accepted."))
        await _done(press)
        await talk.state.clear()  # last: whatever fails before is done again as it was


async def stop(press: CallbackQuery, talk: Talk) -> None:
    await press.answer(talk.texts.say("The picture stays as it is."))
    await _done(press)
    if await talk.state.get_state() in Editing.__all_states_names__:
        await talk.state.clear()


async def over(press: CallbackQuery, talk: Talk) -> None:
    await press.answer(talk.texts.say("This edit is over. Choose a picture again."))


async def _done(press: CallbackQuery) -> None:
    if isinstance(press.message, Message):
        await press.message.edit_reply_markup()
