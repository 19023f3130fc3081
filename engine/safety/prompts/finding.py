"""What the prompt gate says, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Words that fall under a policy, from `start` up to `end` in the text as given.

    `rule` is the line of the rules that found them, or LIKE and the example that the text is like;
    then its place is the sentence, or the whole text.
    """

    policy: str
    rule: str
    start: int
    end: int
    score: float  # 1 by a rule; by an example, from 0 (hardly) to 1 (the same)


class GateDown(Exception):
    """The examples could not be compared; `findings` are those of the rules, for each text."""

    def __init__(self, findings: Sequence[tuple[Finding, ...]]) -> None:
        super().__init__("the encoder of the prompt gate does not answer")
        self.findings = tuple(findings)


LIKE = "like: "
