"""Makes the README's pictures of the bot: `python -m deploy.readme_chat [FOLDER]`.

Two people talk with the real bot, over mini, in the emulator of Telegram that the tests use; a
browser looks at their chats. Needs what tests/run.sh installs.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Browser, expect

from engine import Engine
from engine.studio import Studio
from tests.bot.scene import running, settings_for
from tests.e2e.browser import chromium, visit
from tests.telegram import Emulator, Person, Seen

FOLDER = Path(__file__).parent / "screenshots"
WIDE = {"viewport": {"width": 1180, "height": 1500}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


async def main(folder: Path) -> None:
    async with _telegram() as telegram, chromium(_browser()) as browser:
        anna = telegram.person("Anna", language="en")
        boris = telegram.person("Борис", language="ru")
        await english(anna)
        await look(browser, telegram, "Anna", folder / "chat.png", WIDE)
        await russian(boris)
        await look(browser, telegram, "Борис", folder / "chat-ru.png", PHONE)
        telegram.check()


async def english(anna: Person) -> None:
    """Words, a mix, and a part painted anew."""
    await anna.says("/start")
    await anna.sees(lambda message: message.buttons)
    await anna.says("a red fox on a blue background --seed 3")
    fox = await picture(anna)
    await anna.presses(fox, "➕ Mix")
    await anna.says("a yellow sun")
    draft = await anna.sees(lambda message: "a yellow sun" in message.text)
    await anna.presses(draft, "✨ Mix")
    await picture(anna, fox)


async def russian(boris: Person) -> None:
    """Words, and a part of the picture painted over and made anew."""
    await boris.says("маленькая ракета на чёрном фоне --seed 1")
    rocket = await picture(boris)
    marked = painted(rocket, (4, 4, 56, 56))
    await boris.sends_photo(marked, caption="синий шар --seed 5", reply_to=rocket)
    await picture(boris, rocket)


async def picture(person: Person, after: Seen | None = None) -> Seen:
    """The next finished one."""
    first = after.id if after else 0
    return await person.sees(
        lambda message: message.photo and len(message.buttons) > 1 and message.id > first,
        timeout=120,
    )


def painted(photo: Seen, box: tuple[int, int, int, int]) -> bytes:
    """The photo as somebody sends it back who painted over it."""
    with Image.open(BytesIO(photo.photo or b"")) as opened:
        marked = opened.convert("RGB")
    ImageDraw.Draw(marked).ellipse(box, fill="#ff2bd6")
    file = BytesIO()
    marked.save(file, "PNG")
    return file.getvalue()


async def look(
    browser: Browser, telegram: Emulator, name: str, file: Path, window: dict[str, object]
) -> None:
    """A picture of somebody's chat."""
    visitor = await visit(browser, telegram.url, **window)
    page = visitor.page
    await page.goto(telegram.url)
    await expect(page.locator("#title")).to_have_text("Kandinsky")
    if name != "Anna":
        if await page.locator("#back").is_visible():
            await page.locator("#back").click()
        await page.locator("#people button", has_text=name).click()
        await page.locator("#chats button", has_text="Kandinsky").first.click()
    await page.wait_for_timeout(800)  # for pictures to be decoded
    await page.screenshot(path=file)


def _browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    sys.exit("Install Chromium first.")


@asynccontextmanager
async def _telegram() -> AsyncIterator[Emulator]:
    """Telegram with the bot in it."""
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator.open(page=True, speed=5) as telegram:
            settings = settings_for(telegram, Path(folder))
            async with (
                Engine.open(settings) as engine,
                Studio.open(settings, engine) as studio,
                running(settings, studio),
            ):
                yield telegram


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
