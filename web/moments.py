"""Moments that callers name."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.errors import BadField


def moment(name: str, given: datetime | None) -> datetime | None:
    """In UTC, as which a date without a zone counts. Raises BadField for one beyond calendars."""
    if given is None:
        return None
    try:
        return given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise BadField(field=name, reason="no calendar has it") from error
