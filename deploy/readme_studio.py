"""Makes the README's pictures of the page: `python -m deploy.readme_studio [FOLDER]`.

Somebody uses the real studio, over mini, in a browser. Needs what tests/run.sh installs.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.e2e.browser import LONG, Visitor, chromium, visit
from tests.e2e.conftest import NAMES
from tests.e2e.program import Program, running

FOLDER = Path(__file__).parent / "screenshots"
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "locale": "ru-RU",
    "color_scheme": "dark",
}


async def main(program: Program, folder: Path) -> None:
    browser_path = next(filter(None, map(shutil.which, NAMES)), None)
    if browser_path is None:
        sys.exit(f"One of {', '.join(NAMES)} must be installed.")
    async with chromium(browser_path) as browser:
        person = await visit(browser, program.address, **DESK)
        await create(person)
        await shot(person, folder / "studio.png")
        await mix(person)
        await shot(person, folder / "mix.png")
        await edit(person)
        await shot(person, folder / "edit.png")
        await person.go("history")
        await expect(person.page.locator("#history .card").first).to_be_visible(timeout=LONG)
        await shot(person, folder / "history.png")
        phone = await visit(browser, program.address, **PHONE)
        await phone.open()
        await drawn(phone, "лиса на синем фоне", 1, seed=7)
        await shot(phone, folder / "phone.png")


async def create(person: Visitor) -> None:
    await person.open()
    await drawn(person, "a fox on a blue background", 1, seed=7)
    await person.set("count", 4)
    await drawn(person, "a cactus on a pink background", 4, seed=3)


async def mix(person: Visitor) -> None:
    await person.set("count", 1)
    await person.page.get_by_role("button", name="Show: a fox").click()
    await person.until_drawn(1)
    await person.act("mix")
    await expect(person.page.locator("#mix .parts img")).to_be_visible(timeout=LONG)
    await person.page.locator("#mix textarea").fill("a yellow sun")
    await person.page.locator("#mix-sweep").check()
    await person.draw()
    await person.until_drawn(5)


async def edit(person: Visitor) -> None:
    """The fox's picture, made wider."""
    await person.go("create")
    await person.page.get_by_role("button", name="Show: a fox").click()
    await person.until_drawn(1)
    await person.act("extend")
    await person.page.locator("#edit").get_by_text("16:9").click()
    await person.draw()
    await expect(person.stage.locator(".compare")).to_be_visible(timeout=LONG)


async def drawn(person: Visitor, prompt: str, count: int, *, seed: int) -> None:
    await person.set("seed", seed)
    await person.draw(prompt)
    await expect(person.stage).to_contain_text(prompt, timeout=LONG)
    await person.until_drawn(count)


async def shot(person: Visitor, file: Path) -> None:
    await person.page.mouse.move(0, 0)
    await person.page.evaluate("scrollTo(0, 0)")
    await person.page.wait_for_function(
        "[...document.images].filter((image) => image.checkVisibility())"
        ".every((image) => image.complete && image.naturalWidth)"
    )
    await asyncio.sleep(0.5)
    await person.page.screenshot(path=file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data, running(Path(data)) as program:
        asyncio.run(main(program, Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
