"""What the picture gate says of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

KNOWN = "known"  # the rule of what a moderator has removed before
UNCHECKED = "unchecked"  # the rule of what could not be looked at


class Outcome(StrEnum):
    """What is to become of a picture."""

    PASS = "pass"  # noqa: S105 - a word
    HOLD = "hold"  # nobody sees it until a moderator has
    BLOCK = "block"
    UNCHECKED = "unchecked"  # the gate was down or slow: as HOLD


@dataclass(frozen=True, slots=True)
class Verdict:
    """`policy` is the one in question and `rule` what raised it ("" where nothing did), `score`
    the highest of the classifiers' (0 to 1), `fingerprint` that of the picture, where it is
    known."""

    outcome: Outcome
    policy: str = ""
    rule: str = ""
    score: float | None = None
    fingerprint: str = ""
