"""What buttons say when they are pressed: at most 64 bytes, the last part is whom they are for.

Everything else is in the ledger, in the message that the buttons answer, or in the conversation's
state.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from aiogram.filters.callback_data import CallbackData


def owner(data: str) -> int | None:
    """The Telegram id of the person whom the button is for."""
    last = data.rpartition(":")[2]
    return int(last) if last.isascii() and last.isdigit() else None


class Do(StrEnum):
    """What can be done with a result, with a job, or with a picture that a person sent."""

    AGAIN = "again"
    VARY = "vary"
    MIX = "mix"
    EDIT = "edit"
    EXTEND = "ext"
    FILE = "file"
    FAVOUR = "fav"
    REPORT = "rep"
    DELETE = "del"
    CANCEL = "stop"
    BACK = "back"
    CHANGE = "chg"
    READ = "read"


class OnResult(CallbackData, prefix="r"):
    """`number` is the picture's, from 1; 0 where it is not said which, or all are meant.

    `value` is what was chosen at a second step: a side, a reason, a confirmation.
    """

    do: Do
    job: UUID
    number: int = 0
    value: str = ""
    owner: int


class OnPhoto(CallbackData, prefix="p"):
    """About the picture that the message with the button answers."""

    do: Do
    value: str = ""
    owner: int


class OnMix(CallbackData, prefix="m"):
    """About the mix that is being put together; `number` is the part's, from 1."""

    do: str
    number: int = 0
    owner: int


class OnEdit(CallbackData, prefix="e"):
    """About the picture that is being painted over."""

    do: str
    owner: int


class OnAppeal(CallbackData, prefix="a"):
    """Its owner says that a picture was removed wrongly."""

    picture: UUID
    owner: int
