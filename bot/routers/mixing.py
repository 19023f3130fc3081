"""/mix: pictures and words are collected, weighed, and mixed."""

from __future__ import annotations

from collections.abc import Callable

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.mixing import STEP, Draft, Mixing, buttons, keep, put_away, show, told
from bot.pieces import sent_in
from bot.presses import OnMix
from bot.talk import Talk


def router() -> Router:
    router = Router(name="mixing")
    router.message.register(begin, Command("mix"))
    router.message.register(picture, Mixing.collecting, F.photo | F.document | F.sticker)
    router.message.register(words, Mixing.collecting, F.text, ~F.text.startswith("/"))
    router.callback_query.register(mix, OnMix.filter(F.do == "go"))
    router.callback_query.register(stop, OnMix.filter(F.do == "stop"))
    router.callback_query.register(change, OnMix.filter())
    return router


async def begin(message: Message, talk: Talk, command: CommandObject) -> None:
    """With what was said beside the command as the first part, and the picture that it answers."""
    piece = await talk.pointed_at(message)
    draft = Draft().with_pieces([piece] if piece else []).with_words(command.args or "")
    await show(draft, message, talk)


async def picture(message: Message, album: list[Message], talk: Talk, words: str) -> None:
    pieces = [piece for one in album or [message] if (piece := sent_in(one))]
    draft = await Draft.changed(talk, lambda draft: draft.with_pieces(pieces).with_words(words))
    await show(draft, message, talk)


async def words(message: Message, talk: Talk, words: str) -> None:
    draft = await Draft.changed(talk, lambda draft: draft.with_words(words))
    await show(draft, message, talk)


async def change(press: CallbackQuery, callback_data: OnMix, talk: Talk) -> None:
    """Less, more, or out."""
    number = callback_data.number
    if not _shows(press, await Draft.read(talk)):
        return await _over(press, talk)
    changes: dict[str, Callable[[Draft], Draft]] = {
        "less": lambda draft: draft.weighed(number, -STEP),
        "more": lambda draft: draft.weighed(number, STEP),
        "out": lambda draft: draft.without(number),
    }
    draft = await Draft.changed(talk, changes.get(callback_data.do, lambda draft: draft))
    await keep(draft, talk)
    if isinstance(press.message, Message):
        await press.message.edit_text(
            told(draft, talk.texts), reply_markup=buttons(draft, talk.person, talk.texts)
        )
    await press.answer()
    return None


async def mix(press: CallbackQuery, talk: Talk) -> None:
    draft = await Draft.read(talk)
    if not _shows(press, draft) or press.message is None:
        return await _over(press, talk)
    await talk.draw(await draft.request(talk), press.message)
    await press.answer(talk.texts.say("Accepted."))
    if isinstance(press.message, Message):
        await press.message.edit_text(told(draft, talk.texts, over=True))
    await talk.state.clear()  # last: whatever fails before is done again as it was
    return None


async def stop(press: CallbackQuery, talk: Talk) -> None:
    draft = await Draft.read(talk)
    if not _shows(press, draft) or press.message is None:
        return await _over(press, talk)
    await press.answer(talk.texts.say("The mix is put away."))
    await put_away(press.message.message_id, press.message.chat.id, talk)
    await talk.state.clear()
    return None


def _shows(press: CallbackQuery, draft: Draft) -> bool:
    """Whether the buttons are of the mix that the conversation is at."""
    return press.message is not None and press.message.message_id == draft.message


async def _over(press: CallbackQuery, talk: Talk) -> None:
    await press.answer(talk.texts.say("This mix is over. Begin a new one with /mix."))
