"""What people read, in their language: English sentences are the keys, gettext has the rest.

One catalogue a language (engine/locales/ru.po), compiled in memory when first asked for.
"""

from __future__ import annotations

import gettext
import io
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from engine import errors

LANGUAGES = ("en", "ru")
LONG = 1e15  # from here on, numbers are not written out

Translations = gettext.NullTranslations


class Texts:
    """Sentences in one language. Numbers among the values are written as that language does."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._translations = _catalogue(language)
        self._locale = Locale.parse(language)

    def say(self, message: str, **values: object) -> str:
        """The sentence whose English is `message`, its {braces} filled."""
        return self._fill(self._translations.gettext(message), values)

    def count(self, singular: str, plural: str, n: int, **values: object) -> str:
        """The form of the sentence that fits the number `n`, which is also its {n}."""
        sentence = self._translations.ngettext(singular, plural, n)
        return self._fill(sentence, values | {"n": n})

    def error(self, error: errors.UserError) -> str:
        """What happened and what to do next."""
        return self.error_record(type(error).__name__, error.values)

    def error_record(self, key: str | None, values: dict[str, object] | None = None) -> str:
        """The sentence of a stored error: `key` is the name of its class in engine/errors.py."""
        kind = getattr(errors, key or "", None)
        if not (isinstance(kind, type) and issubclass(kind, errors.UserError)):
            kind = errors.WentWrong
        return self.say(kind.text, **self._named(values or {}))

    def _named(self, values: dict[str, object]) -> dict[str, object]:
        """The names of fields and modes are words of ours, so they are translated as well."""
        return {key: self._value(key, value) for key, value in values.items()}

    def _value(self, key: str, value: object) -> object:
        if key in ("name", "mode") and isinstance(value, str):
            return self._translations.pgettext(key, value)
        if isinstance(value, Mapping):  # what moderators wrote, in each language
            return value.get(self.language) or value.get(LANGUAGES[0], "")
        if isinstance(value, int | float) and abs(value) >= LONG:
            return f"{float(value):g}" if abs(value) < sys.float_info.max else "∞"
        return value

    def _fill(self, sentence: str, values: dict[str, object]) -> str:
        shown = {
            key: format_decimal(value, locale=self._locale)
            if isinstance(value, int | float)
            else value
            for key, value in values.items()
        }
        return sentence.format(**shown) if shown else sentence


@cache
def _catalogue(language: str) -> Translations:
    """The translations of a language; English is what the code itself says."""
    if language not in LANGUAGES:
        raise ValueError(f"no catalogue for “{language}”; there are: {', '.join(LANGUAGES)}")
    if language == "en":
        return gettext.NullTranslations()
    source = Path(__file__).parent / "locales" / f"{language}.po"
    compiled = io.BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
