"""What happens when somebody presses something in the form: handlers only read it and submit."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr

from engine.cards import ModelCard, choose
from engine.errors import UnknownModel, UserError
from engine.studio import Studio
from engine.texts import Texts
from web import fields, form, tasks
from web.fragments import Fragments
from web.people import account_of
from web.printable import printable

KEY_LIMIT = 64  # characters of an idempotency key that a browser may choose


class Handlers:
    """The handlers of one language's page. The visitor is the request's user name."""

    def __init__(self, studio: Studio, cards: list[ModelCard], texts: Texts) -> None:
        self._studio = studio
        self._cards = cards
        self._language = texts.language
        self._show = Fragments(texts, cards)

    async def submit(
        self, request: gr.Request, key: object, told: object, *values: object
    ) -> tuple[str, str]:
        """(problem, job ids). A key seen before is the same jobs, so two clicks are one."""
        jobs, key = [], _key(key)
        try:
            account = await account_of(request.username, self._studio, self._language)
            wanted = await tasks.requests(
                tasks.read(told), form.named(values), self._studio, account
            )
            for number, one in enumerate(wanted):
                jobs.append(await self._studio.submit(one, account, f"web:{key}-{number}"))
        except UserError as error:
            return printable(self._show.problem(error)), ",".join(job.id for job in jobs)
        return "", ",".join(job.id for job in jobs)

    def restore(self, saved: object) -> list[Any]:
        """The form as this browser left it."""
        if not isinstance(saved, Mapping):
            return [gr.skip() for _ in form.FIELDS]
        return self._fields(form.defaults(self._card(saved)) | dict(saved), saved)

    def fill(self, event: gr.EventData) -> list[Any]:
        """The form that makes a request again, which the page's script has fetched."""
        request = getattr(event, "request", None)
        if not isinstance(request, Mapping):
            return [gr.skip() for _ in form.FIELDS]
        return self._fields(form.filled(request, self._card(request)), request)

    def seed(self, event: gr.EventData) -> Any:
        """The seed of a picture, which was pressed."""
        seed = getattr(event, "seed", None)
        return printable(seed) if isinstance(seed, str) else gr.skip()

    def adapt(self, model: object) -> list[Any]:
        """The fields that depend on the model, after another one was chosen."""
        card = self._card({"model": model})
        return [fields.update(name, form.defaults(card)[name], card) for name in fields.OF_MODEL]

    def _fields(self, values: Mapping[str, Any], request: Mapping[str, Any]) -> list[Any]:
        card = self._card(request)
        return [fields.update(name, values[name], card) for name in form.FIELDS]

    def _card(self, request: Mapping[str, Any]) -> ModelCard:
        try:
            return choose(_text(request.get("model")), self._cards)
        except UnknownModel:
            return self._cards[0]


def _key(key: object) -> str:
    if isinstance(key, str) and 0 < len(key) <= KEY_LIMIT and key.isascii() and key.isprintable():
        return key
    return secrets.token_hex(16)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
