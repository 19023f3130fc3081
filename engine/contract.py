"""What Studio needs of an engine; the local one and the one over Ray both serve it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from engine.cards import ModelCard
from engine.events import Event
from engine.requests import Request


class JobLike(Protocol):
    """One request that an engine took. Iterating gives its events, the last one included."""

    previews: bool  # whether steps are to carry previews; may change at any time

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def cancel(self) -> None:
        """Stops it at its next step boundary; safe to repeat, and after its end."""


class EngineLike(Protocol):
    """Makes pictures; remembers nothing."""

    def models(self) -> list[ModelCard]: ...

    def room(self) -> int:
        """How many more requests it would take now."""

    def submit(self, request: Request, owner: str) -> JobLike:
        """Takes the request. Raises Busy when full, or another UserError."""
