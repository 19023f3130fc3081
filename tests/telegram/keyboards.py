"""What Telegram demands of the buttons under a message."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyKeyboardMarkup,
    ReplyMarkupUnion,
)

from tests.telegram.messages import Wire
from tests.telegram.refusals import bad, misused
from tests.telegram.schema import wire_of
from tests.telegram.words import good_link

DATA_LIMIT = 64  # bytes
ROW_LIMIT = 8  # buttons
BUTTONS_LIMIT = 100
MARKUP_LIMIT = 10_000  # bytes


def inline(markup: InlineKeyboardMarkup | None) -> Wire | None:
    """The keyboard as it is shown; None without buttons. Raises Refused."""
    if markup is None:
        return None
    rows = [[_button(button) for button in row] for row in markup.inline_keyboard if row]
    if not rows:
        return None
    _measure(rows)
    return {"inline_keyboard": rows}


def under_message(markup: ReplyMarkupUnion | None) -> Wire | None:
    """The part of the markup that belongs to the message. Raises Refused."""
    return inline(markup) if isinstance(markup, InlineKeyboardMarkup) else None


def under_input(markup: ReplyMarkupUnion | None) -> Wire | None:
    """The part that belongs to the place where people write: a keyboard, or what removes it."""
    if markup is None or isinstance(markup, InlineKeyboardMarkup):
        return None
    if isinstance(markup, ReplyKeyboardMarkup) and not any(markup.keyboard):
        raise bad("keyboard must contain at least one button")
    return wire_of(markup)


def _button(button: InlineKeyboardButton) -> Wire:
    wire = wire_of(button)
    if not button.text.strip():
        raise bad("inline keyboard button text must be non-empty")
    if wire.keys() <= {"text", "style", "icon_custom_emoji_id"}:
        raise bad(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if button.callback_data is not None:
        if not 1 <= len(button.callback_data.encode()) <= DATA_LIMIT:
            raise bad("BUTTON_DATA_INVALID")
    elif button.url is not None and not good_link(button.url):
        raise bad(f"inline keyboard button URL '{button.url}' is invalid: Wrong HTTP URL")
    elif button.web_app is not None and urlsplit(button.web_app.url).scheme != "https":
        raise bad(
            f"inline keyboard button Web App URL '{button.web_app.url}' is invalid: "
            "Only HTTPS links are allowed"
        )
    return wire


def _measure(rows: list[list[Wire]]) -> None:
    if max(map(len, rows)) > ROW_LIMIT or sum(map(len, rows)) > BUTTONS_LIMIT:
        raise misused("reply markup is too long: some of its buttons would not be shown")
    if len(json.dumps(rows, ensure_ascii=False).encode()) > MARKUP_LIMIT:
        raise bad("reply markup is too long")
