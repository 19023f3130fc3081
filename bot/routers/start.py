"""The first words, help, the language, and what is kept: commands that only tell."""

from __future__ import annotations

from aiogram import Router, html
from aiogram.filters import (
    JOIN_TRANSITION,
    ChatMemberUpdatedFilter,
    Command,
    CommandStart,
)
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    ChatMemberUpdated,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)

from bot.answering import PRIVATE, answer, rewrite
from bot.screens import help_text, privacy_text
from bot.talk import Talk
from engine.errors import NotFound
from engine.examples import examples
from engine.requests import TextToImage
from engine.texts import LANGUAGES, Texts

NAMES = {"en": "English", "ru": "Русский"}  # of LANGUAGES, each in itself


class Example(CallbackData, prefix="x"):
    """One of the examples under the first words is to be drawn."""

    index: int
    owner: int


class Speak(CallbackData, prefix="l"):
    language: str
    owner: int


def router() -> Router:
    router = Router(name="start")
    router.message.register(start, CommandStart())
    router.message.register(help_, Command("help"))
    router.message.register(new, Command("new"))
    router.message.register(language, Command("language"))
    router.message.register(privacy, Command("privacy"))
    router.my_chat_member.register(added, ChatMemberUpdatedFilter(JOIN_TRANSITION), ~PRIVATE)
    router.callback_query.register(draw, Example.filter())
    router.callback_query.register(speak, Speak.filter())
    return router


async def start(message: Message, talk: Talk) -> None:
    """Whatever a link to the bot carries, it begins in the same way."""
    say = talk.texts.say
    name = message.from_user.first_name if message.from_user else ""
    lines = [
        html.bold(html.quote(say("Hello, {name}!", name=name))),
        "",
        say("✍️ Write what to draw."),
        say("🖼 Or send a picture to change, mix or continue."),
        say("👇 The buttons under each picture do the rest."),
        "",
        say("Try one of these. There is more in /help and /settings."),
    ]
    buttons = [
        [_button(said, Example(index=index, owner=talk.person))]
        for index, said in enumerate(examples(talk.texts))
    ]
    await answer(message, "\n".join(lines), InlineKeyboardMarkup(inline_keyboard=buttons))


async def added(event: ChatMemberUpdated, talk: Talk) -> None:
    """To a group: says how to speak to it there."""
    me = await talk.bot.me()
    said = talk.texts.say(
        "Hello! Write @{name} and what to draw, or answer one of my pictures.", name=me.username
    )
    await talk.bot.send_message(event.chat.id, html.quote(said))


async def draw(press: CallbackQuery, callback_data: Example, talk: Talk) -> None:
    """Raises NotFound for an example that is none, and what Talk.draw does."""
    known = examples(talk.texts)
    if not 0 <= callback_data.index < len(known):
        raise NotFound()
    if press.message is not None:
        await talk.draw(TextToImage(prompt=known[callback_data.index]), press.message)
    await press.answer(talk.texts.say("Accepted."))


async def help_(message: Message, talk: Talk) -> None:
    me = await talk.bot.me()
    await answer(message, help_text(talk.studio.models(), me, talk.texts))


async def new(message: Message, talk: Talk) -> None:
    """Leaves whatever conversation was going on."""
    await talk.state.clear()
    say = talk.texts.say
    await answer(message, say("We begin anew: write what to draw. Your settings stay as they are."))


async def language(message: Message, talk: Talk) -> None:
    buttons = [
        _button(NAMES[language], Speak(language=language, owner=talk.person))
        for language in LANGUAGES
    ]
    said = talk.texts.say("Which language shall I speak?")
    await answer(message, said, InlineKeyboardMarkup(inline_keyboard=[buttons]))


async def speak(press: CallbackQuery, callback_data: Speak, talk: Talk) -> None:
    """Answers in the new language already. Raises NotFound for one that is none of ours."""
    if callback_data.language not in LANGUAGES:
        raise NotFound()
    await talk.studio.speak(talk.account, callback_data.language)
    said = Texts(callback_data.language).say("I speak English now.")
    await rewrite(press, said)
    await press.answer()


async def privacy(message: Message, talk: Talk) -> None:
    await answer(message, privacy_text(talk.texts))


def _button(text: str, press: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=text, callback_data=press.pack())
