"""The page for chatting by hand, in a real browser, with a bot at work."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.e2e.browser import Visitor, chromium, visit
from tests.e2e.conftest import NAMES
from tests.telegram import Emulator
from tests.telegram.bots import bot_of, echo, picture, polling

pytestmark = [pytest.mark.system, pytest.mark.slow]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
async def telegram() -> AsyncIterator[Emulator]:
    """With Anna, Борис, their group and a bot at work."""
    async with Emulator.open(page=True) as telegram, bot_of(telegram) as bot:
        anna, boris = telegram.person("Anna"), telegram.person("Борис", language="ru")
        telegram.group("Painters", [anna, boris])
        telegram.limits.burst = 99
        async with polling(echo(), bot):
            yield telegram
        telegram.check()


@pytest.fixture
async def visitor(telegram: Emulator, request: pytest.FixtureRequest) -> AsyncIterator[Visitor]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"one of {', '.join(NAMES)} must be installed"
    async with chromium(path) as browser:
        visitor = await visit(browser, telegram.url, **getattr(request, "param", {}))
        await visitor.page.goto(telegram.url)
        await expect(visitor.page.locator("#title")).to_have_text("Kandinsky")
        yield visitor
        assert visitor.outside == []
        assert visitor.faults == []


async def write(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


async def test_a_conversation_on_the_page(visitor: Visitor, telegram: Emulator) -> None:
    page, log = visitor.page, visitor.page.locator("#log")
    await write(page, "/start")
    await expect(log.locator(".other b", has_text="Hello!")).to_be_visible()
    await page.locator("#commands").click()
    await page.locator("#above .menu button", has_text="/album").click()
    await expect(log.locator(".grid.n3 img")).to_have_count(3)

    await write(page, "a <fox> & <b>wolf</b>")
    answer = log.locator("li.other", has_text="You said")
    await expect(answer.locator("i")).to_have_text("a <fox> & <b>wolf</b>")
    await answer.locator(".key", has_text="Louder").click()
    await expect(page.locator(".toast")).to_have_text("Louder!")
    await expect(log.locator("li.other", has_text="YOU SAID").locator(".meta")).to_contain_text(
        "edited"
    )

    await log.locator("li.other", has_text="YOU SAID").locator(".words").click()
    await write(page, "in reply")
    await expect(log.locator("li.own", has_text="in reply").locator(".quote")).to_be_visible()
    await write(page, "@kandinsky_test_bot owl")
    await page.locator("#above .offer", has_text="About owl").click()
    await expect(log.locator(".via", has_text="via @kandinsky_test_bot")).to_be_visible()


async def test_pictures_on_the_page(visitor: Visitor, telegram: Emulator, tmp_path: Path) -> None:
    page, log = visitor.page, visitor.page.locator("#log")
    files = [tmp_path / f"{colour}.png" for colour in ("green", "blue")]
    for file in files:
        file.write_bytes(picture(640, 480, file.stem))
    await page.locator("#files").set_input_files(files)
    await page.locator("dialog [type=text]").fill("two")
    await page.locator("dialog button", has_text="Send").click()
    await expect(log.locator("li.own .grid.n2 img")).to_have_count(2)

    await page.locator("#files").set_input_files(files[0])
    await page.locator("dialog [type=checkbox]").check()
    await page.locator("dialog button", has_text="Send").click()
    await expect(log.locator("li.other .file")).to_contain_text("green.png")

    await page.locator("#files").set_input_files(files[0])
    await page.locator("dialog button", has_text="Send").click()
    back = log.locator("li.other", has_text="The same").last
    await expect(back.locator(".quote img")).to_be_visible()
    await back.locator(".key", has_text="Again").click()
    await expect(page.locator("dialog")).to_contain_text("Not now")
    await page.locator("dialog button", has_text="OK").click()


async def test_painting_over_a_photo(visitor: Visitor, telegram: Emulator) -> None:
    anna, page = telegram.people[0], visitor.page
    await anna.sends_photo(picture(640, 480, "green"))
    back = await anna.sees(lambda seen: seen.photo)
    await page.locator("li.other .photo").click()
    await page.locator(".viewer [title='Paint over']").click()
    canvas = page.locator(".painter canvas")
    await expect(canvas).to_have_attribute("width", "640")
    box = await canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=8)
    await page.mouse.up()
    await page.locator(".painter button", has_text="Send").click()
    await expect(page.locator("li.own .quote")).to_be_visible()
    painted = anna.chat.messages[2]
    assert painted.reply_to == back.id
    image = Image.open(BytesIO(painted.photo or b"")).convert("RGB")
    assert image.size == (640, 480)
    ink, ground = image.getpixel((320, 240)), image.getpixel((320, 40))
    assert isinstance(ink, tuple)
    assert isinstance(ground, tuple)
    assert ink[0] > 200
    assert ground[0] < 50


async def test_several_people_and_a_group(visitor: Visitor, telegram: Emulator) -> None:
    page = visitor.page
    await page.locator(".entry", has_text="Painters").click()
    await write(page, "hello all")
    await page.locator(".person", has_text="Борис").click()
    await page.locator(".entry", has_text="Painters").click()
    await expect(page.locator("li.other .name", has_text="Anna")).to_be_visible()
    assert telegram.groups[0].messages[-1].text == "hello all"
    await page.locator(".person", has_text="Add").click()
    await page.locator("dialog [type=text]").fill("Zoë")
    await page.locator("dialog button", has_text="Add").click()
    await expect(page.locator(".person[aria-pressed=true]")).to_contain_text("Zoë")
    await write(page, "hi")
    await expect(page.locator("li.other", has_text="You said")).to_be_visible()
    await page.locator("#block").click()
    await expect(page.locator("#status")).to_have_text("blocked")


@pytest.mark.parametrize("visitor", [PHONE], indirect=True)
async def test_on_a_phone_nothing_is_wider_than_the_screen(
    visitor: Visitor, telegram: Emulator
) -> None:
    page = visitor.page
    await write(page, "word " * 40 + "x" * 200)
    await write(page, "/album")
    await expect(page.locator(".grid.n3 img")).to_have_count(3)
    width = "document.documentElement.scrollWidth"
    assert await page.evaluate(width) == 390
    await page.locator("#back").tap()
    await page.locator(".entry", has_text="Painters").tap()
    await expect(page.locator("#title")).to_have_text("Painters")
    assert await page.evaluate(width) == 390
