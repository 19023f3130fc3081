"""The buttons under results, under the status of a job, and where a picture has to be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.presses import Do, OnAppeal, OnPhoto, OnResult
from engine.cards import ModelCard
from engine.texts import Texts
from storage.records import JobRecord, Review

ROW = 5  # buttons with a number in a row


class ResultButtons:
    """Those of one job, for the person `owner`, who reads `texts`."""

    def __init__(self, job: JobRecord, owner: int, cards: Sequence[ModelCard], texts: Texts):
        self._job = job
        self._owner = owner
        self._texts = texts
        card = next((card for card in cards if card.name == job.model), None)
        self._modes = card.modes if card else ()

    def result(self) -> InlineKeyboardMarkup:
        """All that can be done with finished pictures."""
        say = self._texts.say
        edits = []
        if "mix" in self._modes:
            edits.append(self._button(say("➕ Mix"), Do.MIX))
        if "inpaint" in self._modes:
            edits.append(self._button(say("🖌 Edit"), Do.EDIT))
        if "outpaint" in self._modes:
            edits.append(self._button(say("↔️ Extend"), Do.EXTEND))
        kept = [
            self._button(self._star(), Do.FAVOUR),
            self._button(say("📎 As file"), Do.FILE),
        ]
        last = [
            self._button(say("🚩 Report"), Do.REPORT),
            self._button(say("🗑 Delete"), Do.DELETE),
        ]
        rows = [*self._more(), edits, kept, last]
        return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])

    def below(self) -> InlineKeyboardMarkup | None:
        """Under what is said below the pictures: theirs, and appeals."""
        rows = self.result().inline_keyboard if self._job.pictures else []
        return _rows_of([*rows, *self._appeals()])

    def which(self, do: Do) -> InlineKeyboardMarkup:
        """The numbers of the pictures, for what is done with one of them."""
        numbers = [self._button(str(n), do, n) for n in self._numbers()]
        rows = [numbers[start : start + ROW] for start in range(0, len(numbers), ROW)]
        return InlineKeyboardMarkup(inline_keyboard=[*rows, [self._back()]])

    def deletions(self) -> InlineKeyboardMarkup:
        """Which pictures are to go, or whether the only one really is."""
        everything = self._button(self._texts.say("🗑 Delete"), Do.DELETE, 0, "all")
        if len(self._numbers()) == 1:
            return InlineKeyboardMarkup(inline_keyboard=[[everything], [self._back()]])
        one_by_one = self.which(Do.DELETE).inline_keyboard[:-1]
        all_of_them = self._button(self._texts.say("🗑 All of them"), Do.DELETE, 0, "all")
        return InlineKeyboardMarkup(inline_keyboard=[*one_by_one, [all_of_them], [self._back()]])

    def chosen(
        self, do: Do, number: int, choices: Sequence[Sequence[tuple[str, str]]]
    ) -> InlineKeyboardMarkup:
        """A second step: rows of (label, value)."""
        rows = [[self._button(label, do, number, value) for label, value in row] for row in choices]
        return InlineKeyboardMarkup(inline_keyboard=[*rows, [self._back()]])

    def again(self) -> InlineKeyboardMarkup:
        """Under what has failed, was stopped or refused."""
        button = self._button(self._texts.say("🔄 Try again"), Do.AGAIN)
        return InlineKeyboardMarkup(inline_keyboard=[[button], *self._appeals()])

    def stop(self) -> InlineKeyboardMarkup:
        """Under what is under way."""
        button = self._button(self._texts.say("✖ Cancel"), Do.CANCEL)
        return InlineKeyboardMarkup(inline_keyboard=[[button]])

    def _more(self) -> list[list[InlineKeyboardButton]]:
        """More of the kind."""
        again = self._button(self._texts.say("🔄 Again"), Do.AGAIN)
        numbers = self._numbers() if "variations" in self._modes else []
        if len(numbers) == 1:
            return [[again, self._button(self._texts.say("🔀 Vary"), Do.VARY, 1)]]
        buttons = [self._button(f"🔀 {n}", Do.VARY, n) for n in numbers]
        return [[again], *(buttons[start : start + ROW] for start in range(0, len(buttons), ROW))]

    def _appeals(self) -> list[list[InlineKeyboardButton]]:
        """One for each picture that was removed."""
        gone = [one for one in self._job.withheld if one.review is Review.REMOVED]
        alone = len(gone) + len(self._job.pictures) == 1
        buttons = [
            appeal(one.id, self._owner, self._texts, 0 if alone else one.index + 1) for one in gone
        ]
        return [buttons[start : start + 2] for start in range(0, len(buttons), 2)]

    def _numbers(self) -> list[int]:
        """Of the pictures that are still there."""
        return [picture.index + 1 for picture in self._job.pictures]

    def _star(self) -> str:
        favourite = any(picture.favourite for picture in self._job.pictures)
        return self._texts.say("★ Favourite") if favourite else self._texts.say("☆ Favourite")

    def _back(self) -> InlineKeyboardButton:
        return self._button(self._texts.say("← Back"), Do.BACK)

    def _button(self, label: str, do: Do, number: int = 0, value: str = "") -> InlineKeyboardButton:
        press = OnResult(
            do=do, job=UUID(self._job.id), number=number, value=value, owner=self._owner
        )
        return InlineKeyboardButton(text=label, callback_data=press.pack())


class PhotoButtons:
    """Those under a question about a picture that `owner` sent."""

    def __init__(self, owner: int, cards: Sequence[ModelCard], texts: Texts) -> None:
        self._owner = owner
        self._texts = texts
        self._modes = {mode for card in cards for mode in card.modes}

    def asked(self, *, with_words: bool) -> InlineKeyboardMarkup:
        """What can be done with it, and with the words that came with it."""
        say = self._texts.say
        if with_words:
            known = [
                ("image_to_image", say("🎨 Change it"), Do.CHANGE),
                ("mix", say("➕ Mix them"), Do.MIX),
                ("inpaint", say("🖌 Fill in a part"), Do.EDIT),
                ("outpaint", say("↔️ Extend"), Do.EXTEND),
            ]
        else:
            known = [
                ("variations", say("🔀 Vary"), Do.VARY),
                ("mix", say("➕ Mix"), Do.MIX),
                ("inpaint", say("🖌 Edit"), Do.EDIT),
                ("outpaint", say("↔️ Extend"), Do.EXTEND),
            ]
        buttons = [self._button(label, do) for mode, label, do in known if mode in self._modes]
        if not with_words:
            buttons.append(self._button(say("ℹ️ Its settings"), Do.READ))
        return _rows(buttons, 2)

    def chosen(self, do: Do, choices: Sequence[Sequence[tuple[str, str]]]) -> InlineKeyboardMarkup:
        """A second step: rows of (label, value)."""
        rows = [[self._button(label, do, value) for label, value in row] for row in choices]
        back = self._button(self._texts.say("← Back"), Do.BACK)
        return InlineKeyboardMarkup(inline_keyboard=[*rows, [back]])

    def recalled(self) -> InlineKeyboardMarkup:
        """Under the settings of a picture."""
        return _rows([self._button(self._texts.say("🔄 Make it again"), Do.AGAIN)], 1)

    def _button(self, label: str, do: Do, value: str = "") -> InlineKeyboardButton:
        press = OnPhoto(do=do, value=value, owner=self._owner)
        return InlineKeyboardButton(text=label, callback_data=press.pack())


def appeal(picture_id: str, owner: int, texts: Texts, number: int = 0) -> InlineKeyboardButton:
    """For a picture that was removed; `number` tells it from others, 0 where there are none."""
    label = texts.say("✋ Appeal")
    press = OnAppeal(picture=UUID(picture_id), owner=owner)
    label = f"{label} ({number})" if number else label
    return InlineKeyboardButton(text=label, callback_data=press.pack())


async def turn(press: CallbackQuery, buttons: InlineKeyboardMarkup) -> None:
    """Changes the buttons of the message, if it can be and they are others."""
    message = press.message
    if isinstance(message, Message) and _said(message.reply_markup) != _said(buttons):
        await message.edit_reply_markup(reply_markup=buttons)


def _said(buttons: InlineKeyboardMarkup | None) -> object:
    return buttons and [
        [(one.text, one.callback_data) for one in row] for row in buttons.inline_keyboard
    ]


def _rows_of(rows: list[list[InlineKeyboardButton]]) -> InlineKeyboardMarkup | None:
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def _rows(buttons: Sequence[InlineKeyboardButton], columns: int) -> InlineKeyboardMarkup:
    rows = [list(buttons[start : start + columns]) for start in range(0, len(buttons), columns)]
    return InlineKeyboardMarkup(inline_keyboard=rows)
