"""What Telegram says when it does not do what it was asked."""

from __future__ import annotations


class Refused(Exception):
    """An answer that is not ok, in Telegram's own words."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after

    def wire(self) -> dict[str, object]:
        answer: dict[str, object] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return answer


class Misused(Refused):
    """A call that a correct program never makes; a test with one fails."""


def bad(what: str) -> Refused:
    return Refused(400, f"Bad Request: {what}")


def forbidden(what: str) -> Refused:
    return Refused(403, f"Forbidden: {what}")


def flooded(seconds: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {seconds}", seconds)


def misused(what: str) -> Misused:
    return Misused(400, f"Bad Request: {what}")


def not_simulated(what: str) -> Misused:
    return Misused(501, f"Not Implemented: the emulator does not simulate {what}")
