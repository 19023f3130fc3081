"""One call of an API: who makes it, in which language, and the studio that it is made to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from pydantic import AfterValidator
from starlette.requests import Request

from engine.errors import NotFound
from engine.recall import Recalled
from engine.sources import Source
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account
from web.api.turns import Places, Turns
from web.languages import choice

ID = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Call:
    """`root` is the path that a proxy serves the studio under, `site` its whole address; `streams`
    are places for streams of events, `zips` for files of pictures. It is made `with_key`, or with
    the cookie of our own page.

    The pictures that it brings are opened in the account's turn: that raises TooManyAtOnce, and
    what the studio's own methods do.
    """

    studio: Studio
    account: Account
    with_key: bool
    texts: Texts
    root: str
    site: str
    turns: Turns
    streams: Places
    zips: Places

    def key(self, api: str, name: str) -> str:
        """What a job is known by that is asked for here; how it is reviewed goes by its beginning.

        Who comes without a key is at the page, whatever address they call.
        """
        return f"{api}:{name}" if self.with_key else f"web:{api}:{name}"

    async def take(self, file: bytes) -> Source:
        """A picture, cleaned."""
        async with self.turns.turn(self.account.id):
            return await self.studio.take(file)

    async def take_mask(self, file: bytes) -> Source:
        """A mask, cleaned."""
        async with self.turns.turn(self.account.id):
            return await self.studio.take_mask(file)

    async def recall(self, file: bytes) -> Recalled:
        """The request that made a picture."""
        async with self.turns.turn(self.account.id):
            return await self.studio.recall(file)

    def shared(self, token: str) -> str:
        """The address of a shared picture, which works without a key or a cookie."""
        return f"{self.site}/s/{token}"


async def _call(request: Request) -> Call:
    state = request.app.state
    root = str(request.scope.get("root_path", "")).rstrip("/")
    return Call(
        studio=state.studio,
        account=request.state.caller,
        with_key="authorization" in request.headers,
        texts=Texts(choice(request)),
        root=root,
        site=state.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}{root}",
        turns=state.turns,
        streams=state.streams,
        zips=state.zips,
    )


def _known(id: str) -> str:
    if not ID.fullmatch(id):
        raise NotFound()
    return id


Called = Annotated[Call, Depends(_call)]
Id = Annotated[str, Path(description="An id, as answers name it."), AfterValidator(_known)]
