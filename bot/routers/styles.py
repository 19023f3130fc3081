"""/styles: a picture of each style, and buttons to prefer one."""

from __future__ import annotations

import asyncio
from functools import cache

from aiogram import Router, html
from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MaybeInaccessibleMessageUnion,
    Message,
)

from bot.answering import rows
from bot.asked import Asked
from bot.choices import CHOSEN
from bot.sheets import Tile, named
from bot.talk import Talk
from engine.styles import STYLES, picture, title
from engine.texts import Texts

COLUMNS = 2  # of buttons


class OnStyle(CallbackData, prefix="y"):
    """The style to prefer; none without a name."""

    name: str = ""
    owner: int


def router() -> Router:
    router = Router(name="styles")
    router.message.register(styles, Command("styles"))
    router.callback_query.register(choose, OnStyle.filter())
    return router


async def styles(message: Message, talk: Talk) -> None:
    await show(message, talk)


async def show(where: MaybeInaccessibleMessageUnion, talk: Talk) -> None:
    """All styles, below the message."""
    style = (await talk.studio.preferences(talk.account)).style
    sheet = await asyncio.to_thread(_sheet, talk.account.language)
    asked = Asked.by(where, talk.update)
    await talk.bot.send_photo(
        asked.chat,
        BufferedInputFile(sheet, "styles.jpg"),
        caption=_caption(style, talk.texts),
        message_thread_id=asked.thread,
        reply_markup=_buttons(style, talk),
    )


async def choose(press: CallbackQuery, callback_data: OnStyle, talk: Talk) -> None:
    """Raises UnknownStyle."""
    style = callback_data.name or None
    preferences = await talk.studio.preferences(talk.account)
    changed = type(preferences).model_validate(preferences.model_dump() | {"style": style})
    await talk.studio.prefer(talk.account, changed)
    if isinstance(press.message, Message):
        await press.message.edit_caption(
            caption=_caption(style, talk.texts), reply_markup=_buttons(style, talk)
        )
    await press.answer()


def _caption(style: str | None, texts: Texts) -> str:
    say = texts.say
    name = title(STYLES[style], texts) if style else say("none")
    lines = [
        say("🎨 Style") + f": {html.bold(html.quote(name))}",
        say("It goes with the words of all your requests."),
        html.italic(say("The pictures give only an idea: large models show styles far better.")),
    ]
    return "\n".join(lines)


def _buttons(chosen: str | None, talk: Talk) -> InlineKeyboardMarkup:
    def button(name: str, label: str) -> InlineKeyboardButton:
        text = CHOSEN + label if name == (chosen or "") else label
        press = OnStyle(name=name, owner=talk.person)
        return InlineKeyboardButton(text=text, callback_data=press.pack())

    buttons = [button(style.name, title(style, talk.texts)) for style in STYLES.values()]
    none = button("", talk.texts.say("No style"))
    return InlineKeyboardMarkup(inline_keyboard=[*rows(buttons, COLUMNS), [none]])


@cache
def _sheet(language: str) -> bytes:
    texts = Texts(language)
    return named([Tile(picture(style), title(style, texts)) for style in STYLES.values()])
