"""How the bot answers: below what was said in a private chat, in answer to it in a group."""

from __future__ import annotations

from aiogram import F, html
from aiogram.enums import ChatType
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.talk import Talk

PRIVATE = F.chat.type == ChatType.PRIVATE


async def answer(
    message: Message, said: str, buttons: InlineKeyboardMarkup | None = None
) -> Message:
    """`said` is HTML."""
    if message.chat.type == ChatType.PRIVATE:
        return await message.answer(said, reply_markup=buttons)
    return await message.reply(said, reply_markup=buttons, allow_sending_without_reply=True)


async def rewrite(
    press: CallbackQuery, said: str, buttons: InlineKeyboardMarkup | None = None
) -> None:
    """Changes the message with the button, unless it is too old. `said` is HTML."""
    if isinstance(press.message, Message):
        await press.message.edit_text(said, reply_markup=buttons)


async def elsewhere(message: Message, talk: Talk) -> None:
    """For what others in a group are not to see."""
    me = await talk.bot.me()
    button = InlineKeyboardButton(
        text=talk.texts.say("Our private chat"), url=f"https://t.me/{me.username}"
    )
    said = talk.texts.say("This is for your eyes only. Ask me in our private chat.")
    await answer(message, html.quote(said), InlineKeyboardMarkup(inline_keyboard=[[button]]))


def rows(buttons: list[InlineKeyboardButton], columns: int) -> list[list[InlineKeyboardButton]]:
    """The buttons, so many a row."""
    return [buttons[start : start + columns] for start in range(0, len(buttons), columns)]
