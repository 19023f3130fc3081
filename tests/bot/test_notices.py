"""What people are told of bans and reports, once and in order, whatever happens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.notices import words
from engine.texts import LANGUAGES, Texts
from engine.tidings import named, tidings
from storage.records import Action, Notice, NoticeKind, Policy
from storage.rights import FOREVER, Rights
from tests.bot.reviewing import account_of, latest, photos, remove
from tests.bot.scene import Scene
from tests.bot.test_results import drawn
from tests.bot.waiting import until
from tests.telegram.contents import TEXT_LIMIT
from tests.telegram.html import parse

NAMES = {"hate": "Hate"}
both = pytest.mark.parametrize("texts", [Texts(one) for one in LANGUAGES], ids=LANGUAGES)


def a_notice(kind: NoticeKind, reason: str = "", policy: str = "hate") -> Notice:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Notice(1, 1, kind, "p", "j", policy, reason, moment, moment)


@both
@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("reason", ["", "<b>&" * 250])
def test_each_notice_says_something_that_telegram_takes(
    texts: Texts, kind: NoticeKind, reason: str
) -> None:
    told = tidings(a_notice(kind, reason), NAMES, texts)
    shown, _ = parse(words(told, texts))
    assert told.said in shown
    assert reason in shown
    assert len(shown) < TEXT_LIMIT
    assert told.appealable == (kind is NoticeKind.REMOVED)


def test_a_ban_without_end_names_no_day() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for until_, said in ((moment, "until January 1, 2026"), (FOREVER, "any more")):
        notice = Notice(1, 1, NoticeKind.BANNED, None, None, "", "", until_, moment)
        assert said in tidings(notice, {}, Texts("en")).said


def test_a_policy_without_a_name_in_a_language_has_its_english_one() -> None:
    policy = Policy("hate", {"en": "Hate", "ru": ""}, {}, Action.BLOCK, 1)
    assert named([policy], "ru") == {"hate": "Hate"}


@pytest.mark.slow
async def test_a_ban_and_its_end_are_told(talk: Scene) -> None:
    await talk.boris.says("/start")
    await talk.boris.sees(lambda one: "Борис" in one.text)
    account = await account_of(talk, talk.boris)
    rights = Rights(talk.studio.database)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await rights.ban(account.id, tomorrow, "Спам & <реклама>", by=None)
    banned = await talk.boris.sees(lambda one: "Вы не можете рисовать до" in one.text)
    assert "Спам & <реклама>" in banned.text
    await rights.unban(account.id, by=None)
    await talk.boris.sees(lambda one: "Вы снова можете рисовать" in one.text, after=banned)
    async with asyncio.timeout(5):
        while await talk.studio.notices.all(account):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_while_telegram_is_away_it_waits_and_is_told_once(talk: Scene) -> None:
    shown = await drawn(talk.anna)
    talk.telegram.faults.broken(method="deleteMessage", chat=talk.anna, times=2)
    talk.telegram.faults.broken(method="sendMessage", chat=talk.anna, times=2)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    await until(lambda: talk.anna.looks_at(shown).deleted, 20)
    await talk.anna.sees(lambda one: "removed a picture of yours" in one.text)
    await talk.telegram.settled(0.5)
    told = [one for one in talk.anna.chat.messages if "removed a picture" in one.text]
    assert len(told) == 1
    assert photos(talk.anna) == []


@pytest.mark.slow
async def test_what_was_read_on_the_web_is_taken_away_and_not_said(talk: Scene) -> None:
    shown = await drawn(talk.anna)
    fault = talk.telegram.faults.broken(method="deleteMessage", chat=talk.anna, times=99)
    await remove(talk, (await latest(talk, talk.anna)).pictures[0].id)
    account = await account_of(talk, talk.anna)
    (notice,) = await talk.studio.notices.all(account)
    await until(lambda: fault.hits)
    await talk.studio.notices.seen(notice.id, account)
    fault.end()
    await until(lambda: talk.anna.looks_at(shown).deleted, 20)
