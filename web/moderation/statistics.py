"""How long people wait, who decides how much, and how the gate compares with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from fastapi import APIRouter, Query
from starlette.responses import Response

from engine.tidings import named
from storage.records import View
from storage.statistics import Decided, Statistics, Waiting
from web.moderation.call import Call, Called
from web.moderation.plot import plot
from web.moderation.session import PLACE
from web.moderation.span import span

Row = tuple[object, ...]

router = APIRouter(prefix=PLACE)


@router.get("/statistics")
async def page(call: Called, days: Annotated[int, Query(ge=1, le=365)] = 30) -> Response:
    since = datetime.now(UTC) - timedelta(days=days)
    found = await call.moderation.statistics(call.by, since)
    scores, policies = found.scores, named(await call.moderation.policies(), call.language)
    return await call.page(
        "statistics",
        "statistics",
        days=days,
        figures=_figures(call, found),
        waiting=[_waiting(call, view, found.waiting[view]) for view in View],
        plot=plot(
            [one.approved for one in scores],
            [one.removed for one in scores],
            call.thresholds,
            call.plain.texts,
        ),
        tables=[
            _by_moderator(call, found, await call.names()),
            _by_policy(call, found, policies),
            _by_day(call, found),
        ],
    )


def _figures(call: Call, found: Statistics) -> list[tuple[str, str, str]]:
    """Names, numbers, and a word more about some."""
    say, language = call.plain.texts.say, call.language
    people = [one for one in found.decided if one.account_id is not None]
    count, hours = sum(one.count for one in people), _hours(people)
    wrong = found.overturned
    return [
        (say("Open cases"), str(sum(one.open for one in found.waiting.values())), ""),
        (say("Decided by people"), format_decimal(count, locale=language), ""),
        (
            say("Decisions an hour"),
            _number(call, count / hours if hours else 0),
            say("in hours with any"),
        ),
        (
            say("Overturned"),
            format_percent(wrong.share, "#,##0.#%", locale=language),
            say("{n} of {all} removals", n=wrong.overturned, all=wrong.removed),
        ),
    ]


def _waiting(call: Call, view: View, waiting: Waiting) -> Row:
    ages = [span(age, call.plain.texts) for age in (waiting.p50, waiting.p95)]
    return (call.words.views()[view], waiting.open, *ages)


def _by_moderator(
    call: Call, found: Statistics, names: Mapping[int, str]
) -> tuple[str, list[str], list[Row]]:
    say = call.plain.texts.say
    counts = Counter[int | None]()
    for one in found.decided:
        counts[one.account_id] += one.count
    rows: list[Row] = []
    for account, count in counts.most_common():
        own = [one for one in found.decided if one.account_id == account]
        who = say("the gate") if account is None else names.get(account, f"№ {account}")
        rows.append((who, count, "–" if account is None else _number(call, count / _hours(own))))
    heads = [say("Who"), say("Decisions"), say("an hour")]
    return say("By moderator"), heads, rows


def _by_policy(
    call: Call, found: Statistics, names: Mapping[str, str]
) -> tuple[str, list[str], list[Row]]:
    say = call.plain.texts.say
    rows: list[Row] = [(names.get(key, key) or "–", n) for key, n in found.policies.items()]
    return say("Removals by policy"), [say("Policy"), say("Removals")], rows


def _by_day(call: Call, found: Statistics) -> tuple[str, list[str], list[Row]]:
    say, language = call.plain.texts.say, call.language
    days = list(dict.fromkeys(one.day for one in found.decided))
    rows: list[Row] = []
    for day in days[:31]:
        of_day = [one for one in found.decided if one.day == day]
        people = sum(one.count for one in of_day if one.account_id is not None)
        gate = sum(one.count for one in of_day if one.account_id is None)
        rows.append((format_date(day, "medium", locale=language), people, gate))
    return say("By day"), [say("Day"), say("by people"), say("by the gate")], rows


def _hours(decided: list[Decided]) -> float:
    """In which there was any decision, those of different people apart."""
    return sum(one.count / one.per_hour for one in decided if one.per_hour)


def _number(call: Call, number: float) -> str:
    return str(format_decimal(round(number, 1), locale=call.language))
