"""/export and /forget: what is kept about somebody, given to them or deleted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from aiogram import Router, html
from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    FSInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)
from aiogram.utils.chat_action import ChatActionSender

from bot.answering import PRIVATE, elsewhere, rewrite
from bot.pictures import FILE_LIMIT, MB
from bot.talk import Talk

UPLOAD_LIMIT = 600  # seconds for the largest file
REMEMBERED = 60.0  # seconds that a finished export is


class OnForget(CallbackData, prefix="f"):
    """Whether the person is sure."""

    sure: bool
    owner: int


def router() -> Router:
    router = Router(name="account")
    router.message.register(Exports().give, Command("export"), PRIVATE)
    router.message.register(forget, Command("forget"), PRIVATE)
    router.message.register(elsewhere, Command("export", "forget"))
    router.callback_query.register(decide, OnForget.filter())
    return router


class Exports:
    """Gives people their files, one at a time to each."""

    def __init__(self) -> None:
        self._ended: dict[int, datetime] = {}  # by account, the last one

    async def give(self, message: Message, talk: Talk) -> None:
        """The messages of a chat are handled in turn: what came meanwhile comes here late."""
        ended = self._ended.get(talk.account.id)
        if ended is not None and message.date <= ended:
            await message.answer(
                talk.texts.say("One file at a time, please: the one above has everything.")
            )
            return
        sending = ChatActionSender.upload_document(bot=talk.bot, chat_id=message.chat.id)
        async with sending:
            with TemporaryDirectory(prefix="kandinsky-") as folder:
                file = Path(folder) / "export.zip"
                await talk.studio.export_me(talk.account, file)
                await _send(file, message, talk)
        self._note(talk.account.id)

    def _note(self, account: int) -> None:
        now = datetime.now(UTC)
        recent = {
            one: at for one, at in self._ended.items() if (now - at).total_seconds() < REMEMBERED
        }
        self._ended = recent | {account: now}


async def forget(message: Message, talk: Talk) -> None:
    """Says what goes, and asks whether that is meant."""
    say = talk.texts.say
    lines = [
        html.bold(say("Forget everything about you?")),
        say("Your pictures, words, favourites and settings are deleted at once and for good."),
        say("What is being drawn for you stops."),
        say("To keep a copy, get /export first."),
    ]
    buttons = [
        [_button(say("🗑 Forget everything"), OnForget(sure=True, owner=talk.person))],
        [_button(say("Keep it"), OnForget(sure=False, owner=talk.person))],
    ]
    await message.answer(
        "\n".join(lines), reply_markup=InlineKeyboardMarkup(inline_keyboard=buttons)
    )


async def decide(press: CallbackQuery, callback_data: OnForget, talk: Talk) -> None:
    say = talk.texts.say
    if not callback_data.sure:
        await rewrite(press, say("Everything stays as it is."))
        await press.answer()
        return
    await talk.state.clear()
    await talk.studio.forget_me(talk.account)
    await rewrite(
        press,
        say(
            "Everything about you is deleted. The messages in this chat are yours:"
            " delete the chat to be rid of them too."
        ),
    )
    await press.answer()


async def _send(file: Path, message: Message, talk: Talk) -> None:
    """The file, or what to do where Telegram does not take it."""
    size = (await asyncio.to_thread(file.stat)).st_size
    if size > FILE_LIMIT:
        said = talk.texts.say(
            "Your file has {size} MB, and Telegram takes {limit} MB. Ask who runs this studio"
            " to make it for you (python -m storage account export), or delete pictures that"
            " you do not need and try again.",
            size=-(-size // MB),
            limit=FILE_LIMIT // MB,
        )
        await message.answer(html.quote(said))
        return
    document = message.answer_document(
        FSInputFile(file, f"kandinsky-{message.date:%Y-%m-%d}.zip"),
        caption=talk.texts.say("All that is kept about you: open the zip file on a computer."),
    )
    await talk.bot(document, request_timeout=UPLOAD_LIMIT)


def _button(text: str, press: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=text, callback_data=press.pack())
