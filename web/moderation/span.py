"""Lengths of time in words."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import format_timedelta

from engine.texts import Texts


def span(seconds: float | None, texts: Texts) -> str:
    """About how long that is; a dash for none."""
    if seconds is None:
        return "–"
    length = timedelta(seconds=round(seconds))
    return str(format_timedelta(length, threshold=1.2, locale=texts.language))
