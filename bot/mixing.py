"""A mix that is being put together in a chat: its parts, how much each counts, and its message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiogram import html
from aiogram.exceptions import TelegramBadRequest
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MaybeInaccessibleMessageUnion
from pydantic import BaseModel, ConfigDict

from bot.asked import Asked
from bot.pieces import Piece
from bot.presses import OnMix
from bot.talk import Talk
from bot.wording import percent
from engine.errors import OutOfRange
from engine.requests import PARTS_LIMIT, WEIGHT_LIMIT, Mix, Part
from engine.texts import Texts

STEP = 0.25  # of a weight
SHOWN = 60  # characters of somebody's words


class Mixing(StatesGroup):
    collecting = State()


class DraftPart(BaseModel):
    """Words or a picture."""

    model_config = ConfigDict(frozen=True)

    words: str = ""
    piece: Piece | None = None
    weight: float = 1.0


class Draft(BaseModel):
    """The parts so far; at most PARTS_LIMIT of them."""

    model_config = ConfigDict(frozen=True)

    parts: tuple[DraftPart, ...] = ()
    message: int | None = None  # the one that shows it
    update: int = -1  # the last one that changed it

    @classmethod
    async def read(cls, talk: Talk) -> Draft:
        """The one of the conversation, or a new one."""
        if await talk.state.get_state() != Mixing.collecting.state:
            return cls()
        return cls.model_validate(await talk.state.get_data())

    @classmethod
    async def changed(cls, talk: Talk, change: Callable[[Draft], Draft]) -> Draft:
        """The one of the conversation, changed; once, if the update is handled twice."""
        draft = await cls.read(talk)
        return draft if draft.update == talk.update else change(draft)

    def with_pieces(self, pieces: Sequence[Piece]) -> Draft:
        return self._with([DraftPart(piece=piece) for piece in pieces])

    def with_words(self, words: str) -> Draft:
        return self._with([DraftPart(words=words)] if words else [])

    def without(self, number: int) -> Draft:
        """Part `number`, from 1, taken out."""
        parts = [part for n, part in enumerate(self.parts, 1) if n != number]
        return self.model_copy(update={"parts": tuple(parts)})

    def weighed(self, number: int, change: float) -> Draft:
        """Part `number`, from 1, counting so much more."""
        low, high = WEIGHT_LIMIT
        parts = [
            part.model_copy(update={"weight": min(max(part.weight + change, low), high)})
            if n == number
            else part
            for n, part in enumerate(self.parts, 1)
        ]
        return self.model_copy(update={"parts": tuple(parts)})

    async def request(self, talk: Talk) -> Mix:
        """Raises what Mix and Talk.source do."""
        parts = [
            Part(
                words=part.words,
                picture=await talk.source(part.piece) if part.piece else None,
                weight=part.weight,
            )
            for part in self.parts
        ]
        return Mix(parts=tuple(parts))

    def _with(self, more: Sequence[DraftPart]) -> Draft:
        """Raises OutOfRange."""
        parts = (*self.parts, *more)
        if len(parts) > PARTS_LIMIT:
            raise OutOfRange(name="parts", low=2, high=PARTS_LIMIT, value=len(parts))
        return self.model_copy(update={"parts": parts})


async def show(draft: Draft, where: MaybeInaccessibleMessageUnion, talk: Talk) -> None:
    """The draft, below what was said last, and as the conversation's state."""
    asked = Asked.by(where, talk.update)
    sent = await talk.bot.send_message(
        asked.chat,
        told(draft, talk.texts),
        message_thread_id=asked.thread,
        reply_parameters=asked.reply if asked.chat < 0 else None,  # in groups: to whom
        reply_markup=buttons(draft, talk.person, talk.texts),
    )
    await keep(draft.model_copy(update={"message": sent.message_id}), talk)
    if draft.message is not None:
        await put_away(draft.message, asked.chat, talk)


async def keep(draft: Draft, talk: Talk) -> None:
    """As the conversation's."""
    noted = draft.model_copy(update={"update": talk.update})
    await talk.state.set_data(noted.model_dump(mode="json", exclude_defaults=True))
    await talk.state.set_state(Mixing.collecting)


async def put_away(message: int, chat: int, talk: Talk) -> None:
    """Takes a draft's message out of the chat; Telegram keeps those of more than two days ago."""
    try:
        await talk.bot.delete_message(chat, message)
    except TelegramBadRequest:
        await talk.bot.edit_message_reply_markup(chat_id=chat, message_id=message)


def told(draft: Draft, texts: Texts, *, over: bool = False) -> str:
    """`over`: nothing more is to be added. HTML."""
    lines = [html.bold(texts.say("A mix"))]
    for n, part in enumerate(draft.parts, 1):
        what = f"“{_short(part.words)}”" if part.words else texts.say("a picture")
        lines.append(f"{n}. {html.quote(what)}: {percent(part.weight)}")
    if over:
        return "\n".join(lines)
    lines.append("")
    if len(draft.parts) < PARTS_LIMIT:
        lines.append(texts.say("Send another picture, or words."))
    if len(draft.parts) > 1:
        lines.append(
            texts.say("With − and + you choose how much each counts; below 0 is away from it.")
        )
    return "\n".join(lines)


def buttons(draft: Draft, owner: int, texts: Texts) -> InlineKeyboardMarkup:
    def button(label: str, do: str, number: int = 0) -> InlineKeyboardButton:
        press = OnMix(do=do, number=number, owner=owner)
        return InlineKeyboardButton(text=label, callback_data=press.pack())

    rows = [
        [
            button(f"{n} −", "less", n),
            button(f"{n} +", "more", n),
            button(f"{n} ✖", "out", n),
        ]
        for n in range(1, len(draft.parts) + 1)
    ]
    last = [button(texts.say("✖ Cancel"), "stop")]
    if len(draft.parts) > 1:
        last.insert(0, button(texts.say("✨ Mix"), "go"))
    return InlineKeyboardMarkup(inline_keyboard=[*rows, last])


def _short(words: str) -> str:
    return words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"
