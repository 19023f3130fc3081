"""Who is asking: the owner of a key, somebody who has signed in, or an anonymous visitor."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

from engine.errors import Unauthorised, WentWrong
from engine.studio import Studio
from storage.records import Account
from web.languages import choice


async def person(request: Request, studio: Studio) -> Account:
    """Whose request it is. A key in the header counts alone, whatever cookies come with it.

    Raises Unauthorised for a wrong key, and where neither a key nor a visitor's cookie came.
    """
    header = request.headers.get("authorization")
    if header is not None:
        account = await studio.access.holder(_secret(header))
        if account is None:
            raise Unauthorised()
        return account
    if not request.state.known:
        raise Unauthorised()
    return await account_of(request.state.visitor, studio, choice(request))


async def account_of(visitor: str | None, studio: Studio, language: str) -> Account:
    """The account of somebody whom the middleware has recognised; made at first sight."""
    if not visitor:
        raise WentWrong()
    channel, _, external_id = visitor.partition(":")
    return await studio.account(channel, external_id, language)


def _secret(header: str) -> str:
    """The key of an Authorization header: the token of Bearer, the password of Basic."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
