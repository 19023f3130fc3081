"""The account page: who one is here, API keys, shared links, one's data; and signing in and out.

Forms are sent and lead back to the page. Only a new key is shown at once, and never again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.parse import quote, unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from engine.access import FRONT_END, SIGNED_IN
from engine.errors import Busy, NotFound, SignInElsewhere, UserError
from engine.settings import Settings
from engine.studio import Studio
from engine.texts import LANGUAGES
from storage.records import Account
from web import languages
from web.people import account_of
from web.plain import Plains, filled, status, telling
from web.telegram import Telegram
from web.told import told
from web.visitors import SESSION, VISITOR, written

NAME = "studio-name"  # the cookie of what somebody who has signed in is called; only to be shown
STATE = "studio-sign-in"  # the cookie of the browser that a sign-in was begun in
STATE_LASTS = 3600  # seconds
SESSION_LASTS = int(SIGNED_IN.total_seconds())
NOTICE = re.compile(r"[0-9]{1,9}", re.ASCII)  # the number of one
PIECE = 2**20  # bytes of an export sent at a time


def account_router(
    studio: Studio, settings: Settings, plains: Plains, telegram: Telegram | None, language: str
) -> APIRouter:
    """The account page in one language, and all that is sent from it."""
    router = APIRouter(prefix=f"/{language}/account", route_class=telling(plains))
    page = AccountPage(studio, settings, plains, telegram, language)
    router.add_api_route("", page.show)
    for path, action in (
        ("/language", page.speak),
        ("/keys", page.make_key),
        ("/keys/{key_id}/revoke", page.revoke_key),
        ("/links/{picture_id}/revoke", page.unshare),
        ("/export", page.export),
        ("/notices/seen", page.seen),
        ("/forget", page.forget),
        ("/sign-out", page.sign_out),
        ("/telegram/{state}", page.sign_in),
    ):
        router.add_api_route(path, action, methods=["POST"])
    router.add_api_route("/telegram/{state}", page.come_back)
    return router


class AccountPage:
    def __init__(
        self,
        studio: Studio,
        settings: Settings,
        plains: Plains,
        telegram: Telegram | None,
        language: str,
    ) -> None:
        self._studio = studio
        self._folder = settings.data
        self._plain = plains[language]
        self._telegram = telegram
        self._language = language
        self._secure = settings.public_url.startswith("https:")
        self._exporting: set[int] = set()  # accounts

    async def show(self, request: Request, done: str = "") -> Response:
        return await self._page(request, await self._account(request), done=done)

    async def speak(self, request: Request) -> Response:
        """The language of pages, and of what the studio says to the account."""
        language = (await filled(request)).get("language", "")
        if language not in LANGUAGES:
            raise NotFound()
        await self._studio.speak(await self._account(request), language)
        answer = RedirectResponse(f"/{language}/account?done=language", 303)
        languages.remember(answer, language)
        return answer

    async def make_key(self, request: Request) -> Response:
        account = await self._account(request)
        name = (await filled(request)).get("name", "").strip()
        try:
            secret = await self._studio.access.make_key(account, name)
        except UserError as error:
            return await self._page(request, account, problem=error, about="keys", wished=name)
        return await self._page(request, account, secret=secret)

    async def revoke_key(self, request: Request, key_id: str) -> Response:
        await self._studio.access.revoke_key(key_id, await self._account(request))
        return self._done("key", "keys")

    async def unshare(self, request: Request, picture_id: str) -> Response:
        await self._studio.links.unshare(picture_id, await self._account(request))
        return self._done("link", "links")

    async def seen(self, request: Request) -> Response:
        """Notices were read, and are not shown again."""
        account = await self._account(request)
        for one in (await filled(request)).get("ids", "").split():
            if NOTICE.fullmatch(one):
                await self._studio.notices.seen(int(one), account)
        return self._done("read", "told-you")

    async def export(self, request: Request) -> Response:
        """All that is kept about the account, as a file. One at a time; raises Busy."""
        account = await self._account(request)
        if account.id in self._exporting:
            raise Busy()
        self._exporting.add(account.id)
        try:
            file, length = await self._exported(account)
        finally:
            self._exporting.discard(account.id)
        name = f"kandinsky-{datetime.now(UTC):%Y-%m-%d}.zip"
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(length),
            "cache-control": "no-store",
        }
        return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)

    async def forget(self, request: Request) -> Response:
        """Deletes all that is kept about the account, if the word was typed that says so."""
        account = await self._account(request)
        typed = (await filled(request)).get("word", "")
        if _alike(typed) != _alike(self._plain.texts.say("delete everything")):
            return await self._page(request, account, about="forget", mistyped=True)
        try:
            await self._studio.forget_me(account)
        except UserError as error:
            return await self._page(request, account, problem=error, about="forget")
        return self._without(self._done("forgotten"), SESSION, NAME, VISITOR)

    async def sign_out(self, request: Request) -> Response:
        if token := request.cookies.get(SESSION):
            await self._studio.access.sign_out(token)
        return self._without(self._done("signed-out"), SESSION, NAME, VISITOR)

    async def come_back(self, request: Request, state: str) -> Response:
        """Where Telegram leads to; a script sends on what only the browser knows."""
        return self._plain.page("signing", state=state)

    async def sign_in(self, request: Request, state: str) -> Response:
        """Raises SignInElsewhere where another browser began, and what `Telegram.person` does."""
        if self._telegram is None:
            raise NotFound()
        if not hmac.compare_digest(state.encode(), request.cookies.get(STATE, "").encode()):
            raise SignInElsewhere()
        person = self._telegram.person((await filled(request)).get("result", ""))
        studio = self._studio
        account = await studio.account("telegram", person.id, self._language)
        visitor = await account_of(request.state.anonymous, studio, self._language)
        await studio.access.join(visitor, account)
        token = await studio.access.sign_in(account, FRONT_END)
        answer = self._without(self._done("signed-in"), STATE, VISITOR)
        self._give(answer, SESSION, token, SESSION_LASTS)
        self._give(answer, NAME, quote(person.name), SESSION_LASTS)
        return answer

    async def _account(self, request: Request) -> Account:
        return await account_of(request.state.visitor, self._studio, self._language)

    async def _page(
        self,
        request: Request,
        account: Account,
        *,
        problem: UserError | None = None,
        mistyped: bool = False,
        **values: object,
    ) -> Response:
        """`about` is the section that a problem belongs to."""
        state = request.cookies.get(STATE) or secrets.token_urlsafe(16)
        signed_in = account.channel == "telegram"
        keys = await self._studio.access.keys(account)
        shown: dict[str, object] = {
            "done": "",
            "about": "",
            "secret": "",
            "wished": "",
            "problem": self._plain.texts.error(problem) if problem else "",
            "mistyped": mistyped,
            "account": account,
            "who": unquote(request.cookies.get(NAME, "")) if signed_in else "",
            "signed_in": signed_in,
            "telegram": None if signed_in else self._address(state),
            "keys": [key for key in reversed(keys) if key.revoked_at is None],
            "links": await self._studio.links.all(account),
            "notices": await told(self._studio, account, self._plain.texts),
        }
        code = 422 if mistyped else status(problem) if problem else 200
        answer = self._plain.page("account", code, **(shown | values))
        if shown["telegram"]:
            self._give(answer, STATE, state, STATE_LASTS)
        return answer

    def _address(self, state: str) -> str | None:
        if self._telegram is None:
            return None
        return self._telegram.address(f"/{self._language}/account/telegram/{state}")

    async def _exported(self, account: Account) -> tuple[IO[bytes], int]:
        """A file without a name, which is gone once it is closed, and its length."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="export-", dir=self._folder) as folder:
            path = Path(folder) / "export.zip"
            await self._studio.export_me(account, path)
            file = await asyncio.to_thread(path.open, "rb")
            return file, path.stat().st_size

    def _done(self, what: str, section: str = "") -> Response:
        place = f"#{section}" if section else ""
        return RedirectResponse(f"/{self._language}/account?done={what}{place}", 303)

    def _give(self, answer: Response, name: str, value: str, seconds: int) -> None:
        cookie = written(name, value, seconds, secure=self._secure)
        answer.headers.append("set-cookie", cookie)

    def _without(self, answer: Response, *names: str) -> Response:
        for name in names:
            self._give(answer, name, "", 0)
        return answer


def _alike(words: str) -> str:
    return " ".join(words.casefold().replace("ё", "е").split())


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
