"""/history: one's finished requests, six a page, as a contact sheet with a button for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from uuid import UUID

from aiogram import Router, html
from aiogram.filters import Command, CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
)

from bot.answering import PRIVATE, elsewhere
from bot.asked import Asked
from bot.sheets import numbered
from bot.talk import Talk
from bot.wording import in_short
from engine.errors import NotFound, PictureGone
from storage.gallery import Filter
from storage.records import JobRecord, JobState, PictureRecord

PAGE = 6  # requests
CHUNK = 60  # read at a time
WORDS_LIMIT = 70  # characters of a request's words


class OnHistory(CallbackData, prefix="h"):
    """Another page, from 0, of all or of the favourites."""

    page: int
    favourites: bool
    owner: int


class Open(CallbackData, prefix="o"):
    """A request of the page is to be seen with all its buttons."""

    job: UUID
    owner: int


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows: its jobs, and whether there are older ones."""

    jobs: list[JobRecord]
    number: int
    older: bool
    favourites: bool
    search: str


def router() -> Router:
    router = Router(name="history")
    router.message.register(history, Command("history"), PRIVATE)
    router.message.register(elsewhere, Command("history"))
    router.callback_query.register(turn, OnHistory.filter())
    router.callback_query.register(open_, Open.filter())
    return router


async def history(message: Message, talk: Talk, command: CommandObject) -> None:
    """The search is read again from this message, which the page answers."""
    page = await _page(talk, 0, False, command.args or "")
    if not page.jobs:
        await message.answer(_nothing(page, talk))
        return
    await message.reply_photo(
        await _sheet(page, talk),
        caption=_caption(page, talk),
        reply_markup=_buttons(page, talk),
        allow_sending_without_reply=True,
    )


async def turn(press: CallbackQuery, callback_data: OnHistory, talk: Talk) -> None:
    """Shows another page in the same message."""
    shown = press.message
    if not isinstance(shown, Message):
        await press.answer()
        return
    number = min(max(callback_data.page, 0), 10_000)
    page = await _page(talk, number, callback_data.favourites, _search(shown))
    if not page.jobs:
        await press.answer(_nothing(page, talk), show_alert=True)
        return
    media = InputMediaPhoto(media=await _sheet(page, talk), caption=_caption(page, talk))
    await shown.edit_media(media, reply_markup=_buttons(page, talk))
    await press.answer()


async def open_(press: CallbackQuery, callback_data: Open, talk: Talk) -> None:
    """Raises NotFound for a request that is gone, or whose pictures are."""
    job = await talk.studio.job(str(callback_data.job), talk.account)
    if not job.pictures:
        raise NotFound()
    await press.answer()
    if press.message is not None:
        asked = Asked.by(press.message, talk.update)
        await talk.results.again(job, talk.account, asked)


async def _page(talk: Talk, number: int, favourites: bool, search: str) -> Page:
    """That page, or the first one where there are no longer so many."""
    filter = Filter(states=(JobState.DONE,), favourites=favourites, search=search)
    first, jobs = number * PAGE, []
    async with aclosing(_finished(talk, filter)) as found:
        async for job in found:
            jobs.append(job)
            if len(jobs) > first + PAGE:
                break
    if number and len(jobs) <= first:
        number = first = 0
    shown = jobs[first : first + PAGE]
    return Page(shown, number, len(jobs) > first + PAGE, favourites, search)


async def _finished(talk: Talk, filter: Filter) -> AsyncGenerator[JobRecord, None]:
    """Those with pictures, newest first."""
    last: str | None = None
    while jobs := await talk.studio.history(talk.account, CHUNK, last, filter):
        for job in jobs:
            if job.pictures:
                yield job
        last = jobs[-1].id


async def _sheet(page: Page, talk: Talk) -> BufferedInputFile:
    pictures = [await _small(_cover(job), talk) for job in page.jobs]
    return BufferedInputFile(await asyncio.to_thread(numbered, pictures), "history.jpg")


def _cover(job: JobRecord) -> PictureRecord:
    """The picture that stands for the request: a favourite, or the first."""
    marked = [picture for picture in job.pictures if picture.favourite]
    return (marked or list(job.pictures))[0]


async def _small(picture: PictureRecord, talk: Talk) -> bytes | None:
    with suppress(NotFound, PictureGone):
        return (await talk.studio.thumbnail(picture.id, talk.account)).content
    return None


def _caption(page: Page, talk: Talk) -> str:
    """HTML; with the longest words it is shorter than what Telegram takes."""
    say = talk.texts.say
    name = say("★ Favourites") if page.favourites else say("My pictures")
    title = f"{html.bold(name)} · {page.number + 1}"
    lines = [title] if not page.search else [title, f"🔎 {html.quote(page.search[:WORDS_LIMIT])}"]
    for n, job in enumerate(page.jobs, 1):
        lines.append(f"{n}. {html.quote(in_short(job, talk.texts, WORDS_LIMIT))}")
    return "\n".join(lines)


def _nothing(page: Page, talk: Talk) -> str:
    """Why the page is empty. Plain text."""
    say = talk.texts.say
    if page.favourites:
        return say("No favourites here yet. Mark a picture with ☆, and you find it here.")
    if page.search:
        return say("Nothing was asked for with these words.")
    return " ".join(
        [
            say("Nothing yet. What you draw is kept here, and only you can see it."),
            say("Write what to draw, or see /start for examples."),
        ]
    )


def _buttons(page: Page, talk: Talk) -> InlineKeyboardMarkup:
    say, owner = talk.texts.say, talk.person

    def to(label: str, number: int, favourites: bool) -> InlineKeyboardButton:
        press = OnHistory(page=number, favourites=favourites, owner=owner)
        return InlineKeyboardButton(text=label, callback_data=press.pack())

    numbers = [
        InlineKeyboardButton(text=str(n), callback_data=Open(job=UUID(job.id), owner=owner).pack())
        for n, job in enumerate(page.jobs, 1)
    ]
    turns = []
    if page.number:
        turns.append(to(say("← Newer"), page.number - 1, page.favourites))
    if page.older:
        turns.append(to(say("Older →"), page.number + 1, page.favourites))
    label = say("All pictures") if page.favourites else say("☆ Favourites only")
    other = to(label, 0, not page.favourites)
    rows = [row for row in (numbers, turns, [other]) if row]
    return InlineKeyboardMarkup(inline_keyboard=rows)


def _search(shown: Message) -> str:
    """What the command looked for that the page answers."""
    command = shown.reply_to_message
    words = command.text if command is not None else None
    return (words or "").partition(" ")[2].strip()
