"""Questions that people's apps ask the bot and wait for: pressed buttons and inline mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.telegram.refusals import bad

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the bot answers to a pressed button."""

    text: str = ""
    show_alert: bool = False
    url: str | None = None


@dataclass(slots=True)
class _Question(Generic[Answer]):
    asked: float
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Queries(Generic[Answer]):
    """Those of one kind. Times are Telegram's seconds."""

    def __init__(self, now: Callable[[], float], age: float) -> None:
        self.age = age  # seconds for which an answer is taken
        self._now = now
        self._questions: dict[str, _Question[Answer]] = {}

    def ask(self, query_id: str) -> asyncio.Future[Answer]:
        """The answer to come."""
        question = self._questions[query_id] = _Question[Answer](self._now())
        return question.answer

    def answer(self, query_id: str, answer: Answer) -> None:
        """Raises Refused for one that is unknown, was answered, or has waited for too long."""
        question = self._questions.pop(query_id, None)
        if question is None or self._now() - question.asked > self.age:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if not question.answer.done():
            question.answer.set_result(answer)
