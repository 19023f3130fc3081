"""A person who edits pictures: the real program, the mini model and a real browser."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from engine.preferences import ASPECTS
from tests.e2e.browser import LONG, Visitor, visit
from tests.e2e.program import Program

pytestmark = [pytest.mark.system, pytest.mark.slow]

DESK = {"viewport": {"width": 1280, "height": 1000}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIZE = (360, 240)
Place = tuple[float, float]  # shares of the picture's sides, from its top left


def png(image: Image.Image, name: str = "one.png") -> FilePayload:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """Of which no two neighbouring pixels are alike."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows * 7 + columns, columns * 3, rows + columns * 5], axis=2) % 256
    return Image.fromarray(pixels.astype(np.uint8))


@dataclass
class Editor:
    """The tab Edit of somebody's page."""

    person: Visitor

    @property
    def page(self) -> Page:
        return self.person.page

    @property
    def root(self) -> Locator:
        return self.page.locator(".editor")

    @property
    def easel(self) -> Locator:
        return self.root.locator(".easel")

    @property
    def share(self) -> Locator:
        return self.root.locator(".share")

    async def open(self, language: str = "en") -> None:
        await self.page.goto(f"{self.person.address}/{language}/#edit")
        shown = self.root.locator(".dropzone, .easel, .framer").filter(visible=True)
        await expect(shown).to_have_count(1, timeout=LONG)
        await self.page.wait_for_function("window.studio?.parts.edit")

    async def take(self, image: Image.Image) -> None:
        """A picture chosen as a file."""
        await self.root.locator("[data-edit=file]").set_input_files(png(image))
        await expect(self.root.locator(".work")).to_be_visible(timeout=LONG)

    async def press(self, name: str, **named: str) -> None:
        more = "".join(f"[data-{key}='{value}']" for key, value in named.items())
        await self.root.locator(f"button[data-edit={name}]{more}").click()

    async def tune(self, name: str, value: int) -> None:
        """One of the sliders."""
        await self.root.locator(f"input[data-edit={name}]").fill(str(value))

    async def across(self, name: str) -> float:
        """CSS pixels."""
        box = await self.root.locator(name).bounding_box()
        assert box
        return box["width"]

    async def point(self, place: Place) -> tuple[float, float]:
        """Of the window, where that place of the picture is now."""
        box = await self.root.locator(".easel-sheet").bounding_box()
        assert box
        return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]

    async def drag(self, *places: Place) -> None:
        """With the mouse, from the first to the last."""
        points = [await self.point(place) for place in places]
        await self.page.mouse.move(*points[0])
        await self.page.mouse.down()
        for point in points[1:]:
            await self.page.mouse.move(*point, steps=5)
        await self.page.mouse.up()

    async def task(self) -> dict[str, Any]:
        """What Draw would make of it."""
        task: dict[str, Any] = await self.page.evaluate("studio.parts.edit.task()")
        return task

    async def mask(self) -> NDArray[np.bool_]:
        """What is to be painted anew, as the studio has understood it."""
        sha256 = (await self.task())["mask"]
        assert sha256, "nothing is marked"
        address = f"{self.person.address}/media/source/{sha256}"
        answer = await self.person.context.request.get(address)
        with Image.open(io.BytesIO(await answer.body())) as image:
            levels = np.asarray(image.convert("L"))
        assert set(np.unique(levels)) <= {0, 255}
        marked: NDArray[np.bool_] = levels == 255
        return marked

    async def drawn(self, count: int = 1) -> list[Image.Image]:
        """The pictures on the stage, once they are there."""
        results = self.page.locator("#stage .result .compare > img")
        await expect(results).to_have_count(count, timeout=LONG)
        found = []
        for result in await results.all():
            source = await result.get_attribute("src")
            answer = await self.person.context.request.get(f"{self.person.address}{source}")
            found.append(Image.open(io.BytesIO(await answer.body())).convert("RGB"))
        return found


Edit = Callable[..., Awaitable[Editor]]


@pytest.fixture
async def edit(program: Program, browser: Browser) -> AsyncIterator[Edit]:
    """Opens editors; at the end, none may have reached outside or met a broken script."""
    people: list[Visitor] = []

    async def edit(
        image: Image.Image | None = None, language: str = "en", **options: Any
    ) -> Editor:
        person = await visit(browser, program.address, **(DESK | options))
        people.append(person)
        editor = Editor(person)
        await editor.open(language)
        if image:
            await editor.take(image)
        return editor

    yield edit
    for person in people:
        await person.context.close()
        assert person.outside == []
        assert person.faults == []


def box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is marked."""
    found = Image.fromarray(mask).getbbox()
    assert found
    return found


async def test_what_is_brushed_is_painted_anew_and_nothing_else(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.drag((0.4, 0.5), (0.6, 0.5))
    marked = await editor.mask()
    assert marked.shape == SIZE[::-1]
    await editor.page.locator("#edit_prompt textarea").fill("a fox on a blue background")
    await editor.page.locator("#draw").click()
    (made,) = await editor.drawn()
    changed = (np.asarray(made) != np.asarray(scene())).any(axis=2)
    assert made.size == SIZE
    assert not changed[~marked].any()
    assert changed[marked].mean() > 0.5


async def test_a_stroke_is_where_the_pointer_was_whatever_the_zoom(edit: Edit) -> None:
    editor = await edit(scene(), device_scale_factor=2)
    await editor.tune("soft", 0)
    await editor.easel.click(position={"x": 5, "y": 5})
    await editor.press("undo")
    x, y = await editor.point((0.75, 0.25))
    await editor.page.mouse.move(x, y)
    await editor.page.mouse.wheel(0, -800)
    await editor.tune("size", 20)
    await editor.drag((0.75, 0.25), (0.76, 0.25))
    left, top, right, bottom = box(await editor.mask())
    across = bottom - top
    assert abs((top + bottom) / 2 - 0.25 * SIZE[1]) <= 1
    assert abs(left + across / 2 - 0.75 * SIZE[0]) <= 1.5
    assert abs(right - across / 2 - 0.76 * SIZE[0]) <= 1.5


async def test_undo_redo_invert_and_clear(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.tune("soft", 0)
    await editor.press("tool", tool="rectangle")
    await editor.drag((0.25, 0.25), (0.75, 0.75))
    await expect(editor.share).to_contain_text("25%")
    await editor.press("tool", tool="eraser")
    await editor.drag((0.4, 0.5), (0.6, 0.5))
    await expect(editor.share).not_to_contain_text("25%")
    await editor.page.keyboard.press("Control+z")
    await expect(editor.share).to_contain_text("25%")
    await editor.page.keyboard.press("Control+z")
    await expect(editor.share).to_have_text("Nothing is marked yet")
    await editor.page.keyboard.press("Control+Shift+z")
    await editor.press("invert")
    marked = await editor.mask()
    assert box(~marked) == (90, 60, 270, 180)
    assert marked.mean() == 0.75
    await editor.press("clear")
    assert (await editor.task())["mask"] is None


async def test_a_lasso_and_a_soft_edge(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.press("tool", tool="lasso")
    await editor.drag((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    await editor.tune("soft", 0)
    hard = await editor.mask()
    await editor.tune("soft", 12)
    left, top, right, bottom = box(hard)
    assert box(await editor.mask()) == (left - 12, top - 12, right + 12, bottom + 12)
    assert abs(hard.mean() - 0.25) < 0.01


async def test_a_mask_of_a_file_is_taken_as_it_is(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.tune("soft", 0)
    upload = editor.root.locator("[data-edit=mask]")
    await upload.set_input_files(png(Image.new("L", (100, 100), 255)))
    await expect(editor.page.locator("#notice")).to_contain_text("100 × 100")
    wanted = np.zeros(SIZE[::-1], np.uint8)
    wanted[37:99, 11:200] = 255
    await upload.set_input_files(png(Image.fromarray(wanted)))
    await expect(editor.share).not_to_have_text("Nothing is marked yet")
    assert (await editor.mask() == (wanted == 255)).all()


async def test_nothing_marked_is_said_kindly(edit: Edit) -> None:
    editor = await edit()
    await editor.page.locator("#draw").click()
    await expect(editor.person.problem).to_be_visible()
    await editor.take(scene())
    await editor.page.locator("#draw").click()
    await expect(editor.person.problem).to_contain_text("Nothing is marked")


async def test_a_reload_keeps_the_picture_and_its_mask(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.drag((0.3, 0.3), (0.6, 0.6))
    marked = await editor.mask()
    await editor.page.wait_for_function("localStorage['studio-edit-mask']?.includes('data:')")
    await editor.open()
    await expect(editor.share).to_contain_text("%")
    assert (await editor.mask() == marked).all()


async def test_another_picture_never_has_the_mask_of_the_one_before(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.drag((0.3, 0.3), (0.6, 0.6))
    await editor.page.wait_for_function("localStorage['studio-edit-mask']?.includes('data:')")
    await editor.press("another")
    await editor.take(scene((300, 200)))
    await expect(editor.share).to_have_text("Nothing is marked yet")
    assert (await editor.task())["mask"] is None


async def test_the_keyboard_alone_can_paint(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.tune("soft", 0)
    await editor.easel.focus()
    for key in ("b", "[", "Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
        await editor.page.keyboard.press(key)
    left, top, right, bottom = box(await editor.mask())
    assert abs((top + bottom) / 2 - SIZE[1] / 2) <= 1
    assert left < SIZE[0] / 2 < right - (bottom - top)


async def test_shortcuts_work_whatever_the_keyboard_is_set_to(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.drag((0.3, 0.3), (0.6, 0.6))
    await expect(editor.share).to_contain_text("%")
    send = "([key, code, ctrlKey]) => document.querySelector('.easel').dispatchEvent("
    send += "new KeyboardEvent('keydown', { key, code, ctrlKey, bubbles: true }))"
    await editor.page.evaluate(send, ["д", "KeyL", False])
    await expect(editor.easel).to_have_attribute("data-tool", "lasso")
    await editor.page.evaluate(send, ["я", "KeyZ", True])
    await expect(editor.share).to_have_text("Nothing is marked yet")


async def test_two_fingers_zoom_and_one_paints(edit: Edit) -> None:
    editor = await edit(scene(), **PHONE)
    await editor.tune("soft", 0)
    touch = await editor.person.context.new_cdp_session(editor.page)

    async def fingers(kind: str, *places: Place) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = await editor.point((0.5, 0.5))
    await fingers("touchStart", (x - 20, y))
    await fingers("touchStart", (x - 20, y), (x + 20, y))
    await fingers("touchMove", (x - 50, y), (x + 50, y))
    await fingers("touchEnd")
    await expect(editor.share).to_have_text("Nothing is marked yet")
    grown = await editor.across(".easel-sheet") / await editor.across(".easel")
    assert grown == pytest.approx(2.5, rel=0.05)
    x, y = await editor.point((0.45, 0.55))
    await fingers("touchStart", (x, y))
    await fingers("touchMove", (x + 1, y))
    await fingers("touchEnd")
    left, top, right, bottom = box(await editor.mask())
    assert abs((left + right) / 2 - 0.45 * SIZE[0]) <= 1.5
    assert abs((top + bottom) / 2 - 0.55 * SIZE[1]) <= 1.5


async def test_a_picture_is_extended_to_a_shape(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.press("kind", value="extend")
    buttons = editor.root.locator("[data-aspect]")
    shapes = [await one.get_attribute("data-aspect") for one in await buttons.all()]
    assert sorted(filter(None, shapes)) == sorted(ASPECTS)
    await expect(editor.root.locator("[data-aspect='3:2']")).to_be_disabled()
    await editor.press("aspect", aspect="1:1")
    await editor.page.locator("#draw").click()
    (made,) = await editor.drawn()
    assert made.size == (360, 360)
    kept = np.asarray(made)[60:300]
    assert (kept == np.asarray(scene())).all()


async def test_edges_are_pulled_in_steps_of_eight(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.press("kind", value="extend")
    await editor.press("unframed")
    handle = editor.root.locator(".handle[data-side=right]")
    at = await handle.bounding_box()
    assert at
    await editor.page.mouse.move(at["x"] + 20, at["y"] + 40)
    await editor.page.mouse.down()
    await editor.page.mouse.move(at["x"] + 75, at["y"] + 40, steps=4)
    await editor.page.mouse.up()
    await editor.root.locator(".handle[data-side=top]").press("ArrowUp")
    await editor.root.locator("input[data-side=left]").fill("21")
    await editor.root.locator("input[data-side=left]").blur()
    margins = (await editor.task())["margins"]
    assert margins == {"left": 24, "top": 8, "right": margins["right"], "bottom": 0}
    assert margins["right"] > 0
    assert margins["right"] % 8 == 0
    await editor.root.locator("input[data-side=bottom]").fill("9000")
    await editor.root.locator("input[data-side=bottom]").blur()
    await expect(editor.page.locator("#notice")).to_contain_text("no room")
    assert (await editor.task())["margins"]["bottom"] == 4096 - 240 - 8


async def test_one_candidate_is_taken_and_given_back(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.drag((0.4, 0.5), (0.6, 0.5))
    before = (await editor.task())["picture"]
    await editor.page.locator("#draw").click()
    await editor.drawn()
    slider = editor.page.locator("#stage .compare input")
    await slider.press("End")
    assert await slider.get_attribute("aria-valuetext") == "100 % of the original"
    await editor.page.locator("[data-do=accept]").click()
    back = editor.root.locator("[data-edit=before]")
    await expect(back).to_be_visible()
    await expect(editor.share).to_have_text("Nothing is marked yet")
    assert (await editor.task())["picture"] != before
    await back.click()
    await expect(back).to_be_hidden()
    assert (await editor.task())["picture"] == before


async def test_one_of_my_pictures_is_chosen(edit: Edit) -> None:
    editor = await edit(scene())
    await editor.press("kind", value="change")
    await editor.page.locator("#draw").click()
    await editor.drawn()
    await editor.press("another")
    await editor.root.locator(".recent button").first.click()
    await expect(editor.root.locator(".work")).to_be_visible()
    assert (await editor.task())["kind"] == "change"


async def test_a_picture_that_is_gone_is_asked_for_again(edit: Edit) -> None:
    editor = await edit()
    await editor.page.evaluate("studio.parts.edit.open({ sha256: '0'.repeat(64) })")
    await expect(editor.page.locator("#notice")).to_contain_text("no longer here")
    await expect(editor.root.locator(".dropzone")).to_be_visible()


@pytest.mark.parametrize("kind", ["fill", "extend", "change"])
async def test_a_phone_shows_all_of_it_in_russian(edit: Edit, kind: str) -> None:
    editor = await edit(scene(), "ru", **PHONE, locale="ru-RU")
    await editor.press("kind", value=kind)
    assert await editor.page.evaluate("document.documentElement.scrollWidth") <= 390
    small = "[...document.querySelectorAll('.editor .work button, .editor .link')].filter((one) =>"
    small += " one.offsetParent && one.getBoundingClientRect().height < 40).length"
    assert await editor.page.evaluate(small) == 0
    await editor.press("wide")
    await expect(editor.root).to_have_attribute("data-wide", "")
    await editor.page.keyboard.press("Escape")
    await expect(editor.root).not_to_have_attribute("data-wide", "")
