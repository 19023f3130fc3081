"""A picture that is being painted over in a chat, and what is to be there instead."""

from __future__ import annotations

from aiogram.fsm.state import State, StatesGroup
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MaybeInaccessibleMessageUnion
from pydantic import BaseModel, ConfigDict

from bot.asked import Asked
from bot.pieces import Piece
from bot.presses import OnEdit
from bot.talk import Talk
from engine import flags
from engine.requests import Inpaint
from engine.sources import Source


class Editing(StatesGroup):
    marking = State()  # the picture, painted over, or a mask comes next
    wording = State()  # words for the marked part come next


class Edit(BaseModel):
    """The picture, where it was marked, and words for that part, as far as they are known."""

    model_config = ConfigDict(frozen=True)

    picture: Piece
    marked: Piece | None = None
    words: str = ""

    @classmethod
    async def read(cls, talk: Talk) -> Edit:
        """The one of the conversation."""
        return cls.model_validate(await talk.state.get_data())

    async def keep(self, state: State, talk: Talk) -> None:
        """As the conversation's."""
        await talk.state.set_data(self.model_dump(mode="json", exclude_defaults=True))
        await talk.state.set_state(state)

    async def request(self, talk: Talk) -> Inpaint:
        """Raises EmptyMask, NotTheSamePicture, and what Inpaint, flags.read and Talk.source do."""
        said = flags.read(self.words)
        fields = said.fields_of(Inpaint)
        picture = await talk.source(self.picture)
        return Inpaint(
            picture=picture, mask=await self._mask(picture, talk), prompt=said.words, **fields
        )

    async def _mask(self, picture: Source, talk: Talk) -> Source:
        assert self.marked is not None  # noqa: S101 - it is asked for first
        return await talk.studio.take_painted(await talk.file(self.marked), picture)


async def begin(edit: Edit, where: MaybeInaccessibleMessageUnion, talk: Talk) -> None:
    """Asks for the picture, painted over."""
    await edit.keep(Editing.marking, talk)
    say = talk.texts.say
    lines = [
        say("Open the picture, tap the brush, and paint brightly over what is to change."),
        say("Then send it to me; write in the caption what should be there instead."),
        say("Or send a mask as a file: white where I may paint, black elsewhere."),
    ]
    await _ask("\n".join(lines), where, talk, [])


async def go_on(edit: Edit, where: MaybeInaccessibleMessageUnion, talk: Talk) -> None:
    """Fills the marked part, if it is known with what. Raises what Edit.request does."""
    request = await edit.request(talk)
    if edit.words:
        await talk.draw(request, where)
        await talk.state.clear()
        return
    say = talk.texts.say
    await _ask(
        say("What should be there instead? Write it, or let me fill it in to match the rest."),
        where,
        talk,
        [(say("✨ Fill it in"), "fill")],
    )
    await edit.keep(Editing.wording, talk)  # last: whatever fails before is done again as it was


async def _ask(
    text: str,
    where: MaybeInaccessibleMessageUnion,
    talk: Talk,
    choices: list[tuple[str, str]],
) -> None:
    buttons = [
        InlineKeyboardButton(text=label, callback_data=OnEdit(do=do, owner=talk.person).pack())
        for label, do in [*choices, (talk.texts.say("✖ Cancel"), "stop")]
    ]
    asked = Asked.by(where, talk.update)
    await talk.bot.send_message(
        asked.chat,
        text,
        message_thread_id=asked.thread,
        reply_parameters=asked.reply,
        reply_markup=InlineKeyboardMarkup(inline_keyboard=[buttons]),
    )
