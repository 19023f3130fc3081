"""What happens when somebody presses something: handlers only submit, cancel, read and watch."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from engine.cards import ModelCard, choose
from engine.errors import UnknownModel, UserError, WentWrong
from engine.studio import Studio
from engine.texts import Texts
from storage.records import Account
from web import fields, form
from web.follow import follow
from web.fragments import Fragments

KEY_LIMIT = 64  # characters of an idempotency key that a browser may choose

log = logging.getLogger(__name__)


class Handlers:
    """The handlers of one language's page. The visitor is the request's user name."""

    def __init__(self, studio: Studio, cards: list[ModelCard], texts: Texts) -> None:
        self._studio = studio
        self._cards = cards
        self._texts = texts
        self._show = Fragments(texts)
        self._following: dict[str, object] = {}  # by tab, what makes the newest watch the only one

    async def submit(self, request: gr.Request, key: object, *values: object) -> tuple[Any, Any]:
        """(problem, job id). A key seen before is the same job, so two clicks are one."""
        try:
            account = await self._account(request)
            job = await self._studio.submit(form.read(values), account, _key(key))
        except UserError as error:
            return self._show.problem(error), gr.skip()
        return "", job.id

    async def follow(
        self, request: gr.Request, last: object, shown: int
    ) -> AsyncIterator[tuple[Any, ...]]:
        """(stage, job id, stop button, history) at every change, until the tab asks again."""
        tab, mine = str(request.session_hash), object()
        self._following[tab] = mine
        try:
            account = await self._account(request)
            yield gr.skip(), gr.skip(), gr.skip(), await self._history(account, shown)
            async for view in follow(self._studio, account, _text(last), self._show):
                history = await self._history(account, shown) if view.ended else gr.skip()
                if self._following.get(tab) is not mine:
                    return
                yield view.stage, view.job_id, gr.update(visible=view.busy), history
        except UserError as error:
            yield self._show.problem(error), gr.skip(), gr.update(visible=False), gr.skip()
        finally:
            if self._following.get(tab) is mine:
                del self._following[tab]

    async def stop(self, request: gr.Request, job_id: object) -> str:
        """The problem, if there is one; the stage shows the rest."""
        try:
            await self._studio.cancel(_text(job_id) or "", await self._account(request))
        except UserError as error:
            return self._show.problem(error)
        return ""

    async def stop_listed(self, request: gr.Request, event: gr.EventData) -> str:
        """The same for a job in the history."""
        return await self.stop(request, _told(event, "job"))

    async def more(self, request: gr.Request, shown: int) -> str:
        """The history, `shown` jobs of it."""
        try:
            return await self._history(await self._account(request), shown)
        except UserError as error:
            return self._show.problem(error)

    async def reuse(self, request: gr.Request, event: gr.EventData) -> list[Any]:
        """(problem, fields ...) that make a job of the history again."""
        try:
            account = await self._account(request)
            job = await self._studio.job(_text(_told(event, "job")) or "", account)
        except UserError as error:
            return [self._show.problem(error), *(gr.skip() for _ in form.FIELDS)]
        return ["", *self._fields(job.request)]

    async def last_seed(self, request: gr.Request, last: object) -> Any:
        """The seed of the job on the stage."""
        try:
            job = await self._studio.job(_text(last) or "", await self._account(request))
        except UserError:
            return gr.skip()
        return str(job.request["seed"])

    def seed(self, event: gr.EventData) -> Any:
        """The seed of the picture whose seed was pressed."""
        return _text(_told(event, "seed")) or gr.skip()

    def restore(self, saved: object) -> list[Any]:
        """The form as this browser left it."""
        if not isinstance(saved, list) or len(saved) != len(form.FIELDS):
            return [gr.skip() for _ in form.FIELDS]
        left = dict(zip(form.FIELDS, saved, strict=True))
        width, _, height = str(left.pop("size")).partition("x")
        if width.isdecimal() and height.isdecimal():
            left |= {"width": int(width), "height": int(height)}
        return self._fields(left)

    def adapt(self, model: object) -> list[Any]:
        """The fields that depend on the model, after another one was chosen."""
        card = choose(_text(model), self._cards)
        return [fields.update(name, form.defaults(card)[name], card) for name in fields.OF_MODEL]

    def _fields(self, request: dict[str, Any]) -> list[Any]:
        try:
            card = choose(_text(request.get("model")), self._cards)
        except UnknownModel:
            card = self._cards[0]
        values = form.filled(request, card)
        return [fields.update(name, values[name], card) for name in form.FIELDS]

    async def _account(self, request: gr.Request) -> Account:
        if not request.username:  # the page is only served with a visitor's cookie
            raise WentWrong()
        return await self._studio.account("web", request.username, self._texts.language)

    async def _history(self, account: Account, shown: int) -> str:
        return self._show.history(await self._studio.history(account, shown))


def _key(key: object) -> str:
    return key if isinstance(key, str) and 0 < len(key) <= KEY_LIMIT else secrets.token_hex(16)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _told(event: gr.EventData, name: str) -> object:
    """A value that the page's script sent along; None where it is missing."""
    return getattr(event, name, None)
