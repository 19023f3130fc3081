"""/settings: one message that shows what is set, and changes into each choice and back."""

from __future__ import annotations

from aiogram import F, Router, html
from aiogram.enums import ChatType
from aiogram.filters import Command
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, MaybeInaccessibleMessageUnion, Message

from bot.answering import answer, rewrite
from bot.choices import WRITTEN, Choices, OnSetting, What, with_value
from bot.routers.styles import show
from bot.talk import Talk

NO = ("no", "none", "нет", "-", "–", "—")  # clears what is set


class Setting(StatesGroup):
    """What the next words are."""

    negative = State()
    seed = State()


STATES = {What.NEGATIVE: Setting.negative, What.SEED: Setting.seed}


def router() -> Router:
    router = Router(name="settings")
    words = F.text, ~F.text.startswith("/")
    router.message.register(settings, Command("settings"))
    router.message.register(negative, Setting.negative, *words)
    router.message.register(seed, Setting.seed, *words)
    router.callback_query.register(style, OnSetting.filter(F.what == What.STYLE))
    opening = OnSetting.filter((F.value == "") & F.what.not_in({What.ALL, What.RESET}))
    router.callback_query.register(open_, opening)
    router.callback_query.register(choose, OnSetting.filter())
    return router


async def settings(message: Message, talk: Talk) -> None:
    choices = await _choices(talk)
    await answer(message, choices.told(), choices.buttons())


async def open_(press: CallbackQuery, callback_data: OnSetting, talk: Talk) -> None:
    """Shows one choice; what cannot be pressed is asked for."""
    what = callback_data.what
    choices = await _choices(talk)
    if not choices.offers(what):  # a model went away since
        await choose(press, OnSetting(what=What.ALL, owner=talk.person), talk)
        return
    if what in WRITTEN:
        await talk.state.clear()
        await talk.state.set_state(STATES[what])
    said = _question(choices, what, press.message, talk)
    await rewrite(press, said, choices.option_buttons(what))
    await press.answer()


async def choose(press: CallbackQuery, callback_data: OnSetting, talk: Talk) -> None:
    """Keeps what was chosen, if anything was, and shows all that is set."""
    what = callback_data.what
    if what is not What.ALL:
        preferences = (await _choices(talk)).with_(what, callback_data.value)
        await talk.studio.prefer(talk.account, preferences)
    await _leave(talk)
    choices = await _choices(talk)
    await rewrite(press, choices.told(), choices.buttons())
    await press.answer()


async def style(press: CallbackQuery, talk: Talk) -> None:
    """In pictures, which a message of words cannot change into and back."""
    if press.message is not None:
        await show(press.message, talk)
    await press.answer()


async def negative(message: Message, talk: Talk, words: str) -> None:
    """Raises what Preferences do."""
    await _write(What.NEGATIVE, "" if words.lower() in NO else words, message, talk)


async def seed(message: Message, talk: Talk, words: str) -> None:
    """Raises what Preferences do."""
    if words.lower() in NO:
        await _write(What.SEED, None, message, talk)
    elif words.isdecimal() and len(words) <= 20:
        await _write(What.SEED, int(words), message, talk)
    else:
        choices = await _choices(talk)
        said = _question(choices, What.SEED, message, talk)
        await answer(message, said, choices.option_buttons(What.SEED))


async def _write(what: What, value: object, message: Message, talk: Talk) -> None:
    """The question ends last: until then, the words are no words to draw when they come again."""
    preferences = await talk.studio.preferences(talk.account)
    await talk.studio.prefer(talk.account, with_value(preferences, what, value))
    await settings(message, talk)
    await _leave(talk)


async def _leave(talk: Talk) -> None:
    """Ends the question, if one is open; another conversation goes on."""
    if await talk.state.get_state() in Setting.__all_states_names__:
        await talk.state.clear()


async def _choices(talk: Talk) -> Choices:
    preferences = await talk.studio.preferences(talk.account)
    return Choices(preferences, talk.studio.models(), talk.person, talk.texts)


def _question(
    choices: Choices, what: What, where: MaybeInaccessibleMessageUnion | None, talk: Talk
) -> str:
    """What the choice does, and how to say it where no button can. HTML."""
    said, say = choices.question(what), talk.texts.say
    if what not in WRITTEN:
        return said
    if where is not None and where.chat.type == ChatType.PRIVATE:
        how = say("Write it now. “no” clears it, /cancel leaves it as it is.")
    else:
        how = say("Answer this message with it. “no” clears it, /cancel leaves it as it is.")
    return f"{said}\n{html.italic(how)}"
