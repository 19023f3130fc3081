"""Moderators at the console: the real program, real browsers, and the keyboard alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer
from playwright.async_api import Page, expect
from sqlalchemy import select

from engine.news import News
from engine.notices import Notices
from storage.database import Database
from storage.pictures import PictureStore
from storage.records import Account, NewCase, Review, Role, Why
from storage.signin import SignIn
from storage.tables import AccountRow, DecisionRow, PictureRow
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.e2e.program import Program, running
from tests.e2e.test_accessibility import LOOKS, found
from tests.web.moderation.scene import Scene
from web.moderation.session import COOKIE
from web.visitors import VISITOR

pytestmark = [pytest.mark.system, pytest.mark.slow]

SECRET = "the secret of the moderators' tests"
PASSWORD = "correct horse battery"
ITEMS = 200
LONG = 20_000  # milliseconds
HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> & 'x' \"y\" {{ 7 * 7 }} %s"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CASE = "#case .case"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One studio, in which others have drawn: the tests put that there."""
    data = tmp_path_factory.mktemp("moderation")
    with running(data, secret=SECRET, check_prompts="false", check_pictures="false") as program:
        yield program


@pytest.fixture
async def scene(program: Program) -> AsyncIterator[Scene]:
    url = f"sqlite+aiosqlite:///{program.data / 'studio.sqlite3'}"
    async with Database.open(url) as database:
        yield Scene(database, PictureStore(str(program.data / "pictures")))


async def desk(
    enter: Visit, program: Program, scene: Scene, account: Account, **look: Any
) -> Visitor:
    """The window of a moderator who has signed in, at no page yet."""
    person = await enter(program, **look)
    cookie: Any = {"name": COOKIE, "value": await scene.token(account), "path": "/moderation"}
    await person.context.add_cookies([cookie | {"domain": "127.0.0.1"}])
    return person


async def go(person: Visitor, path: str = "") -> None:
    await person.page.goto(f"{person.address}/moderation{path}")


async def shown(page: Page) -> tuple[str, str]:
    """The case in sight: the picture's id, and the account's; waits until there is one."""
    case = page.locator(CASE)
    await expect(case).to_be_visible(timeout=LONG)
    picture = await case.get_attribute("data-picture") or ""
    return picture, await case.get_attribute("data-account") or ""


async def another(page: Page, than: str) -> None:
    """Waits until the case is another one, or the queue is empty."""
    await page.wait_for_function(
        "(id) => document.querySelector('#queue').dataset.state === 'empty'"
        " || (document.querySelector('#case .case')?.dataset.picture ?? id) !== id",
        arg=than,
        timeout=LONG,
    )


async def empty(page: Page) -> bool:
    return await page.locator("#queue").get_attribute("data-state") == "empty"


async def remove(page: Page, number: int, reason: str = "") -> None:
    """By keys: the policy of that number."""
    await page.keyboard.press("r")
    await expect(page.locator("#removing")).to_be_visible()
    await page.keyboard.press(str(number))
    if reason:
        await page.keyboard.type(reason)
    await page.keyboard.press("Enter")
    await expect(page.locator("#removing")).to_be_hidden()


async def signed_in(enter: Visit, program: Program, name: str) -> Page:
    """A moderator who came in by the keyboard alone."""
    person = await enter(program)
    page = person.page
    await go(person)
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#queue")).to_be_visible(timeout=LONG)
    return page


async def day(page: Page, policy: int) -> list[str]:
    """Decides until nothing waits, every third one is removed; the pictures that were shown."""
    seen: list[str] = []
    while not await empty(page):
        picture, _ = await shown(page)
        seen.append(picture)
        if len(seen) % 3:
            await page.keyboard.press("a")
        else:
            await remove(page, policy)
        await another(page, picture)
    return seen


async def settled(page: Page) -> None:
    """All that was decided is at the server."""
    await expect(page.locator("#queue:not([data-sending])")).to_be_attached(timeout=LONG)


async def test_a_moderators_day_by_keyboard(program: Program, enter: Visit, scene: Scene) -> None:
    signing = SignIn(scene.database)
    for name in ("olga", "omar"):
        await signing.create(name, PASSWORD, Role.SENIOR, by=None)
    ann, bob = await scene.person("ann-of-the-day"), await scene.person("bob-of-the-day")
    for number in range(ITEMS):
        await scene.held(ann if number % 2 else bob, f"a fox {number}")
    olga, omar = [await signed_in(enter, program, name) for name in ("olga", "omar")]

    first, account = await shown(olga)
    await remove(olga, 3, "Blood on it")
    await another(olga, first)
    await settled(olga)
    await olga.keyboard.press("z")
    await expect(olga.locator(f"{CASE}[data-picture='{first}']")).to_be_visible(timeout=LONG)
    await settled(olga)

    await olga.keyboard.press("b")
    await olga.keyboard.press("2")
    await olga.keyboard.type("Enough for a week")
    await olga.keyboard.press("Enter")
    await expect(olga.locator(CASE)).to_contain_text("Banned", timeout=LONG)
    async with scene.database.read() as session:
        banned = await session.get_one(AccountRow, int(account))
        assert banned.ban_reason == "Enough for a week"

    ours, theirs = await asyncio.gather(day(olga, 2), day(omar, 3))
    await settled(olga)
    await settled(omar)
    assert not set(ours) & set(theirs)
    assert len(set(ours)) == len(ours)
    assert len(set(theirs)) == len(theirs)
    assert len(ours) + len(theirs) == ITEMS
    assert min(len(ours), len(theirs)) > ITEMS / 10
    async with scene.database.read() as session:
        rows = (await session.scalars(select(DecisionRow).order_by(DecisionRow.id))).all()
    undone = {row.undoes for row in rows}
    counts = Counter(row.picture_id for row in rows if row.undoes is None and row.id not in undone)
    assert set(counts) == {*ours, *theirs}
    assert set(counts.values()) == {1}

    removed = next(row for row in rows if row.picture_id == ours[2] and row.undoes is None)
    assert removed.decision is Review.REMOVED
    async with scene.database.read() as session:
        picture = await session.get_one(PictureRow, ours[2])
    owner = next(one for one in (ann, bob) if one.id == picture.account_id)
    await Notices(scene.database, News()).appeal(removed.picture_id, owner, "Please look again")
    for page in (olga, omar):
        await page.goto(f"{program.address}/moderation?view=appeals")
    await expect(olga.locator("#queue")).to_have_attribute("data-state", "empty", timeout=LONG)
    assert (await shown(omar))[0] == ours[2]
    await expect(omar.locator(".appeal")).to_contain_text("Please look again")
    await omar.keyboard.press("a")
    await another(omar, ours[2])
    await settled(omar)
    await omar.goto(f"{program.address}/moderation/picture/{ours[2]}")
    await expect(omar.locator("h1 .state")).to_have_text("approved")
    await expect(omar.locator(".appeal")).to_contain_text("upheld")


async def test_what_a_moderator_sees_removed_is_gone_everywhere(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person("ann-of-surfaces")
    picture = (await scene.made(ann, "a fox for a while", count=2)).pictures[0].id
    owner = await enter(program)
    signed = URLSafeSerializer(SECRET, salt="visitor").dumps("ann-of-surfaces")
    cookie: Any = {"name": VISITOR, "value": signed, "domain": "127.0.0.1", "path": "/"}
    await owner.page.goto("about:blank")  # else an answer under way brings another cookie
    await owner.context.clear_cookies()
    await owner.context.add_cookies([cookie])
    ask = owner.context.request
    shared = await (await ask.put(f"{program.address}/api/pictures/{picture}/share")).json()

    async def surfaces() -> dict[str, bool]:
        """Where the picture still is."""
        paths = {
            "media": f"/media/{picture}",
            "small": f"/media/{picture}?small=1",
            "api": f"/api/pictures/{picture}",
        }
        found = {
            name: (await ask.get(program.address + path)).status != 404
            for name, path in paths.items()
        }
        found["link"] = (await ask.get(shared["url"])).status != 404
        found["file"] = (await ask.get(f"{shared['url']}.png")).status != 404
        history = await (await ask.get(f"{program.address}/en/history")).text()
        jobs = await (await ask.get(f"{program.address}/api/jobs")).json()
        found["history"] = f"/media/{picture}" in history
        found["jobs"] = f"/media/{picture}" in str(jobs)
        zipped = await ask.post(f"{program.address}/api/pictures/zip", data={"ids": [picture]})
        return found | {"zip": zipped.status != 404}

    assert all((await surfaces()).values())
    desk_ = await desk(enter, program, scene, await scene.moderator("mo-of-surfaces"))
    await go(desk_, f"/picture/{picture}")
    await remove(desk_.page, 8)
    await expect(desk_.page.locator("h1 .state")).to_have_text("removed", timeout=LONG)
    assert {name for name, there in (await surfaces()).items() if there} == set()
    await desk_.page.keyboard.press("z")
    await expect(desk_.page.locator("h1 .state")).to_have_text("not looked at", timeout=LONG)
    assert (await ask.get(f"{program.address}/media/{picture}")).status == 200


async def test_hostile_words_are_shown_as_they_are(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person(HOSTILE[:60])
    await scene.held(ann, HOSTILE, negative_prompt=HOSTILE)
    person = await desk(enter, program, scene, await scene.moderator("mo-of-words"))
    await go(person, f"?view=held&person={ann.id}")
    words = person.page.locator(f"{CASE} .words")
    await expect(words).to_have_count(2, timeout=LONG)
    assert await words.all_inner_texts() == [HOSTILE, HOSTILE]
    await person.page.keyboard.press("g")
    await expect(person.page.locator(".tile .note")).to_have_text(HOSTILE)
    await go(person, f"/person/{ann.id}")
    await expect(person.page.locator("h1")).to_contain_text(HOSTILE[:60])
    await go(person, "/search?text=onerror")
    await expect(person.page.locator(".tile .note").first).to_have_text(HOSTILE)


async def test_a_picture_is_blurred_until_somebody_asks(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person("ann-of-blur")
    picture = await scene.held(ann, "a fox to be seen")
    person = await desk(enter, program, scene, await scene.moderator("mo-of-blur"))
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    await go(person, f"?view=held&person={ann.id}")
    look = person.page.locator(".look")
    await expect(look.locator(".veil")).to_be_visible(timeout=LONG)
    assert "blur" in await look.locator(".veil").evaluate("(one) => getComputedStyle(one).filter")
    large = f"{program.address}/moderation/media/{picture}"
    assert large not in asked
    await person.page.keyboard.down("Space")
    await expect(look.locator(".bare")).to_be_visible()
    await person.page.keyboard.up("Space")
    await expect(look.locator(".bare")).to_be_hidden()
    await person.page.keyboard.press("u")
    await expect(look).to_have_attribute("data-shown", "")
    await person.page.keyboard.press("u")
    await expect(look.locator(".veil")).to_be_visible()
    assert asked.count(large) == 1  # and written down once
    await person.page.get_by_label("Greyscale").check()
    await person.page.reload()
    await expect(person.page.get_by_label("Greyscale")).to_be_checked()
    await expect(person.page.locator("html")).to_have_attribute("data-grey", "")
    await go(person, f"/person/{ann.id}")
    tile, small = person.page.locator(".tile .veil"), f"/moderation/media/{picture}?small=1"
    await expect(tile).to_have_attribute("src", small)  # blurred by the server
    await person.page.get_by_label("Always blurred").uncheck()
    await expect(tile).to_have_attribute("src", f"{small}&clear=1")
    await person.page.get_by_label("Always blurred").check()
    await expect(tile).to_have_attribute("src", small)


async def test_many_are_selected_and_removed_at_once(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person("ann-of-many")
    for number in range(8):
        await scene.held(ann, f"one of many {number}")
    person = await desk(enter, program, scene, await scene.moderator("mo-of-many"))
    page = person.page
    await go(person, f"?view=held&person={ann.id}")
    await shown(page)
    await page.keyboard.press("g")
    tiles = page.locator("#many .tile")
    await expect(tiles).to_have_count(8, timeout=LONG)
    await page.keyboard.press("x")
    await tiles.nth(3).locator("a").click(modifiers=["Shift"])
    await expect(page.locator("#many .count")).to_have_text("Selected: 4 of 8")
    await remove(page, 4, "All of one kind")
    await expect(tiles).to_have_count(4)
    await settled(page)
    await page.keyboard.press("z")
    await expect(tiles).to_have_count(8, timeout=LONG)


async def test_a_link_of_another_site_leads_where_it_says(
    program: Program, enter: Visit, scene: Scene
) -> None:
    person = await desk(enter, program, scene, await scene.moderator("mo-of-links"))
    link = f"{program.address}/moderation/search?text=linked"
    await person.page.goto(f"data:text/html,<a href='{link}'>To the console</a>")
    await person.page.get_by_role("link").click()
    found = person.page.get_by_role("searchbox")
    await expect(found).to_have_value("linked", timeout=LONG)


async def test_what_one_leaves_is_free_at_once(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person("ann-of-leaving")
    picture = await scene.held(ann, "left behind")
    first, second = [
        await desk(enter, program, scene, await scene.moderator(name))
        for name in ("mo-who-leaves", "mo-who-stays")
    ]
    for person in (first, second):
        await go(person, f"?view=held&person={ann.id}")
    assert (await shown(first.page))[0] == picture
    queue = second.page.locator("#queue")
    await expect(queue).to_have_attribute("data-state", "empty", timeout=LONG)
    await first.page.goto(f"{program.address}/moderation/policies")
    await second.page.reload()
    assert (await shown(second.page))[0] == picture


async def test_a_decision_that_fails_comes_back(
    program: Program, enter: Visit, scene: Scene
) -> None:
    ann = await scene.person("ann-of-faults")
    picture = await scene.held(ann, "decided in a tunnel")
    person = await desk(enter, program, scene, await scene.moderator("mo-of-faults"))
    page = person.page
    await go(person, f"?view=held&person={ann.id}")
    await shown(page)
    await page.route("**/api/decide", lambda route: route.abort())
    await page.keyboard.press("a")
    notice = page.locator("#notice")
    await expect(notice).to_contain_text("What you decided is not lost", timeout=LONG)
    assert (await shown(page))[0] == picture
    await page.unroute("**/api/decide")
    await notice.get_by_role("button", name="Try again").click()
    await another(page, picture)
    await settled(page)
    await go(person, f"/picture/{picture}")
    await expect(page.locator("h1 .state")).to_have_text("approved")


async def test_decisions_by_touch(program: Program, enter: Visit, scene: Scene) -> None:
    ann = await scene.person("ann-of-phones")
    await scene.held(ann, "a picture on a phone")
    await scene.held(ann, "another one")
    moderator = await scene.moderator("mo-of-phones", Role.SENIOR)
    person = await desk(enter, program, scene, moderator, locale="ru-RU", **PHONE)
    page = person.page
    await go(person, f"?view=held&person={ann.id}")
    picture, _ = await shown(page)
    await page.get_by_role("button", name="Показать").tap()
    await expect(page.locator(".look .bare")).to_be_visible()
    await page.get_by_role("button", name="Одобрить").tap()
    await another(page, picture)
    await expect(page.locator(".look .bare")).to_be_hidden()
    await page.get_by_role("button", name="Убрать").first.tap()
    await page.locator("#removing .choice").nth(2).tap()
    await page.locator("#removing [value=yes]").tap()
    await expect(page.locator("#queue")).to_have_attribute("data-state", "empty", timeout=LONG)
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_of_the_console_is_accessible(
    program: Program, enter: Visit, scene: Scene, look: str
) -> None:
    ann = await scene.person(f"ann who is {look}")
    finding = {"policy": "gore", "rule": "blood", "field": "prompt", "start": 2, "end": 7}
    case = NewCase(Why.PROMPT, "gore", 0.4)
    picture = await scene.held(ann, "a blood moon", case, findings=[finding])
    await scene.held(ann, "another moon")
    admin = await scene.moderator(f"admin-{len(look)}", Role.ADMIN)
    person = await desk(enter, program, scene, admin, **LOOKS[look])
    page = person.page
    await go(person, f"?view=held&person={ann.id}")
    await shown(page)
    assert await found(person) == []
    for key, sheet in (("r", "#removing"), ("b", "#banning"), ("?", "#help")):
        await page.keyboard.press(key)
        await expect(page.locator(sheet)).to_be_visible()
        assert await found(person) == [], sheet
        await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    assert await found(person) == [], "many"
    await page.keyboard.press("g")
    for path in (
        *("/search?text=moon", "/refusals", "/statistics", "/policies", "/audit", "/export"),
        *("/moderators", "/account", f"/person/{ann.id}", f"/picture/{picture}", "?view=waiting"),
    ):
        await go(person, path)
        assert await found(person) == [], path
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
    await page.context.clear_cookies()
    await go(person)
    assert await found(person) == [], "door"
