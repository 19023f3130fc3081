from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from storage.records import Account, NewCase, Review, Role, Why
from tests.web.moderation.desk import sitting
from tests.web.moderation.scene import REVIEW, Scene

pytestmark = pytest.mark.slow

HOSTILE = '<script>alert(1)</script> & "quotes" \' {{ 7 * 7 }} \u202eevil\u202c \u200b %s {n}'


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(f"/moderation/api/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_queue_opens_where_something_waits(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    await scene.made(ann, review=Review.WAITING, case=REVIEW)
    page = (await moderator.get("/moderation")).text
    assert 'data-view="waiting" data-person=""' in page
    assert "Appeals" not in page  # for seniors


async def test_no_two_moderators_hold_the_same_case(
    app: FastAPI, scene: Scene, ann: Account, moderator: httpx.AsyncClient
) -> None:
    for number in range(6):
        await scene.held(ann, f"a fox {number}")
    other = await scene.moderator("max")
    async with sitting(app, await scene.token(other)) as second:
        mine = await post(moderator, "take", view="held", count=4)
        theirs = await post(second, "take", view="held", count=4)
        own, others = ({one["id"] for one in some["cases"]} for some in (mine, theirs))
        assert len(own) == 4
        assert len(others) == 2
        assert not own & others
        again = await post(moderator, "take", view="held", count=4)
        assert {one["id"] for one in again["cases"]} == own
        kept = await post(second, "keep", cases=sorted(own | others))
        assert set(kept["kept"]) == others
        await post(moderator, "release", cases=sorted(own))
        freed = await post(second, "take", view="held", count=6)
        assert len(freed["cases"]) == 6


async def test_a_case_says_what_one_needs_to_know(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    finding = {"policy": "sexual", "rule": "nude", "field": "prompt", "start": 2, "end": 6}
    await scene.held(
        ann,
        "a nude by the sea",
        NewCase(Why.PROMPT, "sexual", 0.31),
        findings=[finding],
        negative_prompt="blurry",
    )
    (told,) = (await post(moderator, "take", view="held"))["cases"]
    html = told["html"]
    assert 'a <mark title="Sexual content">nude<' in html
    for words in ("Its words touch a policy", "blurry", "0.31", "Web ann", 'data-policy="sexual"'):
        assert words in html
    assert "?small=1" in html
    assert 'src="/moderation/media/' in html
    assert html.count("?small=1") == html.count("<img") - 1  # the large one has no address yet


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_what_no_database_takes_is_refused(
    senior: httpx.AsyncClient, scene: Scene, ann: Account, text: str
) -> None:
    picture = await scene.held(ann)
    removal = {"decision": "removed", "policy": "gore", "pictures": [picture]}
    for path, body in {
        "decide": removal | {"reason": text},
        "ban": {"account": ann.id, "days": 1, "reason": text},
        "unban": {"account": ann.id, "reason": text},
    }.items():
        sent = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        refused = await senior.post(f"/moderation/api/{path}", content=sent, headers=headers)
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "unreadable_text"
    wrong = removal | {"pictures": [text]}
    sent = json.dumps(wrong).encode()
    refused = await senior.post("/moderation/api/decide", content=sent, headers=headers)
    assert refused.status_code == 422


async def test_hostile_words_are_only_words(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    await scene.held(ann, HOSTILE)
    (told,) = (await post(moderator, "take", view="held"))["cases"]
    for html in (told["html"], told["tile"]):
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "{{ 7 * 7 }}" in html


async def test_a_decision_is_made_once_and_taken_back(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = await scene.held(ann)
    (case,) = (await post(moderator, "take", view="held"))["cases"]
    made = await post(
        moderator, "decide", decision="removed", policy="gore", reason="Blood", cases=[case["id"]]
    )
    assert made["counts"]["held"] == 0
    story = (await moderator.get(f"/moderation/picture/{picture}")).text
    assert "Blood" in story
    assert "Gore and cruelty" in story
    undone = await post(moderator, "undo", decisions=made["decisions"], view="held")
    assert [one["id"] for one in undone["cases"]] == [case["id"]]
    assert undone["counts"]["held"] == 1
    assert "taken back" in (await moderator.get(f"/moderation/picture/{picture}")).text


async def test_z_takes_the_last_decision_back_after_a_reload(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = await scene.held(ann)
    await post(moderator, "decide", decision="approved", pictures=[picture])
    undone = await post(moderator, "undo", view="held")
    assert len(undone["cases"]) == 1
    nothing = await moderator.post("/moderation/api/undo", json={"view": "held"})
    assert nothing.status_code == 404


async def test_what_another_holds_is_refused_in_words(
    app: FastAPI, scene: Scene, ann: Account, moderator: httpx.AsyncClient
) -> None:
    await scene.held(ann)
    (case,) = (await post(moderator, "take", view="held"))["cases"]
    other = await scene.moderator("max")
    async with sitting(app, await scene.token(other)) as second:
        asked = {"decision": "approved", "cases": [case["id"]]}
        refused = await second.post("/moderation/api/decide", json=asked)
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "taken"
        assert "Another moderator" in refused.json()["error"]["message"]


async def test_many_are_decided_at_once_or_none(
    app: FastAPI, scene: Scene, ann: Account, moderator: httpx.AsyncClient
) -> None:
    pictures = [await scene.held(ann, f"a fox {number}") for number in range(5)]
    cases = [one["id"] for one in (await post(moderator, "take", view="held", count=4))["cases"]]
    other = await scene.moderator("max")
    async with sitting(app, await scene.token(other)) as second:
        (held,) = (await post(second, "take", view="held"))["cases"]
        asked = {"decision": "removed", "policy": "hate", "cases": [*cases, held["id"]]}
        assert (await moderator.post("/moderation/api/decide", json=asked)).status_code == 409
        assert (await post(moderator, "keep", cases=cases))["counts"]["held"] == 5
    made = await post(moderator, "decide", decision="removed", policy="hate", cases=cases)
    assert len(made["decisions"]) == len(pictures) - 1


async def test_appeals_are_for_seniors(
    moderator: httpx.AsyncClient, senior: httpx.AsyncClient
) -> None:
    assert (await moderator.get("/moderation?view=appeals")).status_code == 403
    refused = await moderator.post("/moderation/api/take", json={"view": "appeals"})
    assert refused.status_code == 403
    assert "Appeals" in (await senior.get("/moderation?view=appeals")).text


async def test_bans_are_for_seniors(
    moderator: httpx.AsyncClient, senior: httpx.AsyncClient, ann: Account
) -> None:
    asked = {"account": ann.id, "days": 7, "reason": "Three removals"}
    assert (await moderator.post("/moderation/api/ban", json=asked)).status_code == 403
    await post(senior, "ban", **asked)
    page = (await senior.get(f"/moderation/person/{ann.id}")).text
    assert "Banned" in page
    assert "Three removals" in page
    await post(senior, "unban", account=ann.id)
    assert "Three removals" not in (await senior.get(f"/moderation/person/{ann.id}")).text


async def test_only_the_cases_of_one_person(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    bob = await scene.person("bob", "telegram")
    await scene.held(ann, "of Ann")
    await scene.held(bob, "of Bob")
    told = await post(moderator, "take", view="held", count=9, person=bob.id)
    assert ["of Bob" in one["html"] for one in told["cases"]] == [True]
    assert "Telegram bob" in (await moderator.get(f"/moderation?person={bob.id}")).text


async def test_a_role_that_is_taken_away_counts_at_once(
    app: FastAPI, scene: Scene, moderator: httpx.AsyncClient
) -> None:
    assert (await moderator.get("/moderation")).status_code == 200
    await scene.moderator("mo", Role.USER)
    assert (await moderator.get("/moderation")).status_code == 303
    assert (await moderator.post("/moderation/api/take", json={})).status_code == 401


async def test_what_cannot_be_read_is_said_so(moderator: httpx.AsyncClient) -> None:
    for body in ({"decision": "none"}, {"decision": "approved", "cases": "all"}, {"x": 1}):
        refused = await moderator.post("/moderation/api/decide", json=body)
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "bad_call"
    without = await moderator.post(
        "/moderation/api/decide", json={"decision": "removed", "pictures": ["0" * 36]}
    )
    assert without.status_code == 404


async def test_another_site_writes_nothing(moderator: httpx.AsyncClient, ann: Account) -> None:
    refused = await moderator.post(
        "/moderation/api/take", json={}, headers={"origin": "https://evil.test"}
    )
    assert refused.status_code == 403
