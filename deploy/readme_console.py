"""Makes the README's pictures of the review console: `python -m deploy.readme_console [FOLDER]`.

Two people draw with the real studio, over mini; a moderator looks. Needs what tests/run.sh
installs.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from deploy.readme_studio import DESK, FOLDER, PHONE, drawn
from storage.database import Database
from storage.records import Role
from storage.signin import SignIn
from tests.e2e.browser import LONG, chromium, visit
from tests.e2e.conftest import NAMES
from tests.e2e.program import Program, running

PASSWORD = "a dozen letters"  # noqa: S105 - of a studio that is gone at the end
ASKED = {
    "en-US": ("a dog on a green background", "a cake", "a rocket on a black background"),
    "ru-RU": ("лиса на синем фоне", "кактус на розовом фоне", "сова на фиолетовом фоне"),
}


async def main(program: Program, folder: Path) -> None:
    browser_path = next(filter(None, map(shutil.which, NAMES)), None)
    if browser_path is None:
        sys.exit(f"One of {', '.join(NAMES)} must be installed.")
    async with Database.open(f"sqlite+aiosqlite:///{program.data / 'studio.sqlite3'}") as database:
        await SignIn(database).create("anna", PASSWORD, Role.SENIOR, by=None)
    async with chromium(browser_path) as browser:
        for locale, prompts in ASKED.items():
            person = await visit(browser, program.address, **(DESK | {"locale": locale}))
            await person.open()
            for number, prompt in enumerate(prompts):
                await drawn(person, prompt, 1, seed=number + 5)
        desk = await console(browser, program, DESK)
        await shot(desk, folder / "review.png")
        await desk.keyboard.press("a")  # the next is on the phone
        phone = await console(browser, program, PHONE)
        await shot(phone, folder / "review-phone.png")


async def console(browser: Browser, program: Program, window: dict[str, Any]) -> Page:
    """The queue, as a moderator sees it who has signed in."""
    page = (await visit(browser, program.address, **window)).page
    await page.goto(f"{program.address}/moderation")
    await page.locator("input[name=name]").fill("anna")
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("form button[type=submit], main form button").first.click()
    await expect(page.locator("#queue")).to_be_visible(timeout=LONG)
    return page


async def shot(page: Page, file: Path) -> None:
    await page.wait_for_load_state("networkidle")
    await asyncio.sleep(1)
    await page.screenshot(path=file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data, running(Path(data), review="after") as program:
        asyncio.run(main(program, Path(sys.argv[1]) if sys.argv[1:] else FOLDER))
