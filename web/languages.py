"""Which language a browser gets: the one chosen on the page, else the one it asks for."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.texts import LANGUAGES

COOKIE = "language"
YEAR = 365 * 24 * 3600  # seconds
PLAIN = re.compile(r"/[a-z]{2}/(account|privacy)(?:\?|$)")  # pages that are in every language

router = APIRouter()


@router.get("/")
def front_door(request: Request) -> Response:
    """Leads to the page in the visitor's language."""
    return RedirectResponse(f"{_prefix(request)}/{choice(request)}/", status_code=307)


@router.get("/language/{language}")
def choose(request: Request, language: str) -> Response:
    """Remembers the language chosen by the switch on the page, and leads back to that page."""
    if language not in LANGUAGES:
        return RedirectResponse(f"{_prefix(request)}/", status_code=303)
    came_from = PLAIN.search(request.headers.get("referer", ""))
    page = came_from[1] if came_from else ""
    response = RedirectResponse(f"{_prefix(request)}/{language}/{page}", status_code=303)
    remember(response, language)
    return response


def remember(response: Response, language: str) -> None:
    response.set_cookie(COOKIE, language, max_age=YEAR, samesite="lax", httponly=True)


def choice(request: Request) -> str:
    """The saved choice, else the best of Accept-Language, else English."""
    saved = request.cookies.get(COOKIE)
    if saved in LANGUAGES:
        return saved
    asked = _accepted(request.headers.get("accept-language", ""))
    return next((language for language in asked if language in LANGUAGES), LANGUAGES[0])


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the dearest first."""
    weighed = []
    for item in header.split(","):
        tag, _, weight = item.partition(";q=")
        try:
            weighed.append((float(weight or 1), tag.strip().lower().split("-")[0]))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _prefix(request: Request) -> str:
    """The path that a proxy serves the studio under; empty without one."""
    return str(request.scope.get("root_path", "")).rstrip("/")
