"""What goes wrong because a test wants it to."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Protocol, TypedDict, Unpack


class Failure(Enum):
    """How a call fails."""

    FLOOD = auto()  # 429 with retry_after, nothing done
    BROKEN = auto()  # 500 or 502, nothing done
    RESET = auto()  # the connection is cut
    HANG = auto()  # no answer, ever
    SLOW = auto()  # an answer, but late


class Place(Protocol):
    """A chat, or a person: their private chat has the same id."""

    @property
    def id(self) -> int: ...


@dataclass(slots=True, kw_only=True)
class Fault:
    """A failure of the calls that it fits, until it is used up or ended.

    `after`: the call has its effect first, and the bot cannot know. `hits` counts.
    """

    failure: Failure
    method: str | None = None  # any but getUpdates
    chat: int | None = None
    times: int | None = None
    until: float | None = None
    probability: float = 1.0
    after: bool = False
    retry_after: int = 1
    status: int = 500
    delay: float = 0.0
    hits: int = 0

    def end(self) -> None:
        self.times = 0

    def fits(self, method: str, chat: int | None) -> bool:
        if self.times == 0 or (self.until is not None and time.monotonic() > self.until):
            return False
        if self.method is None and method == "getUpdates":
            return False
        named = self.method is None or self.method.lower() == method.lower()
        return named and self.chat in (None, chat)

    def hit(self) -> None:
        self.hits += 1
        if self.times is not None:
            self.times -= 1


class Where(TypedDict, total=False):
    """Which calls fail, and how many: the next one alone without `times`, `seconds` and
    `probability`. `method` is a name of the Bot API."""

    method: str | None
    chat: Place
    times: int
    seconds: float
    probability: float


class Faults:
    """The failures to come."""

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._faults: list[Fault] = []
        self._silent_until = 0.0

    def flood(self, retry_after: int = 1, **where: Unpack[Where]) -> Fault:
        """429 with retry_after in seconds."""
        return self._added(_fault(Failure.FLOOD, where), retry_after=retry_after)

    def broken(self, status: int = 500, **where: Unpack[Where]) -> Fault:
        """500, 502 or the like."""
        return self._added(_fault(Failure.BROKEN, where), status=status)

    def reset(self, *, after: bool = False, **where: Unpack[Where]) -> Fault:
        """A cut connection, before or after the effect."""
        return self._added(_fault(Failure.RESET, where), after=after)

    def hang(self, *, after: bool = False, **where: Unpack[Where]) -> Fault:
        """No answer at all, before or after the effect."""
        return self._added(_fault(Failure.HANG, where), after=after)

    def slow(self, delay: float, **where: Unpack[Where]) -> Fault:
        """An answer that comes `delay` seconds after the effect."""
        return self._added(_fault(Failure.SLOW, where), delay=delay, after=True)

    def silence(self, seconds: float) -> None:
        """For so long nothing that reaches Telegram has an effect or an answer, and no update
        leaves it."""
        self._silent_until = time.monotonic() + seconds

    @property
    def silent(self) -> bool:
        return time.monotonic() < self._silent_until

    @property
    def silence_left(self) -> float:
        """Seconds."""
        return max(0.0, self._silent_until - time.monotonic())

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self._silent_until = 0.0

    def drawn(self, method: str, chat: int | None) -> Fault | None:
        """The failure of this call, if it is to fail."""
        for fault in self._faults:
            if fault.fits(method, chat) and self._random.random() < fault.probability:
                fault.hit()
                return fault
        return None

    def _added(self, fault: Fault, **details: Any) -> Fault:
        fault = replace(fault, **details)
        self._faults.append(fault)
        return fault


def _fault(failure: Failure, where: Where) -> Fault:
    chat, seconds = where.get("chat"), where.get("seconds")
    once = not {"times", "seconds", "probability"} & where.keys()
    return Fault(
        failure=failure,
        method=where.get("method"),
        chat=None if chat is None else chat.id,
        times=1 if once else where.get("times"),
        until=None if seconds is None else time.monotonic() + seconds,
        probability=where.get("probability", 1.0),
    )
