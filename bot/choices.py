"""What a person can set for all their requests: what is set, what there is to choose, in words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from aiogram import html
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.answering import rows
from engine.cards import ModelCard
from engine.preferences import ASPECTS, QUALITIES, Preferences, Quality, size
from engine.requests import COUNT_LIMIT, SEED_LIMIT
from engine.styles import STYLES, title
from engine.texts import Texts

CHOSEN = "✓ "


class What(StrEnum):
    """A preference by its name, or what is done with all of them."""

    MODEL = "model"
    ASPECT = "aspect"
    COUNT = "count"
    STYLE = "style"
    QUALITY = "quality"
    NEGATIVE = "negative_prompt"
    SEED = "seed"
    ALL = "all"  # back to all of them
    RESET = "reset"


WRITTEN = (What.NEGATIVE, What.SEED)  # asked for by a message


class OnSetting(CallbackData, prefix="s"):
    """`what` is to be chosen, or set to `value` where there is one."""

    what: What
    value: str = ""
    owner: int


class Choices:
    """Of one person, as they are now."""

    def __init__(
        self, preferences: Preferences, cards: Sequence[ModelCard], owner: int, texts: Texts
    ) -> None:
        self._preferences = preferences
        self._cards = cards
        self._owner = owner
        self._texts = texts
        named = [card for card in cards if card.name == preferences.model]
        self._card = (named or list(cards))[0]

    def told(self) -> str:
        """What is set. HTML."""
        say = self._texts.say
        lines = [
            f"{label}: {html.bold(html.quote(value))}"
            for what, (label, value) in self._values().items()
        ]
        return "\n".join(
            [
                html.bold(say("🎛 Your settings")),
                *lines,
                "",
                say("They hold for all your requests. Flags in your words override them."),
            ]
        )

    def buttons(self) -> InlineKeyboardMarkup:
        """One for each, and one to reset all."""
        buttons = [self._button(label, what) for what, (label, _) in self._values().items()]
        reset = self._button(self._texts.say("↺ Reset all"), What.RESET)
        return InlineKeyboardMarkup(inline_keyboard=[*rows(buttons, 2), [reset]])

    def offers(self, what: What) -> bool:
        """Whether it can be chosen here at all."""
        return what in self._values()

    def question(self, what: What) -> str:
        """What the choice does. HTML."""
        label, value = self._values()[what]
        return f"{html.bold(label)}: {html.quote(value)}\n{html.quote(self._meaning(what))}"

    def options(self, what: What) -> dict[str, str]:
        """What there is to choose: the value for the button, and its label."""
        say = self._texts.say
        match what:
            case What.MODEL:
                return {str(n): card.title for n, card in enumerate(self._cards)}
            case What.ASPECT:
                return {aspect.replace(":", "x"): aspect for aspect in ASPECTS}
            case What.COUNT:
                most = min(self._card.count_limit, COUNT_LIMIT)
                return {str(n): str(n) for n in range(1, most + 1)}
            case What.QUALITY:
                return {quality: self._quality(quality) for quality in QUALITIES}
            case What.NEGATIVE if self._preferences.negative_prompt:
                return {"none": say("Nothing")}
            case What.SEED if self._preferences.seed is not None:
                return {"none": say("Random")}
        return {}

    def option_buttons(self, what: What) -> InlineKeyboardMarkup:
        """The options, the chosen one marked, and the way back."""
        _, current = self._values()[what]
        buttons = [
            self._button(CHOSEN + label if label == current else label, what, value)
            for value, label in self.options(what).items()
        ]
        back = self._button(self._texts.say("← Back"), What.ALL)
        columns = 1 if what is What.MODEL else 5
        return InlineKeyboardMarkup(inline_keyboard=[*rows(buttons, columns), [back]])

    def with_(self, what: What, value: str) -> Preferences:
        """The preferences with one of the `options` chosen; as they are for any other value."""
        if what is What.RESET:
            return Preferences()
        if value not in self.options(what):
            return self._preferences
        chosen: object = value
        match what:
            case What.MODEL:
                chosen = self._cards[int(value)].name
            case What.ASPECT:
                chosen = value.replace("x", ":")
            case What.NEGATIVE:
                chosen = ""
            case What.SEED:
                chosen = None
        return with_value(self._preferences, what, chosen)

    def _values(self) -> dict[What, tuple[str, str]]:
        """By what can be set: its name and what is set."""
        say, set_ = self._texts.say, self._preferences
        style = title(STYLES[set_.style], self._texts) if set_.style else say("none")
        values = {
            What.MODEL: (say("Model"), self._card.title),
            What.ASPECT: (say("Shape"), set_.aspect),
            What.COUNT: (say("How many pictures"), str(min(set_.count, self._card.count_limit))),
            What.STYLE: (say("Style"), style),
            What.QUALITY: (say("Quality"), self._quality(set_.quality)),
            What.NEGATIVE: (say("Not in the picture"), set_.negative_prompt or say("nothing")),
            What.SEED: (say("Seed"), say("random") if set_.seed is None else str(set_.seed)),
        }
        if len(self._cards) == 1:
            del values[What.MODEL]
        return values

    def _meaning(self, what: What) -> str:
        say = self._texts.say
        match what:
            case What.MODEL:
                return say("Which model draws. Each has a hand of its own.")
            case What.ASPECT:
                width, height = size(self._preferences.aspect, self._card)
                return say(
                    "Width to height of new pictures; now {width}×{height} pixels.",
                    width=str(width),
                    height=str(height),
                )
            case What.COUNT:
                return say("So many pictures come of each request. More take longer.")
            case What.QUALITY:
                return say(
                    "A draft takes half the time and is rougher."
                    " Fine takes twice the time and has more detail."
                )
            case What.NEGATIVE:
                return say("What you do not want to see in pictures, for example: hands, text.")
            case What.SEED:
                return say(
                    "The same words with the same seed make the same picture."
                    " It is a number from 0 to {limit}.",
                    limit=str(SEED_LIMIT - COUNT_LIMIT + 1),
                )
        return ""

    def _quality(self, quality: Quality) -> str:
        say = self._texts.say
        return {"draft": say("Draft"), "standard": say("Standard"), "fine": say("Fine")}[quality]

    def _button(self, label: str, what: What, value: str = "") -> InlineKeyboardButton:
        press = OnSetting(what=what, value=value, owner=self._owner)
        return InlineKeyboardButton(text=label, callback_data=press.pack())


def with_value(preferences: Preferences, what: What, value: object) -> Preferences:
    """Raises what Preferences do for a value that none may have."""
    return Preferences.model_validate(preferences.model_dump() | {what.value: value})
