"""A person at the web studio: the real program, the mini model and a real browser."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Route, expect

from engine.mini.judge import look
from tests.e2e.browser import LONG, Visitor
from tests.e2e.conftest import Visit
from tests.e2e.program import Program, free_port, running

pytestmark = [pytest.mark.system, pytest.mark.slow]

RUSSIAN = {"locale": "ru-RU"}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LONG_JOB = 250  # steps, to have time for something else meanwhile

HOSTILE = [
    "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'>",
    "\"><svg onload=\"window.pwned=1\"> ' onfocus='window.pwned=1' autofocus='",
    "${window.pwned=1} {{constructor.constructor('window.pwned=1')()}} <%= 7*7 %>",
    "**bold** [link](javascript:window.pwned=1) `code` $x^2$ :fox:",
    "\u202eright to left\u202c, zero\u200bwidth\u200d, лиса\u0301, 🦊\ufe0f",
]


def jobs(program: Program, prompt: str) -> list[dict[str, Any]]:
    """The rows of the database for these words."""
    with closing(sqlite3.connect(program.data / "studio.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            "select jobs.*, (select count(*) from pictures where job_id = jobs.id) as pictures"
            " from jobs"
        ).fetchall()
    return [dict(row) for row in rows if json.loads(row["request"])["prompt"] == prompt]


async def state(program: Program, prompt: str) -> str:
    """How the job with these words ended."""
    async with asyncio.timeout(LONG / 1000):
        while True:
            (job,) = jobs(program, prompt)
            if job["state"] not in ("queued", "running"):
                return str(job["state"])
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("prompt", "locale", "step"),
    [
        ("a fox on a blue background", "en-US", r"Step \d+ of \d+"),
        ("лиса на синем фоне", "ru-RU", r"Шаг \d+ из \d+"),
    ],
)
async def test_words_become_the_right_picture(
    program: Program, enter: Visit, prompt: str, locale: str, step: str
) -> None:
    person = await enter(program, locale=locale)
    await person.set("seed", 7)
    await asyncio.gather(person.until_drawing(step), person.draw(prompt))
    await person.until_drawn()
    image = Image.open(io.BytesIO(await person.fetch(person.pictures)))
    assert image.size == (128, 128)
    assert look(image.convert("RGB")) == ("fox", "blue")
    (job,) = jobs(program, prompt)
    assert (job["state"], job["pictures"]) == ("done", 1)
    assert json.loads(job["request"])["seed"] == 7


async def test_a_drawing_can_be_stopped(program: Program, enter: Visit) -> None:
    prompt = "a slow tiger on a red background"
    person = await enter(program)
    await person.set("steps", LONG_JOB)
    await person.draw(prompt)
    await person.until_drawing()
    await person.stage.get_by_role("button", name="Stop").click()
    await expect(person.stage).to_contain_text("Stopped.", timeout=LONG)
    await expect(person.strip.locator("[data-do=stop]")).to_have_count(0)
    (job,) = jobs(program, prompt)
    assert (job["state"], job["pictures"]) == ("cancelled", 0)


async def test_a_reload_loses_nothing(program: Program, enter: Visit) -> None:
    prompt = "a patient bear on a green background"
    person = await enter(program)
    await person.set("steps", LONG_JOB)
    await person.draw(prompt)
    await person.until_drawing()
    await person.open()
    await person.until_drawing()
    await expect(person.prompt).to_have_value(prompt)
    await person.page.close()  # leaving does not cancel
    person.page = await person.context.new_page()
    await person.open()
    await person.until_drawn()
    assert await state(program, prompt) == "done"
    assert len(jobs(program, prompt)) == 1


async def test_a_restart_of_the_studio_loses_nothing(tmp_path: Path, enter: Visit) -> None:
    prompt = "a lasting lion on a pink background"
    port = free_port()
    with running(tmp_path, port) as program:
        person = await enter(program)
        await person.set("steps", LONG_JOB)
        await person.draw(prompt)
        await person.until_drawing()
    with running(tmp_path, port) as program:
        await person.until_drawn()
        assert await state(program, prompt) == "done"


async def test_a_broken_network_loses_nothing(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.set("steps", LONG_JOB)
    await person.draw("a lonely penguin on a red background")
    await person.until_drawing()
    line = person.stage.locator(".now")
    await person.page.evaluate("stop()")  # ends the page's streams, as a locked phone does
    seen = await line.inner_text()
    await expect(line).not_to_have_text(seen, timeout=LONG)
    await person.stage.get_by_role("button", name="Stop").click()
    await expect(person.stage).to_contain_text("Stopped.", timeout=LONG)


async def test_a_page_says_when_the_studio_is_away_and_comes_back(
    tmp_path: Path, enter: Visit
) -> None:
    port = free_port()
    with running(tmp_path, port) as program:
        person = await enter(program)
        await person.write("a kept text")
    notice = person.page.locator("#notice")
    await expect(notice).to_contain_text("The studio does not answer.", timeout=LONG)
    await expect(notice.get_by_role("button", name="Try again")).to_be_visible()
    with running(tmp_path, port):
        await expect(notice).to_contain_text("The studio is back.", timeout=LONG)
        await expect(person.prompt).to_have_value("a kept text")


async def test_nobody_else_sees_a_picture(program: Program, enter: Visit) -> None:
    prompt = "a private owl on a white background"
    owner, other = await enter(program), await enter(program)
    await owner.set("steps", 2)
    await owner.draw(prompt)
    await owner.until_drawn()
    source = await owner.pictures.get_attribute("src")
    answer = await other.context.request.get(f"{program.address}{source}")
    assert answer.status == 404
    await other.open()
    await other.go("history")
    await expect(other.page.locator("#history")).to_be_visible()
    await expect(other.page.locator("#history")).not_to_contain_text(prompt)
    await expect(other.strip).to_have_count(0)
    await owner.go("history")
    await expect(owner.page.locator("#history")).to_contain_text(prompt)


async def test_two_clicks_are_one_request(program: Program, enter: Visit) -> None:
    prompt = "a single frog on a yellow background"
    person = await enter(program)
    await person.set("steps", 2)
    await person.write(prompt)
    await person.page.locator("#draw").dblclick()
    await person.until_drawn()
    assert len(jobs(program, prompt)) == 1


async def test_a_hotkey_draws(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.set("steps", 2)
    await person.write("a quick rabbit on a gray background")
    await person.page.locator("#prompt textarea").press("Control+Enter")
    await person.until_drawn()


async def test_several_jobs_run_at_once_and_each_can_be_looked_at(
    program: Program, enter: Visit
) -> None:
    person = await enter(program)
    await person.set("steps", LONG_JOB)
    await person.draw("a first fish on a blue background")
    await person.until_drawing()
    await person.set("steps", 2)
    await person.draw("a second crab on a blue background")
    await expect(person.strip).to_have_count(2)
    await person.until_drawn()  # the newest is the one on the stage
    await expect(person.stage).to_contain_text("a second crab")
    first = person.page.get_by_role("button", name="Show: a first fish on a blue background")
    await first.click()
    await person.until_drawing()
    await person.strip.get_by_role("button", name="Stop: a first fish").click()
    await expect(person.stage).to_contain_text("Stopped.", timeout=LONG)


async def test_an_old_request_can_be_used_again(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.set("steps", 2)
    await person.set("seed", 4_000_000_000)
    await person.set("count", 2)
    await person.page.locator("#aspect").get_by_text("3:2").click()
    await person.draw("two old ships on a white background")
    await person.until_drawn(2)
    first = await person.fetch(person.pictures.nth(1))
    await person.set("seed", "")
    await person.set("count", 1)
    await person.set("steps", 3)
    await person.page.locator("#aspect").get_by_text("1:1").click()
    await person.draw("something else")
    await person.until_drawn(1)
    await person.page.get_by_role("button", name="Show: two old ships").click()
    await person.until_drawn(2)
    await person.act("reuse")
    await expect(person.prompt).to_have_value("two old ships on a white background")
    await expect(person.page.locator("#seed :is(input, textarea)")).to_have_value("4000000000")
    await expect(person.page.get_by_role("radio", name="3:2", exact=True)).to_be_checked()
    await person.draw()
    await expect(person.strip).to_have_count(3)
    await person.until_drawn(2)
    assert Image.open(io.BytesIO(await person.fetch(person.pictures.nth(1)))).tobytes() == (
        Image.open(io.BytesIO(first)).tobytes()
    )


async def test_a_seed_can_be_kept_and_let_go(program: Program, enter: Visit) -> None:
    person = await enter(program)
    seed = person.page.locator("#seed :is(input, textarea)")
    await person.set("steps", 2)
    await person.draw("a seeded apple on a black background")
    await person.until_drawn()
    shown = await person.stage.locator("[data-do=seed]").get_attribute("data-seed") or ""
    await person.page.locator("#same").click()
    await expect(seed).to_have_value(shown)
    await person.page.locator("#fresh").click()
    await expect(seed).to_have_value("")
    await person.act("seed")
    await expect(seed).to_have_value(shown)


async def test_what_can_be_done_with_a_picture(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.set("steps", 2)
    await person.draw("a starting castle on a green background")
    await person.until_drawn()
    address = await person.pictures.get_attribute("src") or ""
    await person.act("favourite")
    await expect(person.stage.locator("[data-do=favourite]")).to_have_attribute(
        "aria-pressed", "true"
    )
    await person.act("report")
    await person.page.get_by_role("dialog").get_by_role("textbox").fill("a fault")
    await person.page.get_by_role("dialog").get_by_role("button", name="Report").click()
    await expect(person.page.locator("#notice")).to_contain_text("A moderator will look at it.")
    await person.act("vary")
    await person.until_drawn(4)
    await person.page.get_by_role("button", name="Show: a starting castle").click()
    await person.until_drawn(1)
    await person.act("delete")
    await person.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(person.stage).to_contain_text("These pictures are no longer here.")
    assert (await person.context.request.get(program.address + address)).status == 404


async def test_a_link_shows_a_picture_to_others(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await person.set("steps", 2)
    await person.draw("a shared rocket on a black background")
    await person.until_drawn()
    await person.act("link")
    await expect(person.page.locator("#notice")).to_contain_text("The link is copied.")
    link = await person.page.evaluate("navigator.clipboard.readText()")
    other = await enter(program)
    assert (await other.context.request.get(link)).status == 200


async def test_pictures_and_words_are_mixed(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.set("steps", 2)
    await person.draw("a mixed fox on a blue background")
    await person.until_drawn()
    await person.act("mix")
    parts = person.page.locator("#mix .parts li")
    await expect(parts.locator("img")).to_have_count(1)
    await parts.locator("textarea").fill("a lion")
    await parts.nth(1).locator("[type=range]").fill("0.5")
    await expect(parts.nth(0).locator("output")).to_have_text("67%")
    await person.draw()
    await expect(person.strip).to_have_count(2)
    await person.until_drawn()
    await expect(person.stage.locator(".words")).to_contain_text("a lion")
    await person.open("/#mix")  # a reload keeps the mix
    await expect(parts.locator("textarea")).to_have_value("a lion")
    await person.page.locator("#mix-sweep").check()
    await person.draw()
    await person.until_drawn(5)


async def test_a_mix_of_one_part_is_refused_in_words(program: Program, enter: Visit) -> None:
    person = await enter(program, "/#mix", **RUSSIAN)
    await person.page.locator("#mix textarea").first.fill("лиса")
    await person.draw()
    await expect(person.problem).to_be_visible()


async def test_a_picture_to_start_from(program: Program, enter: Visit, tmp_path: Path) -> None:
    file = tmp_path / "start.png"
    Image.new("RGB", (128, 128), "orange").save(file)
    person = await enter(program)
    await person.set("steps", 4)
    await person.page.locator("#start input[type=file]").set_input_files(file)
    await expect(person.page.locator("#start figure img")).to_be_visible()
    await expect(person.page.locator("#strength")).to_be_visible()
    await person.draw("a changed lion on a red background")
    await person.until_drawn()
    (job,) = jobs(program, "a changed lion on a red background")
    assert job["mode"] == "image_to_image"
    await person.page.get_by_role("button", name="Remove").click()
    await expect(person.page.locator("#strength")).to_be_hidden()


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("", "Say in a few words what to draw"),
        ("   ", "Say in a few words what to draw"),
        ("x" * 100_000, "The text is 100,000 characters long; 1,000 is the most."),
        ("a\u0007fox", "characters that cannot be read"),
    ],
)
async def test_bad_words_get_a_clear_sentence(
    program: Program, enter: Visit, prompt: str, sentence: str
) -> None:
    person = await enter(program)
    await person.draw(prompt)
    await expect(person.problem).to_contain_text(sentence)
    await expect(person.strip).to_have_count(0)


@pytest.mark.parametrize(
    ("index", "value", "sentence"),
    [
        (5, 99, "Укажите для поля «Сколько картинок» значение от 1 до 10. Сейчас там 99."),
        (5, 0, "Укажите для поля «Сколько картинок» значение от 1 до 10. Сейчас там 0."),
        (5, 9, "Укажите для поля «Сколько картинок» значение от 1 до 8. Сейчас там 9."),
        (9, "семь", "Укажите для поля «Зерно» значение от 0 до 4\xa0294\xa0967\xa0295."),
        (10, "dall-e", "Модели «dall-e» здесь нет. Выберите одну из этих: mini."),
        (2, {"a": [1]}, "В тексте есть знаки, которые не удалось прочитать."),
    ],
)
async def test_a_forged_form_gets_a_clear_sentence(
    program: Program, enter: Visit, index: int, value: object, sentence: str
) -> None:
    """`index` is its place in what the page sends: the key, the task, then web.form.FIELDS."""
    prompt = f"a forged {index} {value}"
    person = await enter(program, **RUSSIAN)

    async def forge(route: Route) -> None:
        sent = json.loads(route.request.post_data or "{}")
        if prompt in sent.get("data", []):
            sent["data"][index] = value
        await route.continue_(post_data=json.dumps(sent))

    await person.page.route("**/gradio_api/**", forge)
    await person.draw(prompt)
    await expect(person.problem).to_contain_text(sentence)
    assert jobs(program, prompt) == []


@pytest.mark.parametrize("prompt", HOSTILE)
async def test_hostile_words_are_only_words(program: Program, enter: Visit, prompt: str) -> None:
    person = await enter(program)
    await person.set("steps", 1)
    await person.set("prior_steps", 2)
    await person.draw(prompt)
    await person.until_drawn()
    await person.go("history")
    for place in ("#stage .words", "#history .words"):
        assert await person.page.locator(place).first.text_content() == prompt
    assert await person.pictures.get_attribute("alt") == prompt
    await person.open()
    await expect(person.prompt).to_have_value(prompt)
    assert await person.page.evaluate("window.pwned") is None


async def test_the_language_can_be_changed_and_stays(program: Program, enter: Visit) -> None:
    person = await enter(program)
    await person.write("a kept text")
    await person.page.get_by_role("link", name="RU").click()
    await expect(person.page.locator("#draw")).to_have_text("Нарисовать")
    await expect(person.prompt).to_have_value("a kept text")
    assert await person.page.evaluate("document.documentElement.lang") == "ru"
    await person.open("/")
    await expect(person.page.locator("#draw")).to_have_text("Нарисовать")


async def test_an_example_fills_the_form(program: Program, enter: Visit) -> None:
    person = await enter(program, **RUSSIAN)
    example = person.page.locator(".example").first
    await example.click()
    words = await example.inner_text()
    await expect(person.prompt).to_have_value(words)


@pytest.mark.parametrize("path", ["/en/", "/ru/"])
async def test_nothing_is_wider_than_a_phone(program: Program, enter: Visit, path: str) -> None:
    person = await enter(program, path, **PHONE)
    assert await person.page.evaluate("document.documentElement.scrollWidth") == 390


async def test_every_control_has_a_name(program: Program, enter: Visit) -> None:
    person = await enter(program)
    nameless = await person.page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], input, textarea, img')]
            .filter((part) => part.checkVisibility())
            .filter((part) => !(part.ariaLabel || part.labels?.length || part.alt || part.title
                || part.textContent.trim()))
            .map((part) => part.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


@pytest.mark.skipif("KANDINSKY_SCREENSHOTS" not in os.environ, reason="only when asked for")
@pytest.mark.parametrize("path", ["/en/", "/ru/"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_screenshots(
    program: Program, enter: Visit, path: str, scheme: str, size: str
) -> None:
    """Writes the page in all its states into the folder KANDINSKY_SCREENSHOTS."""
    options = PHONE if size == "phone" else {"viewport": {"width": 1280, "height": 900}}
    person = await enter(program, path, color_scheme=scheme, **options)
    folder = Path(os.environ["KANDINSKY_SCREENSHOTS"])
    name = f"{path.strip('/')}-{size}-{scheme}"

    async def shoot(moment: str) -> None:
        await person.page.screenshot(path=folder / f"{name}-{moment}.png", full_page=True)

    await shoot("1-empty")
    await person.set("steps", 100)
    await person.page.locator("#advanced > button").click()
    await person.page.locator(".example").nth(0).click()
    await person.draw()
    await expect(person.stage.locator(".preview img")).to_be_visible(timeout=LONG)
    await asyncio.sleep(2)
    await shoot("2-drawing")
    await person.until_drawn()
    await person.set("count", 4)
    await person.page.locator(".example").nth(1).click()
    await person.draw()
    await person.until_drawn(4)
    await _loaded(person)
    await shoot("3-drawn")
    await person.draw("")
    await expect(person.problem).to_be_visible()
    await person.page.locator("#advanced > button").click()
    await asyncio.sleep(0.5)
    await shoot("4-problem")


async def _loaded(person: Visitor) -> None:
    await person.page.wait_for_function(
        "[...document.images].every((image) => image.complete && image.naturalWidth)"
    )
