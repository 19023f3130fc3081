"""A person at the history and the account page: the real program and a real browser."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest
from PIL import Image
from playwright.async_api import FilePayload, expect

from tests.e2e.browser import LONG, Visitor
from tests.e2e.conftest import Visit
from tests.e2e.program import Program, free_port, running
from tests.web.test_telegram import ANN, TOKEN, result, signed

pytestmark = [pytest.mark.system, pytest.mark.slow]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def drawn(person: Visitor, prompt: str, **fields: Any) -> dict[str, Any]:
    """A job of the person, once it has ended."""
    request = person.context.request
    asked = {"mode": "text_to_image", "prompt": prompt, "steps": 2, "seed": 5} | fields
    answer = await request.post(f"{person.address}/api/jobs", data=asked)
    assert answer.status == 201, await answer.text()
    job: dict[str, Any] = await answer.json()
    deadline = time.monotonic() + LONG / 1000
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        await person.page.wait_for_timeout(200)
        job = await (await request.get(f"{person.address}/api/jobs/{job['id']}")).json()
    assert job["state"] == "done", job
    return job


async def test_the_history_finds_shows_and_deletes(program: Program, enter: Visit) -> None:
    person = await enter(program)
    fox = await drawn(person, "a fox on a blue background", count=2)
    await drawn(person, "an owl on a pink background")
    page, cards = person.page, person.page.locator("#history .card")
    await person.go("history")
    await expect(cards).to_have_count(2, timeout=LONG)

    await page.locator("#history [name=search]").fill("FOX")
    await expect(cards).to_have_count(1)
    await cards.locator("summary").click()
    await expect(cards.locator("dl")).to_contain_text("128 × 128")

    await cards.locator(".thumb a").first.click()
    large = page.locator("#large")
    await expect(large.locator("figure > img")).to_have_attribute(
        "src", f"/media/{fox['pictures'][0]['id']}"
    )
    await page.keyboard.press("ArrowRight")
    await expect(large.locator("figure > img")).to_have_attribute(
        "src", f"/media/{fox['pictures'][1]['id']}"
    )
    await large.locator("[data-do=favourite]").click()
    await expect(large.locator("[data-do=favourite]")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("Escape")
    await expect(large).to_be_hidden()
    await page.locator("#history .chips [data-do=history-clear]").click()
    await expect(cards).to_have_count(2)
    await page.locator("#history [data-do=history-favourites]").click()
    await expect(cards).to_have_count(1)
    await page.locator("#history [data-do=history-favourites]").click()

    await page.locator("#history .doing [data-do=history-select]").click()
    await cards.nth(1).locator(".tick input").first.check()
    await cards.nth(1).locator(".thumb a").nth(1).click()  # selects, too
    await expect(page.locator("#history .count")).to_have_text("Selected: 2")
    async with page.expect_download() as download:
        await page.locator("[data-do=history-zip]").click()
    with ZipFile(await (await download.value).path()) as archive:
        assert len(archive.namelist()) == 2
    await page.locator("[data-do=history-delete]").click()
    await page.locator("dialog.ask .danger").click()
    await expect(cards).to_have_count(1)
    await person.open("/en/#history")
    await expect(cards).to_have_count(1, timeout=LONG)


async def test_a_picture_brings_its_settings_back(program: Program, enter: Visit) -> None:
    person = await enter(program)
    job = await drawn(person, "a rocket on a black background", seed=4711)
    file = await person.context.request.get(program.address + job["pictures"][0]["url"])
    await person.go("history")
    chooser = person.page.locator("#history [data-recall]")
    picture = FilePayload(name="a.png", mimeType="image/png", buffer=await file.body())
    await chooser.set_input_files(picture)
    await expect(person.prompt).to_have_value("a rocket on a black background", timeout=LONG)
    await expect(person.page.locator("#seed :is(input, textarea)").first).to_have_value("4711")

    await person.go("history")
    foreign = io.BytesIO()
    Image.new("RGB", (64, 64)).save(foreign, "PNG")
    picture["buffer"] = foreign.getvalue()
    await chooser.set_input_files(picture)
    await expect(person.page.locator("#notice")).to_contain_text("carries no settings")


async def test_what_cannot_be_fetched_is_asked_for_again(program: Program, enter: Visit) -> None:
    person = await enter(program, "/ru/", **PHONE)
    await person.page.route("**/ru/history?*", lambda route: route.abort())
    await person.go("history")
    failed = person.page.locator("#history [data-when=failed]")
    await expect(failed).to_contain_text("Не удалось загрузить", timeout=LONG)
    await failed.locator("button").click()
    await expect(failed).to_be_visible()
    await person.page.unroute("**/ru/history?*")
    empty = person.page.locator("#history [data-when=empty]")
    await expect(empty).to_be_visible(timeout=LONG)  # it asks again by itself, too
    wide = await person.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide


async def test_a_link_shows_a_picture_until_it_is_taken_back(
    program: Program, enter: Visit
) -> None:
    person = await enter(program)
    job = await drawn(person, "a cactus on a pink background")
    path = f"{program.address}/api/pictures/{job['pictures'][0]['id']}/share"
    address = (await (await person.context.request.put(path)).json())["url"]
    stranger = await enter(program)
    await stranger.page.goto(address)
    await expect(stranger.page.locator("figcaption")).to_contain_text("a cactus on a pink")
    assert await stranger.page.evaluate("document.querySelector('figure img').naturalWidth") == 128
    await person.page.goto(f"{program.address}/en/account")
    await person.page.get_by_role("button", name="Stop sharing").click()
    await expect(person.page.get_by_role("status")).to_have_text("The link no longer works.")
    await stranger.page.reload()
    await expect(stranger.page.locator("h2")).to_have_text("That did not work")


async def test_a_key_and_ones_data_and_the_end_of_it(program: Program, enter: Visit) -> None:
    person = await enter(program)
    page = person.page
    await page.goto(f"{program.address}/en/account")
    await page.get_by_label("What it is for").fill("my notebook")
    await page.get_by_role("button", name="Make a key").click()
    key = await page.get_by_label("Your new key").input_value()
    assert re.fullmatch(r"ks_[a-z0-9]{8}_[\w-]{43}", key)
    await page.wait_for_load_state("networkidle")  # its script keeps the form from going again
    await page.reload()
    await expect(page.locator(".rows li")).to_have_count(1)  # no second key
    await expect(page.get_by_label("Your new key")).to_have_count(0)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download my data").click()
    with ZipFile(await (await download.value).path()) as archive:
        assert "account.json" in archive.namelist()
    await page.get_by_label("To be sure").fill("delete everything")
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("status")).to_have_text("Everything about you is deleted.")
    await expect(page.locator(".rows li")).to_have_count(0)


async def test_telegram_leads_back_signed_in(tmp_path: Path, enter: Visit) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running(tmp_path, port, bot_token=TOKEN, public_url=address) as program:
        person = await enter(program)
        page = person.page
        await page.goto(f"{address}/en/account")
        link = page.get_by_role("link", name="Sign in with Telegram")
        asked = urlsplit(await link.get_attribute("href") or "")
        [back] = parse_qs(asked.query)["return_to"]
        said = result(signed(ANN | {"auth_date": int(time.time())}))
        await page.goto(f"{back}#tgAuthResult={said}")
        await expect(page.get_by_role("status")).to_contain_text("You are signed in.")
        await expect(page.locator("section").first).to_contain_text("with Telegram as Аня")
        await page.goto(f"{back}#tgAuthResult=false")
        await expect(page.get_by_role("alert")).to_have_text("Telegram did not sign you in.")
