"""The buttons under results and under the status of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiogram import F, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command, CommandObject
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot import mixing
from bot.asked import Asked
from bot.editing import Edit, begin
from bot.frames import choices, framed
from bot.keyboards import ResultButtons, turn
from bot.pieces import Piece
from bot.presses import Do, OnResult
from bot.talk import Talk
from engine.errors import NotFound
from engine.reasons import REASONS, sentence
from engine.requests import Variations, read
from engine.texts import Texts
from storage.records import JobRecord, MessageKind, PictureRecord

ALL, OTHER = "all", "other"


class Reporting(StatesGroup):
    wording = State()  # the reason comes next


def router() -> Router:
    router = Router(name="results")
    router.message.register(report_answered, Command("report"))
    router.message.register(reason, Reporting.wording, F.text, ~F.text.startswith("/"))
    handlers: dict[Do, Callable[..., Any]] = {
        Do.AGAIN: again,
        Do.CANCEL: cancel,
        Do.BACK: back,
        Do.FILE: files,
        Do.VARY: vary,
        Do.MIX: mix,
        Do.EDIT: edit,
        Do.EXTEND: extend,
        Do.FAVOUR: favour,
        Do.REPORT: report,
        Do.DELETE: delete,
    }
    for do, handler in handlers.items():
        router.callback_query.register(handler, OnResult.filter(F.do == do))
    return router


async def again(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """The same with another seed."""
    job = await _job(callback_data, talk)
    request = read(job.request)
    unseeded = {name: getattr(request, name) for name in request.model_fields_set - {"seed"}}
    if press.message is not None:
        await talk.draw(type(request)(**unseeded), press.message)
    await press.answer(talk.texts.say("Accepted."))


async def cancel(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    await talk.studio.cancel(str(callback_data.job), talk.account)
    await press.answer(talk.texts.say("It stops at the next step."))


async def back(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """From a second step to all the buttons."""
    await turn(press, _buttons(await _job(callback_data, talk), talk).result())
    await press.answer()


async def files(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """The originals, byte for byte, with all that they say about themselves."""
    job = await _job(callback_data, talk)
    await press.answer(talk.texts.say("Sending the originals."))
    if press.message is not None:
        await talk.results.originals(job, talk.account, Asked.by(press.message, talk.update))


async def vary(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    job = await _job(callback_data, talk)
    picture = _numbered(job, callback_data.number)
    source = await talk.studio.source(picture.id, talk.account)
    request = Variations(
        picture=source, model=job.model, width=picture.width, height=picture.height
    )
    if press.message is not None:
        await talk.draw(request, press.message)
    await press.answer(talk.texts.say("Accepted."))


async def mix(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """With what is sent next, or with what is being mixed."""
    picture = await _picture(press, callback_data, talk)
    if picture is None or press.message is None:
        return
    piece = Piece(picture=picture.id)
    draft = await mixing.Draft.changed(talk, lambda draft: draft.with_pieces([piece]))
    await mixing.show(draft, press.message, talk)
    await back(press, callback_data, talk)


async def edit(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    picture = await _picture(press, callback_data, talk)
    if picture is None or press.message is None:
        return
    await begin(Edit(picture=Piece(picture=picture.id)), press.message, talk)
    await back(press, callback_data, talk)


async def extend(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """Asks which picture, and where to."""
    picture = await _picture(press, callback_data, talk)
    if picture is None or press.message is None:
        return
    job = await _job(callback_data, talk)
    if not callback_data.value:
        steps = _buttons(job, talk).chosen(Do.EXTEND, picture.index + 1, choices(talk.texts))
        await turn(press, steps)
        await press.answer()
        return
    source = await talk.studio.source(picture.id, talk.account)
    words = read(job.request).prompt
    await talk.draw(framed(source, callback_data.value, words), press.message)
    await press.answer(talk.texts.say("Accepted."))
    await turn(press, _buttons(job, talk).result())


async def favour(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """Marks the picture, or takes the mark off."""
    picture = await _picture(press, callback_data, talk)
    if picture is None:
        return
    await talk.studio.favour(picture.id, talk.account, not picture.favourite)
    say = talk.texts.say
    said = say("Taken out of your favourites.") if picture.favourite else say("A favourite now ★")
    await press.answer(said)
    await turn(press, _buttons(await _job(callback_data, talk), talk).result())


async def delete(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """Asks which, or whether really; then they are gone from the studio and from the chat."""
    job = await _job(callback_data, talk)
    if not callback_data.number and callback_data.value != ALL:
        await turn(press, _buttons(job, talk).deletions())
        await press.answer()
        return
    meant = job.pictures if callback_data.value == ALL else [_numbered(job, callback_data.number)]
    ids = [picture.id for picture in meant]
    await talk.studio.delete(ids, talk.account)
    for picture_id in ids:
        for shown in await talk.messages.of_picture(picture_id):
            await _take_away(shown.chat_id, shown.message_id, talk)
    left = await _job(callback_data, talk)
    await press.answer(talk.texts.say("Deleted."))
    if left.pictures:
        await turn(press, _buttons(left, talk).result())
        return
    for shown in await talk.messages.of_job(job.id, MessageKind.ACTIONS):
        await _take_away(shown.chat_id, shown.message_id, talk)


async def report(press: CallbackQuery, callback_data: OnResult, talk: Talk) -> None:
    """Asks which picture, and why."""
    picture = await _picture(press, callback_data, talk)
    if picture is None or press.message is None:
        return
    value = callback_data.value
    if not value:
        job = await _job(callback_data, talk)
        steps = _buttons(job, talk).chosen(Do.REPORT, picture.index + 1, _reasons(talk.texts))
        await turn(press, steps)
        await press.answer()
    elif value in REASONS:
        await talk.studio.report(picture.id, talk.account, sentence(value, Texts("en")))
        await press.answer(talk.texts.say("Thank you. A moderator will look at it."))
        await turn(press, _buttons(await _job(callback_data, talk), talk).result())
    else:
        await talk.state.set_data({"picture": picture.id})
        await talk.state.set_state(Reporting.wording)
        await talk.bot.send_message(
            press.message.chat.id,
            talk.texts.say("What is wrong with it? Write it in a sentence, or /cancel."),
            reply_parameters=Asked.by(press.message, talk.update).reply,
        )
        await press.answer()


async def reason(message: Message, talk: Talk, words: str) -> None:
    """Why a picture is reported, in somebody's own words."""
    picture_id = str((await talk.state.get_data()).get("picture", ""))
    await talk.studio.report(picture_id, talk.account, words)
    await talk.state.clear()
    await message.reply(talk.texts.say("Thank you. A moderator will look at it."))


async def report_answered(message: Message, talk: Talk, command: CommandObject) -> None:
    """/report and the reason, in answer to a picture."""
    piece = await talk.pointed_at(message)
    if piece is None or not piece.picture:
        await message.reply(
            talk.texts.say("Answer one of my pictures with /report and what is wrong with it.")
        )
    elif command.args:
        await talk.studio.report(piece.picture, talk.account, command.args)
        await message.reply(talk.texts.say("Thank you. A moderator will look at it."))
    else:
        await talk.state.set_data({"picture": piece.picture})
        await talk.state.set_state(Reporting.wording)
        await message.reply(
            talk.texts.say("What is wrong with it? Write it in a sentence, or /cancel.")
        )


async def _job(pressed: OnResult, talk: Talk) -> JobRecord:
    """Raises NotFound for another person's, too."""
    return await talk.studio.job(str(pressed.job), talk.account)


async def _picture(press: CallbackQuery, pressed: OnResult, talk: Talk) -> PictureRecord | None:
    """The picture that is meant; None where it is not said which, and asked. Raises NotFound."""
    job = await _job(pressed, talk)
    if len(job.pictures) > 1 and not pressed.number:
        await turn(press, _buttons(job, talk).which(pressed.do))
        await press.answer()
        return None
    return _numbered(job, pressed.number)


def _numbered(job: JobRecord, number: int) -> PictureRecord:
    """The picture of that number, from 1; 0 is the only one. Raises NotFound."""
    for picture in job.pictures:
        if number in (0, picture.index + 1):
            return picture
    raise NotFound()


def _reasons(texts: Texts) -> list[list[tuple[str, str]]]:
    rows = [[(sentence(reason, texts), reason)] for reason in REASONS]
    return [*rows, [(texts.say("Something else"), OTHER)]]


async def _take_away(chat: int, message: int, talk: Talk) -> None:
    try:
        await talk.bot.delete_message(chat, message)
    except TelegramBadRequest:  # Telegram keeps what is older than two days
        return
    await talk.messages.gone(chat, message)


def _buttons(job: JobRecord, talk: Talk) -> ResultButtons:
    return ResultButtons(job, talk.person, talk.studio.models(), talk.texts)
