"""Signing in with Telegram: where its page is, and what of what it sends back is to be believed.

https://core.telegram.org/widgets/login#checking-authorization. Our pages ask Telegram for nothing:
a link leads there, and Telegram leads back with what its Login Widget says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from engine.errors import SignInForged, SignInStale, SignInUsed
from engine.settings import Settings

PAGE = "https://oauth.telegram.org/auth"
FRESH = 600  # seconds that a sign-in may be old
AHEAD = 30  # seconds that Telegram's clock may be before ours
NUMBER = re.compile(r"[1-9]\d{0,19}", re.ASCII)
NAME_LIMIT = 64  # characters of a name that are shown
SAID_LIMIT = 8192  # characters

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of Telegram: `id` is the external id of their account on that channel."""

    id: str
    name: str


class Telegram:
    """Sign-in with one bot, whose domain (@BotFather, /setdomain) is the public address."""

    def __init__(self, token: str, public_url: str, clock: Callable[[], float] = time) -> None:
        self._key = hashlib.sha256(token.encode()).digest()
        self._bot = token.partition(":")[0]
        self._address = public_url.rstrip("/")
        self._clock = clock
        self._used: dict[str, float] = {}  # by hash, when the sign-in was made

    @classmethod
    def of(cls, settings: Settings) -> Telegram | None:
        """None where there is no bot or no address that Telegram could lead back to."""
        if not (settings.bot_token and settings.public_url):
            return None
        return cls(settings.bot_token, settings.public_url)

    def address(self, back: str) -> str:
        """Telegram's page, which leads back to that path of ours."""
        parts = urlsplit(self._address)
        asked = {
            "bot_id": self._bot,
            "origin": f"{parts.scheme}://{parts.netloc}",
            "return_to": f"{self._address}{back}",
        }
        return f"{PAGE}?{urlencode(asked)}"

    def person(self, said: str) -> Person:
        """Who has signed in, once: by `tgAuthResult`, or by the query of the widget's redirect.

        Raises SignInForged for what Telegram did not say, or said of another bot, SignInStale for
        what it said too long ago, and SignInUsed for what was used before.
        """
        fields = _fields(said)
        given = fields.get("hash", "")
        if not hmac.compare_digest(self.sign(fields).encode(), given.encode(errors="replace")):
            raise SignInForged()
        moment, person = _moment(fields), _person(fields)
        now = self._clock()
        if not now - FRESH <= moment <= now + AHEAD:
            raise SignInStale()
        self._use(given, moment, now)
        return person

    def sign(self, fields: Fields) -> str:
        """The hash that Telegram gives these fields."""
        lines = "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "hash")
        text = lines.encode(errors="surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _use(self, given: str, moment: float, now: float) -> None:
        self._used = {one: at for one, at in self._used.items() if at >= now - FRESH}
        if given in self._used:
            raise SignInUsed()
        self._used[given] = moment


def _fields(said: str) -> Fields:
    """Raises SignInForged."""
    if len(said) > SAID_LIMIT:
        raise SignInForged()
    try:
        if "hash=" in said:
            return dict(parse_qsl(said.lstrip("?"), keep_blank_values=True, max_num_fields=20))
        padded = said + "=" * (-len(said) % 4)
        read = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise SignInForged() from error
    if not isinstance(read, dict):
        raise SignInForged()
    return {name: _text(value) for name, value in read.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _moment(fields: Fields) -> int:
    moment = fields.get("auth_date", "")
    if not NUMBER.fullmatch(moment):
        raise SignInForged()
    return int(moment)


def _person(fields: Fields) -> Person:
    number = fields.get("id", "")
    if not NUMBER.fullmatch(number):
        raise SignInForged()
    names = [fields.get("first_name", ""), fields.get("last_name", "")]
    name = " ".join(filter(None, names)) or fields.get("username", "") or number
    return Person(number, "".join(filter(str.isprintable, name))[:NAME_LIMIT])
