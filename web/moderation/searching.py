"""Search over every picture that was stored, and "is this ours?" for one that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import OutOfRange, UserError
from engine.moderation import TEXT_LIMIT
from storage.records import Found, PictureRecord, Review, Search
from web.api.files import file_of
from web.moderation import marks
from web.moderation.call import NUMBER_LIMIT, Call, Called
from web.moderation.session import PLACE

PAGE = 60  # pictures

Short = Annotated[str, Query(max_length=200)]

router = APIRouter(prefix=PLACE)


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture in a grid; `note` stands under it."""

    picture: PictureRecord
    words: str
    note: str


@router.get("/search")
async def page(
    call: Called,
    text: Annotated[str, Query(max_length=2000)] = "",
    account: Short = "",
    since: Short = "",
    until: Short = "",
    model: Short = "",
    mode: Short = "",
    state: Short = "",
    front_end: Short = "",
    before: Short = "",
) -> Response:
    asked = {
        "text": text.strip(),
        "account": account.strip(),
        "since": since,
        "until": until,
        "model": model,
        "mode": mode,
        "state": state,
        "front_end": front_end,
    }
    try:
        found = await call.moderation.search(call.by, _search(asked), before or None, PAGE + 1)
    except UserError as error:
        return await _page(call, asked, problem=error)
    last = found[PAGE - 1].picture.id if len(found) > PAGE else ""
    tiles = [_tile(one) for one in found[:PAGE]]
    return await _page(call, asked, tiles, older("/moderation/search", asked, last))


@router.post("/same")
async def same(request: Request, call: Called) -> Response:
    """The pictures made here that look like the one that is sent."""
    say = call.plain.texts.say
    try:
        matches = await call.moderation.same(call.by, await file_of(request))
    except UserError as error:
        return await _page(call, {}, problem=error)
    tiles = [
        Tile(one.picture, "", say("{n} of 256 bits differ", n=one.distance)) for one in matches
    ]
    return await _page(call, {}, tiles, compared=True)


async def _page(
    call: Call,
    asked: Mapping[str, str],
    found: list[Tile] | None = None,
    older: str = "",
    *,
    compared: bool = False,
    problem: UserError | None = None,
) -> Response:
    names = ("text", "account", "since", "until", "model", "mode", "state", "front_end")
    return await call.page(
        "searching",
        "search",
        422 if problem else 200,
        asked={name: asked.get(name, "") for name in names},
        choices=_choices(call),
        found=found or [],
        older=older,
        compared=compared,
        problem=call.plain.texts.error(problem) if problem else "",
    )


def _choices(call: Call) -> list[tuple[str, str, dict[str, str]]]:
    """The fields of the form that have a list: names, titles and what may be chosen."""
    say, words = call.plain.texts.say, call.words
    channels = {name: title for name, title in words.channels().items() if name != "moderator"}
    return [
        ("state", say("State"), words.reviews()),
        ("mode", say("How it was made"), words.kinds()),
        ("model", say("Model"), call.models),
        ("front_end", say("Where"), channels),
    ]


def _search(asked: Mapping[str, str]) -> Search:
    """Raises OutOfRange for a text that is too long; what else cannot be read narrows nothing."""
    if len(asked["text"]) > TEXT_LIMIT:
        raise OutOfRange(name="text", low=0, high=TEXT_LIMIT, value=len(asked["text"]))
    account = asked["account"]
    return Search(
        text=asked["text"],
        account=min(int(account), NUMBER_LIMIT) if account.isdecimal() else None,
        since=moment(asked["since"]),
        until=moment(asked["until"], days=1),
        model=asked["model"] or None,
        mode=asked["mode"] or None,
        review=Review(asked["state"]) if asked["state"] in list(Review) else None,
        front_end=asked["front_end"] or None,
    )


def moment(day: str, *, days: int = 0) -> datetime | None:
    """When a day of a form begins, in UTC, or so many days after; None for none."""
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _tile(found: Found) -> Tile:
    words = marks.plain(found.job.request)
    return Tile(found.picture, words, words)


def older(address: str, asked: Mapping[str, str], last: str | int | None) -> str:
    """Where the next page is, behind the row `last`; empty if there is none."""
    if not last:
        return ""
    query = {name: value for name, value in asked.items() if value} | {"before": last}
    return f"{address}?{urlencode(query)}"
