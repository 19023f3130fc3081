"""How fast the bot writes, against what Telegram allows. Times are Telegram's seconds."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

JITTER = 0.05  # of a limit: clocks and networks are not exact


@dataclass(slots=True)
class Limits:
    """What Telegram allows, in messages; `enforce` answers 429 to what is too fast."""

    rate: float = 1.0  # a second, in one private chat
    burst: int = 3  # that may come at once there
    group: int = 20  # in one group in any `group_window`
    group_window: float = 60.0  # seconds
    total: int = 30  # in all chats in any `total_window`
    total_window: float = 1.0
    heed: bool = True  # nothing is written to a chat before the retry_after of its last 429 ends
    enforce: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """What was too fast, and in how many seconds it would not have been."""

    what: str
    wait: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


@dataclass(slots=True)
class _Window:
    times: deque[float] = field(default_factory=deque)


class Meter:
    """Counts messages and edits. Chats below zero are groups."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._buckets: dict[int, _Bucket] = {}
        self._groups: dict[int, _Window] = defaultdict(_Window)
        self._total = _Window()
        self._held: dict[int, tuple[float, float]] = {}

    def hold(self, chat: int, now: float, seconds: float) -> None:
        """The bot is told not to write there for so long. Calls on their way are forgiven."""
        self._held[chat] = now + seconds * JITTER, now + seconds * (1 - JITTER)

    def count(self, chat: int | None, messages: int, now: float) -> Breach | None:
        """Counts a call that shows `messages` in the chat, or somewhere unknown."""
        breaches = [self._in_all(now)]
        if chat is not None:
            breaches += [self._early(chat, now)]
            breaches += [self._group(chat, messages, now) if chat < 0 else self._private(chat, now)]
        found = [breach for breach in breaches if breach]
        if not found or not self.limits.enforce:
            self._remember(chat, messages, now)
        return max(found, key=lambda breach: breach.wait, default=None)

    def _early(self, chat: int, now: float) -> Breach | None:
        since, until = self._held.get(chat, (0.0, 0.0))
        if not self.limits.heed or not since < now < until:
            return None
        return Breach(f"written {until - now:.2f} s before the end of retry_after", until - now)

    def _private(self, chat: int, now: float) -> Breach | None:
        limits = self.limits
        tokens = self._filled(chat, now).tokens
        if tokens >= 1 - JITTER:
            return None
        wait = (1 - tokens) / limits.rate
        return Breach(f"more than {limits.rate:g}/s with a burst of {limits.burst}", wait)

    def _group(self, chat: int, messages: int, now: float) -> Breach | None:
        limits = self.limits
        return _full(
            self._groups[chat], limits.group, messages, limits.group_window, now, "in this group"
        )

    def _in_all(self, now: float) -> Breach | None:
        limits = self.limits
        return _full(self._total, limits.total, 1, limits.total_window, now, "in all chats")

    def _filled(self, chat: int, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(chat, _Bucket(self.limits.burst, now))
        gained = (now - bucket.filled) * self.limits.rate
        bucket.tokens = min(bucket.tokens + gained, float(self.limits.burst))
        bucket.filled = now
        return bucket

    def _remember(self, chat: int | None, messages: int, now: float) -> None:
        self._total.times.append(now)
        if chat is None:
            return
        if chat < 0:
            self._groups[chat].times.extend([now] * messages)
        else:
            bucket = self._filled(chat, now)
            bucket.tokens = max(bucket.tokens - 1, -1.0)


def _full(
    window: _Window, most: int, more: int, seconds: float, now: float, where: str
) -> Breach | None:
    times = window.times
    while times and times[0] <= now - seconds * (1 - JITTER):
        times.popleft()
    over = len(times) + more - most
    if over <= 0:
        return None
    wait = times[min(over, len(times)) - 1] + seconds - now if times else seconds
    return Breach(f"more than {most} in {seconds:g} s {where}", wait)


def whole(seconds: float) -> int:
    """As retry_after says it."""
    return max(1, math.ceil(seconds))
