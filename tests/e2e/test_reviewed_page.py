"""A person whose pictures moderators look at: the real program and a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import expect

from storage import decisions
from storage.accounts import Accounts
from storage.database import Database
from storage.records import Review, Role
from storage.rights import Rights
from tests.e2e.browser import LONG, Visitor
from tests.e2e.conftest import Visit
from tests.e2e.program import Program, running

pytestmark = [pytest.mark.system, pytest.mark.slow]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SOON = 15_000  # milliseconds: another process is heard of within five seconds
REASON = "It shows <somebody>."


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A studio whose pictures are seen by a moderator first."""
    with running(
        tmp_path_factory.mktemp("reviewed"),
        review="before",
        check_prompts="false",
        check_pictures="false",
    ) as program:
        yield program


@pytest.fixture
async def database(reviewed: Program) -> AsyncIterator[Database]:
    address = f"sqlite+aiosqlite:///{reviewed.data / 'studio.sqlite3'}"
    async with Database.open(address) as database:
        yield database


async def decide(database: Database, decision: Review, *pictures: str) -> None:
    olga = await Accounts(database).get_or_create("web", "olga", "en")
    await Rights(database).role(olga.id, Role.SENIOR, by=None)
    policy, reason = ("gore", REASON) if decision is Review.REMOVED else ("", "")
    await decisions.decide(
        database, olga.id, decision, pictures=pictures, policy=policy, reason=reason
    )


async def withheld(person: Visitor) -> list[str]:
    """The pictures of their last job that are not shown."""
    answer = await person.context.request.get(f"{person.address}/api/jobs?limit=1")
    (job,) = (await answer.json())["jobs"]
    return [one["id"] for one in job["withheld"]]


async def held(person: Visitor, count: int) -> list[str]:
    await person.page.evaluate(
        """(count) => studio.api("POST", "/api/jobs", {
            mode: "text_to_image", prompt: "a fox", steps: 2, seed: 5, count,
        }).then((job) => studio.submitted(job.id))""",
        count,
    )
    await expect(person.stage.locator(".veil[data-review=held]")).to_have_count(count, timeout=LONG)
    return await withheld(person)


@pytest.mark.parametrize("phone", [False, True])
async def test_a_held_picture_appears_and_a_removed_one_goes(
    reviewed: Program, database: Database, enter: Visit, phone: bool
) -> None:
    options = PHONE | {"locale": "ru-RU"} if phone else {}
    person = await enter(reviewed, **options)
    first, second = await held(person, 2)
    await expect(person.strip.first.locator(".veiled")).to_be_visible()

    await decide(database, Review.APPROVED, first, second)
    await expect(person.pictures).to_have_count(2, timeout=SOON)
    told = person.page.locator("#told .told")
    await expect(told).to_have_count(1, timeout=SOON)  # one for both
    await told.locator(".shut").click()
    await expect(told).to_have_count(0)

    await decide(database, Review.REMOVED, second)
    await expect(person.pictures).to_have_count(1, timeout=SOON)
    await expect(person.stage.locator(".veil[data-review=removed]")).to_be_visible()
    await expect(told).to_contain_text(REASON, timeout=SOON)
    gone = await person.context.request.get(f"{person.address}/media/{second}")
    assert gone.status == 404
    await person.go("history")
    await expect(person.page.locator("#history .veil[data-review=removed]")).to_be_visible()

    await told.locator("[data-do=appeal]").click()
    dialog = person.page.locator("dialog.ask")
    await dialog.locator("textarea").fill("It is only a fox.")
    await dialog.locator("button[value=yes]").click()
    thanks = "Спасибо" if phone else "Thank you"
    await expect(person.page.locator("#notice")).to_contain_text(thanks)
    width = await person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
    await told.locator(".shut").click()
    await expect(told).to_have_count(0)
    await person.page.reload()
    await expect(person.page.locator("#history .veil")).to_be_visible(timeout=LONG)
    await expect(told).to_have_count(0)
