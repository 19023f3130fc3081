"""What the bot does with each kind of update, one router a subject."""

from __future__ import annotations

from aiogram import Router

from bot.routers import (
    account,
    appeals,
    editing,
    errors,
    history,
    inline,
    mixing,
    photos,
    queue,
    results,
    settings,
    start,
    styles,
    words,
)

PARTS = (  # the first that fits is taken: commands, then conversations, then whatever is said
    errors,
    start,
    settings,
    styles,
    history,
    queue,
    account,
    inline,
    results,
    appeals,
    mixing,
    editing,
    photos,
    words,
)


def all_of_them() -> list[Router]:
    """New ones, for one dispatcher."""
    return [part.router() for part in PARTS]
