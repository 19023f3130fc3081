"""Pages that are no Gradio: rendered from web/templates, in one look, with no inline script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from engine.cards import ModelCard
from engine.errors import (
    AlreadyAppealed,
    NotAllowed,
    NotFound,
    PictureGone,
    TooManyCalls,
    Unauthorised,
    UnreadableText,
    UserError,
    WentWrong,
)
from engine.studio import Studio
from engine.texts import LANGUAGES, Texts
from web.fragments import Fragments
from web.languages import choice
from web.printable import readable
from web.when import When

FORM_LIMIT = 16 * 1024  # bytes of a filled form
STATUS: dict[type[UserError], int] = {
    NotFound: 404,
    PictureGone: 404,
    Unauthorised: 401,
    NotAllowed: 403,
    AlreadyAppealed: 409,
    TooManyCalls: 429,
    WentWrong: 503,
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"content-security-policy": POLICY, "cache-control": "no-store"}


class Plain(Fragments):
    """The plain pages of one language; each is a template that extends plain.html."""

    def __init__(self, texts: Texts, cards: Sequence[ModelCard]) -> None:
        super().__init__(texts, cards)
        self.when = When(texts)

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        html = self.render(name, when=self.when, **values)
        return HTMLResponse(html, status, HEADERS)

    def refusal(self, error: UserError) -> Response:
        """A page that says nothing but what is wrong."""
        title = self.texts.say("That did not work")
        return self.page("fault", status(error), title=title, said=self.texts.error(error))

    def lost(self) -> Response:
        """For an address where nothing is."""
        say = self.texts.say
        said = say("It may have been deleted, or its owner no longer shares it.")
        return self.page("fault", 404, title=say("There is nothing here"), said=said)

    def broken(self) -> Response:
        """For a fault of ours."""
        say = self.texts.say
        said = say("That is a fault of the studio, not yours. What was accepted is kept.")
        return self.page("fault", 500, title=say("Something went wrong"), said=said)


class Plains:
    """The plain pages in every language."""

    def __init__(self, studio: Studio) -> None:
        self._all = {language: Plain(Texts(language), studio.models()) for language in LANGUAGES}

    def __getitem__(self, language: str) -> Plain:
        return self._all[language]

    def of(self, request: Request) -> Plain:
        """Those in the language of the address, else in the visitor's."""
        named = request.url.path.split("/")[1]
        return self._all[named if named in self._all else choice(request)]


def telling(plains: Plains) -> type[APIRoute]:
    """The class of routes whose UserErrors become pages."""

    class Telling(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

            async def told(request: Request) -> Response:
                try:
                    return await handler(request)
                except UserError as error:
                    return plains.of(request).refusal(error)

            return told

    return Telling


def status(error: UserError) -> int:
    """The HTTP status that fits an error on a plain page."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)


async def filled(request: Request) -> dict[str, str]:
    """The fields of a form that was sent. Raises UnreadableText for what cannot be one of ours."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > FORM_LIMIT:
                raise UnreadableText()
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except (ValueError, ClientDisconnect) as error:
        raise UnreadableText() from error
    return {name: readable(value) for name, value in fields}
