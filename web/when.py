"""Moments and lengths of time as people say them, in their language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from babel import Locale
from babel.dates import format_date, format_timedelta

from engine.texts import Texts

JUST_NOW = timedelta(seconds=45)
LONG_AGO = timedelta(days=7)  # from here on, the date says more


class When:
    """Times in one language. Where a browser's time zone matters, its script says it anew."""

    def __init__(self, texts: Texts) -> None:
        self._say = texts.say
        self._locale = Locale.parse(texts.language)

    def ago(self, moment: datetime) -> str:
        """How long ago a moment was: in words for some days, later its date."""
        past = datetime.now(UTC) - _aware(moment)
        if past < JUST_NOW:
            return self._say("just now")
        if past >= LONG_AGO:
            return self.day(moment)
        return format_timedelta(-past, add_direction=True, locale=self._locale)

    def day(self, moment: datetime) -> str:
        return format_date(_aware(moment), "long", locale=self._locale)

    def exactly(self, moment: datetime) -> str:
        """In UTC, to the minute."""
        day = format_date(_aware(moment), "medium", locale=self._locale)
        return f"{day}, {_aware(moment).astimezone(UTC):%H:%M} UTC"

    def iso(self, moment: datetime) -> str:
        return _aware(moment).isoformat(timespec="seconds")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
