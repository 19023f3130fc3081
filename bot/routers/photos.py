"""A picture that a person sent: asks what to do with it, and does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiogram import F, Router, html
from aiogram.types import CallbackQuery, Message

from bot import mixing
from bot.editing import Edit, begin, go_on
from bot.frames import choices, framed
from bot.keyboards import PhotoButtons, turn
from bot.pieces import Piece, sent_in
from bot.presses import Do, OnPhoto
from bot.talk import Talk
from engine import flags
from engine.errors import EmptyMask, NotTheSamePicture, SourceMissing
from engine.requests import ImageToImage, Request, Variations

A_PICTURE = F.photo | F.document | F.sticker
IGNORED_LIMIT = 300  # characters of what a file says that is of no use here


def router() -> Router:
    router = Router(name="photos")
    router.message.register(album, F.media_group_id, A_PICTURE)
    router.message.register(answer, A_PICTURE, F.reply_to_message)
    router.message.register(ask, A_PICTURE)
    handlers: dict[Do, Callable[..., Any]] = {
        Do.VARY: vary,
        Do.CHANGE: change,
        Do.MIX: mix,
        Do.EDIT: edit,
        Do.EXTEND: extend,
        Do.READ: read,
        Do.AGAIN: again,
        Do.BACK: back,
    }
    for do, handler in handlers.items():
        router.callback_query.register(handler, OnPhoto.filter(F.do == do))
    return router


async def album(message: Message, album: list[Message], talk: Talk, words: str) -> None:
    """Pictures sent together are to be mixed."""
    pieces = [piece for one in album or [message] if (piece := sent_in(one))]
    if len(pieces) < 2:
        await ask(message, talk, words)
        return
    await mixing.show(mixing.Draft().with_pieces(pieces).with_words(words), message, talk)


async def answer(message: Message, talk: Talk, words: str) -> None:
    """A picture in answer to another: that one painted over, or one to mix it with."""
    other, piece = await talk.pointed_at(message), sent_in(message)
    if other is None or piece is None:
        await ask(message, talk, words)
        return
    try:
        await go_on(Edit(picture=other, marked=piece, words=words), message, talk)
    except (EmptyMask, NotTheSamePicture):
        draft = mixing.Draft().with_pieces([other, piece]).with_words(words)
        await mixing.show(draft, message, talk)


async def ask(message: Message, talk: Talk, words: str) -> None:
    """What to do with it."""
    say = talk.texts.say
    if words:
        said = say("What shall I do with this picture and your words?")
    else:
        said = say("What shall I do with this picture? Answer it with words, and I change it.")
    await message.reply(said, reply_markup=_buttons(talk).asked(with_words=bool(words)))


async def vary(press: CallbackQuery, talk: Talk) -> None:
    _, piece, _ = await _subject(press, talk)
    request = Variations(picture=await talk.source(piece))
    await _accepted(press, talk, request)


async def change(press: CallbackQuery, talk: Talk) -> None:
    _, piece, words = await _subject(press, talk)
    said = flags.read(words)
    fields = said.fields_of(ImageToImage)
    request = ImageToImage(picture=await talk.source(piece), prompt=said.words, **fields)
    await _accepted(press, talk, request)


async def mix(press: CallbackQuery, talk: Talk) -> None:
    """With the words beside it, or with what is sent next."""
    message, piece, words = await _subject(press, talk)
    draft = await mixing.Draft.changed(
        talk, lambda draft: draft.with_pieces([piece]).with_words(words)
    )
    await mixing.show(draft, message, talk)
    await press.answer()


async def edit(press: CallbackQuery, talk: Talk) -> None:
    message, piece, words = await _subject(press, talk)
    await begin(Edit(picture=piece, words=words), message, talk)
    await press.answer()


async def extend(press: CallbackQuery, callback_data: OnPhoto, talk: Talk) -> None:
    """Asks where to, at first."""
    if not callback_data.value:
        await turn(press, _buttons(talk).chosen(Do.EXTEND, choices(talk.texts)))
        await press.answer()
        return
    _, piece, words = await _subject(press, talk)
    await _accepted(press, talk, framed(await talk.source(piece), callback_data.value, words))


async def read(press: CallbackQuery, talk: Talk) -> None:
    """The settings that its file carries."""
    message, piece, _ = await _subject(press, talk)
    recalled = await talk.studio.recall(await talk.file(piece))
    preferences = await talk.studio.preferences(talk.account)
    words = flags.write(recalled.request, talk.studio.models(), preferences)
    lines = [html.code(html.quote(words))]
    if recalled.ignored:
        rest = ", ".join(f"{name}: {value}" for name, value in recalled.ignored.items())
        lines.append(html.quote(talk.texts.say("Not used here: {rest}", rest=rest[:IGNORED_LIMIT])))
    await message.reply("\n".join(lines), reply_markup=_buttons(talk).recalled())
    await press.answer()


async def again(press: CallbackQuery, talk: Talk) -> None:
    """Makes the picture that a file tells of once more."""
    _, piece, _ = await _subject(press, talk)
    recalled = await talk.studio.recall(await talk.file(piece))
    await _accepted(press, talk, recalled.request)


async def back(press: CallbackQuery, talk: Talk) -> None:
    _, _, words = await _subject(press, talk)
    await turn(press, _buttons(talk).asked(with_words=bool(words)))
    await press.answer()


async def _subject(press: CallbackQuery, talk: Talk) -> tuple[Message, Piece, str]:
    """(the message with the picture, the picture, the words beside it). Raises SourceMissing."""
    shown = press.message
    answered = shown.reply_to_message if isinstance(shown, Message) else None
    piece = sent_in(answered) if answered else None
    if answered is None or piece is None:
        raise SourceMissing()
    return answered, piece, await talk.words(answered)


async def _accepted(press: CallbackQuery, talk: Talk, request: Request) -> None:
    if press.message is not None:
        await talk.draw(request, press.message)
    await press.answer(talk.texts.say("Accepted."))


def _buttons(talk: Talk) -> PhotoButtons:
    return PhotoButtons(talk.person, talk.studio.models(), talk.texts)
