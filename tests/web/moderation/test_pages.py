from __future__ import annotations

import csv
import io
import re
from zipfile import ZipFile

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from engine.studio import Studio
from storage.gallery import Gallery
from storage.records import Account, NewCase, Review, Why
from storage.refusals import Refusals
from tests.web.moderation.desk import sitting
from tests.web.moderation.scene import Scene, drawing
from tests.web.moderation.test_queue import HOSTILE, post

pytestmark = pytest.mark.slow

PAGES = ("", "/search", "/refusals", "/statistics", "/policies", "/account")
OF_SENIORS = ("/audit",)
OF_ADMINS = ("/export", "/moderators")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("page", [*PAGES, *OF_SENIORS, *OF_ADMINS])
async def test_every_page_opens(admin: httpx.AsyncClient, page: str, language: str) -> None:
    answer = await admin.get(f"/moderation{page}", headers={"accept-language": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text


async def test_pages_are_for_those_with_the_rights(
    moderator: httpx.AsyncClient, senior: httpx.AsyncClient
) -> None:
    for page in (*OF_SENIORS, *OF_ADMINS):
        refused = await moderator.get(f"/moderation{page}")
        assert refused.status_code == 403
        assert "This is not for you to do." in refused.text
        assert f'href="/moderation{page}"' not in refused.text
    for page in OF_ADMINS:
        assert (await senior.get(f"/moderation{page}")).status_code == 403
    assert (await senior.get("/moderation/audit")).status_code == 200


async def test_pictures_are_shown_to_moderators_alone(
    app: FastAPI, moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    source = drawing("source", 900)
    parts = [{"words": "a fox", "picture": None, "weight": 1}]
    picture = await scene.held(ann, mode="mix", parts=parts, sources=[source])
    small = await moderator.get(f"/moderation/media/{picture}?small=1")
    assert small.headers["content-type"] == "image/webp"
    large = await moderator.get(f"/moderation/media/{picture}")
    assert large.headers["content-type"] == "image/png"
    assert large.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(large.content)).size == (192, 192)
    for path in (f"media/{picture}", f"media/{picture}?small=1", f"source/{picture}/{'0' * 64}"):
        async with sitting(app) as nobody:
            assert (await nobody.get(f"/moderation/{path}")).status_code == 404
    unknown = await moderator.get(f"/moderation/source/{picture}/{'0' * 64}")
    assert unknown.status_code == 404
    assert (await moderator.get("/moderation/media/../../etc/passwd")).status_code == 404


async def test_the_pictures_that_one_was_made_from_are_beside_it(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    source = drawing("source", 901)
    (sha256,) = scene.store.save("source", [source])
    part = {"words": "", "picture": {"sha256": sha256}, "weight": 1}
    picture = await scene.held(ann, "", mode="mix", parts=[part], sources=[source])
    page = (await moderator.get(f"/moderation/picture/{picture}")).text
    address = f"/moderation/source/{picture}/{sha256}"
    assert f'src="{address}?small=1"' in page
    small = [await moderator.get(f"{address}?small=1{more}") for more in ("", "&clear=1")]
    sizes = [Image.open(io.BytesIO(one.content)).size for one in small]
    assert sizes == [(32, 32), (192, 192)]
    assert (await moderator.get(address)).content == source


async def test_seeing_what_a_picture_shows_is_written_down(
    senior: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = await scene.held(ann)
    address = f"/moderation/media/{picture}"
    link = f'href="/moderation/picture/{picture}"'
    blurred = await senior.get(f"{address}?small=1")
    assert Image.open(io.BytesIO(blurred.content)).size == (32, 32)
    assert link not in (await senior.get("/moderation/audit?action=view")).text
    for number, seen in enumerate((address, f"{address}?small=1&clear=1"), 1):
        clear = await senior.get(seen)
        assert Image.open(io.BytesIO(clear.content)).size == (192, 192)
        audit = (await senior.get("/moderation/audit?action=view")).text
        assert audit.count(link) == number


async def test_pages_that_were_looked_at_are_written_down(
    senior: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = await scene.held(ann)
    pages = {
        "person": f"/moderation/person/{ann.id}",
        "picture": f"/moderation/picture/{picture}",
        "refusals": "/moderation/refusals",
        "search": "/moderation/search?text=fox&before=made-up",
    }
    for action, page in pages.items():
        assert (await senior.get(page)).status_code == 200
        audit = (await senior.get(f"/moderation/audit?action={action}")).text
        assert audit.count("<tr>") == 2  # the heads of the table, and this one
        if action in ("person", "picture"):
            assert f'href="{page}"' in audit


@pytest.mark.parametrize(
    "path",
    [
        "?person=99999999999999999999",
        f"?person={'9' * 5000}",
        "?person=0",
        "/search?text=a%00b",
        "/search?text=a&before=%00",
        "/search?model=%00",
        "/audit?action=%00",
        "/audit?before=99999999999999999999",
    ],
)
async def test_what_cannot_be_asked_is_refused(senior: httpx.AsyncClient, path: str) -> None:
    assert (await senior.get(f"/moderation{path}")).status_code in (400, 422)


async def test_a_person_goes_on_nowhere_unreadable(senior: httpx.AsyncClient, ann: Account) -> None:
    answer = await senior.get(f"/moderation/person/{ann.id}?before=a%00")
    assert answer.status_code == 422


@pytest.mark.parametrize("position", ["9" * 5000, "0" * 5000 + "1", "0", "100", "x", "1\0"])
async def test_a_policy_has_a_place_that_is_there(admin: httpx.AsyncClient, position: str) -> None:
    answer = await admin.post("/moderation/policies/gore", data={"position": position})
    assert answer.status_code == 422


async def test_of_very_many_reports_some_are_shown(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = (await scene.made(ann)).pictures[0].id
    for number in range(23):
        stranger = await scene.person(f"stranger-{number}")
        assert await Gallery(scene.database).report(picture, stranger.id, f"Bad {number}.")
    (told,) = (await post(moderator, "take", view="reported"))["cases"]
    for html in (told["html"], (await moderator.get(f"/moderation/picture/{picture}")).text):
        assert "23 reports" in html
        assert html.count(">Bad ") == 20
        assert "and 3 more" in html


async def test_a_search_finds_pictures_in_any_state(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    held = await scene.held(ann, "a red fox")
    shown = (await scene.made(ann, "a blue fox")).pictures[0].id
    await scene.made(ann, "an owl")

    async def found(**asked: str) -> set[str]:
        page = (await moderator.get("/moderation/search", params=asked)).text
        return set(re.findall(r'class="tile" data-picture="([^"]+)"', page))

    assert await found(text="FOX") == {held, shown}
    assert await found(text="fox", state="held") == {held}
    assert await found(account=str(ann.id), text="blue") == {shown}
    assert await found(since="2999-01-01") == set()
    assert await found(mode="mix") == set()
    assert await found(front_end="telegram") == set()
    assert len(await found(since="no date", account="x", state="odd")) == 3
    long = await moderator.get("/moderation/search", params={"text": "x" * 201})
    assert long.status_code == 422


async def test_a_search_goes_on_where_it_ended(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    for number in range(7):
        await scene.made(ann, f"a fox {number}", count=10)
    page = (await moderator.get("/moderation/search?text=fox")).text
    first = re.findall(r'class="tile" data-picture="([^"]+)"', page)
    link = re.search(r'href="(/moderation/search\?[^"]+)" rel="next"', page)
    assert link
    rest = re.findall(
        r'class="tile" data-picture="([^"]+)"',
        (await moderator.get(link[1].replace("&amp;", "&"))).text,
    )
    assert (len(first), len(rest)) == (60, 10)
    assert not set(first) & set(rest)


async def test_what_is_sent_is_compared_with_what_is_here(moderator: httpx.AsyncClient) -> None:
    file = {"file": ("a.png", drawing("", 1), "image/png")}
    page = await moderator.post("/moderation/same", files=file)
    assert page.status_code == 200
    assert "Nothing made here looks like it." in page.text
    bad = await moderator.post("/moderation/same", files={"file": ("a.png", b"no", "image/png")})
    assert bad.status_code == 422
    assert "Only PNG, JPEG and WebP" in bad.text


async def test_a_picture_tells_its_whole_story(
    senior: httpx.AsyncClient, studio: Studio, scene: Scene, ann: Account
) -> None:
    picture = (await scene.made(ann, HOSTILE)).pictures[0].id
    await studio.report(picture, ann, f"It is wrong {HOSTILE}")
    await post(senior, "decide", decision="removed", policy="person", pictures=[picture])
    await studio.notices.appeal(picture, ann, f"It is nobody {HOSTILE}")
    page = (await senior.get(f"/moderation/picture/{picture}")).text
    for words in ("It is wrong", "upheld", "It is nobody", "A real person", "removed"):
        assert words in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
    assert "<script>alert" not in page
    assert (await senior.get(f"/moderation/picture/{'0' * 36}")).status_code == 404


async def test_refused_words_are_listed_as_they_were(
    moderator: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    await Refusals(scene.database).add(ann.id, HOSTILE, "gore", "stem:blood", 0.9)
    page = (await moderator.get("/moderation/refusals")).text
    assert "stem:blood" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_policies_are_changed_by_admins(
    senior: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    form = {
        "name-en": "Cruelty <b>",
        "name-ru": "Жестокость",
        "advice-en": "Draw something kind.",
        "advice-ru": "Нарисуйте что-нибудь доброе.",
        "action": "hold",
        "position": "5",
    }
    assert (await senior.post("/moderation/policies/gore", data=form)).status_code == 403
    saved = await admin.post("/moderation/policies/gore", data=form)
    assert saved.headers["location"] == "/moderation/policies?done=1"
    page = (await senior.get("/moderation/policies")).text
    assert "Cruelty &lt;b&gt;" in page
    assert "not in use" in page
    assert (await admin.post("/moderation/policies/none", data=form)).status_code == 404
    for wrong in ({"name-en": " "}, {"position": "x"}, {"action": "shout"}):
        refused = await admin.post("/moderation/policies/gore", data=form | wrong)
        assert refused.status_code in (400, 422)


async def test_the_policy_about_minors_cannot_be_weakened(admin: httpx.AsyncClient) -> None:
    form = {
        "name-en": "Minors",
        "name-ru": "Дети",
        "advice-en": "No.",
        "advice-ru": "Нет.",
        "action": "off",
        "position": "1",
    }
    assert (await admin.post("/moderation/policies/minors", data=form)).status_code == 303
    page = (await admin.get("/moderation/policies")).text
    section = page[page.index("/policies/minors") : page.index("/policies/sexual")]
    assert '<option value="block" selected>' in section


async def test_an_export_is_a_zip_of_tables(
    admin: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    picture = await scene.held(ann)
    await post(admin, "decide", decision="removed", policy="gore", pictures=[picture])
    days = {"since": "2020-01-01", "until": "2999-01-01"}
    answer = await admin.post("/moderation/export", data=days)
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert set(archive.namelist()) == {"decisions.csv", "cases.csv", "audit.csv"}
        rows = list(csv.DictReader(io.StringIO(archive.read("decisions.csv").decode())))
    assert [row["picture_id"] for row in rows] == [picture]
    assert "took an export</td>" in (await admin.get("/moderation/audit?action=export")).text


async def test_statistics_set_the_gate_against_people(
    senior: httpx.AsyncClient, scene: Scene, ann: Account
) -> None:
    for number, decision in enumerate(("approved", "removed", "removed")):
        case = NewCase(Why.DOUBT, "sexual", 0.25 + number / 4)
        picture = await scene.held(ann, case=case)
        await post(senior, "decide", decision=decision, policy="sexual", pictures=[picture])
    page = (await senior.get("/moderation/statistics?days=7")).text
    assert page.count('<rect class="above"') == 1
    assert page.count('<rect class="below"') == 2
    assert page.count('class="threshold"') == 2
    assert "0 of 2 removals" in page
    assert (await senior.get("/moderation/statistics?days=0")).status_code == 400


async def test_a_picture_that_is_removed_is_gone_from_every_surface(
    app: FastAPI, moderator: httpx.AsyncClient, studio: Studio, scene: Scene, ann: Account
) -> None:
    picture = (await scene.made(ann, review=Review.APPROVED)).pictures[0].id
    token = await studio.links.share(picture, ann)
    assert (await moderator.get(f"/s/{token}.png")).status_code == 200
    await post(moderator, "decide", decision="removed", policy="other", pictures=[picture])
    assert (await moderator.get(f"/s/{token}.png")).status_code == 404
    assert (await studio.history(ann, 9))[0].pictures == ()
    assert (await moderator.get(f"/moderation/media/{picture}")).status_code == 200


async def test_nothing_is_there_without_a_session(app: FastAPI) -> None:
    async with sitting(app, "x" * 43) as nobody:
        for page in (*PAGES, *OF_SENIORS, *OF_ADMINS, "/person/1", f"/picture/{'0' * 36}"):
            answer = await nobody.get(f"/moderation{page}")
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/moderation/sign-in?next=")
            assert answer.text == ""
        for path in ("take", "keep", "decide", "undo", "ban", "unban", "case", "release"):
            answer = await nobody.post(f"/moderation/api/{path}", json={"odd": 1})
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "signed_out"
