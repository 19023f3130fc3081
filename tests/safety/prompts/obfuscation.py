"""Six ways to hide words from a filter, as people do it; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

Hide = Callable[[str, random.Random], str]

INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff"
MARKS = "\u0301\u0308\u0323\u0330\u0342\u0335"
ALIKE: Mapping[str, str] = {
    **dict(zip("aceopxyikmnhbt", "асеорхуіκмпһьт", strict=True)),
    **dict(zip("асеорхукмнвти", "aceopxykмhвtu", strict=True)),
}
LEET: Mapping[str, str] = {
    **dict(zip("aeiost", "431057", strict=True)),
    **dict(zip("аеозчб", "@30346", strict=True)),
}


def spaced(text: str, dice: random.Random) -> str:
    """n u d e  w o m a n, or n.u.d.e woman: letters apart, in words of four letters or more."""
    between = dice.choice(" .-_*")
    gap = "  " if between == " " else " "
    return gap.join(between.join(word) if len(word) > 3 else word for word in text.split())


def invisible(text: str, dice: random.Random) -> str:
    """Characters that nobody sees, within every word."""
    return _each(text, lambda one: one + dice.choice(INVISIBLE) * (dice.random() < 0.5))


def alike(text: str, dice: random.Random) -> str:
    """Letters of the other script, or of a third, that look the same: about half of all."""
    return _each(text, lambda one: ALIKE.get(one, one) if dice.random() < 0.5 else one)


def leet(text: str, dice: random.Random) -> str:
    """Digits and signs for letters, in words of four letters or more."""

    def swapped(word: str) -> str:
        return _each(word, lambda one: LEET.get(one, one) if dice.random() < 0.7 else one)

    return " ".join(swapped(word) if len(word) > 3 else word for word in text.split())


def repeated(text: str, dice: random.Random) -> str:
    """A letter three or four times, or a sign between the letters, in words of four or more."""

    def drawn(word: str) -> str:
        place = dice.randrange(1, len(word) - 1)
        if dice.random() < 0.5:
            return word[:place] + word[place] * dice.randint(2, 3) + word[place:]
        return word[:place] + dice.choice(".-_*'~") + word[place:]

    return " ".join(drawn(word) if len(word) > 3 else word for word in text.split())


def marked(text: str, dice: random.Random) -> str:
    """Capitals anywhere, and accents on letters."""

    def dressed(one: str) -> str:
        one = one.upper() if dice.random() < 0.5 else one
        return one + dice.choice(MARKS) if one.isalpha() and dice.random() < 0.3 else one

    return _each(text, dressed)


OBFUSCATIONS: Mapping[str, Hide] = {
    "spaced": spaced,
    "invisible": invisible,
    "alike": alike,
    "leet": leet,
    "repeated": repeated,
    "marked": marked,
}


def _each(text: str, change: Callable[[str], str]) -> str:
    return "".join(map(change, text))
