"""A person at the page: one Chromium window that notes what must not happen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    async_playwright,
    expect,
)

LONG = 120_000  # milliseconds; a busy machine draws slowly
INLINE = ("data:", "blob:")


@dataclass
class Visitor:
    """Somebody with an open page. `outside` and `faults` must stay empty."""

    context: BrowserContext
    page: Page
    address: str
    outside: list[str] = field(default_factory=list)  # requests to anywhere but the studio
    faults: list[str] = field(default_factory=list)  # errors of the page's scripts

    @property
    def stage(self) -> Locator:
        return self.page.locator("#stage")

    @property
    def problem(self) -> Locator:
        return self.page.locator("#problem .problem")

    @property
    def pictures(self) -> Locator:
        return self.stage.locator(".result .picture img")

    @property
    def strip(self) -> Locator:
        return self.page.locator("#strip .tile")

    @property
    def prompt(self) -> Locator:
        return self.page.locator("#prompt textarea")

    async def go(self, tab: str) -> None:
        """To another part of the studio."""
        await self.page.locator(f"#tabs a[href$='#{tab}']").click()

    async def act(self, name: str, nth: int = 0) -> None:
        """One of the actions under a picture of the stage, in its menu or not."""
        picture = self.stage.locator(".picture").nth(nth)
        button = picture.locator(f"[data-do={name}]")
        if not await button.is_visible():
            await picture.locator("summary").click()
        await button.click()

    async def open(self, path: str = "/") -> None:
        await self.page.goto(self.address + path)
        await expect(self.page.locator("#tabs [aria-current]")).to_be_visible(timeout=LONG)

    async def write(self, prompt: str) -> None:
        await self.page.locator("#prompt textarea").fill(prompt)

    async def set(self, name: str, value: object) -> None:
        """One of the numbers of the form."""
        box = self.page.locator(f"#{name} :is(input, textarea)").first
        if not await box.is_visible():
            await self.page.locator("#advanced > button").click()
        await box.fill(str(value))
        await box.blur()

    async def draw(self, prompt: str | None = None) -> None:
        if prompt is not None:
            await self.write(prompt)
        await self.page.locator("#draw").click()

    async def until_drawing(self, step: str = r"Step \d+ of \d+") -> None:
        """Looks at every frame, so it sees a drawing that takes a second if it began before."""
        await self.page.wait_for_function(
            "(step) => new RegExp(step).test(document.querySelector('#stage .now')?.innerText)",
            arg=step,
            timeout=LONG,
        )

    async def until_drawn(self, count: int = 1) -> None:
        await expect(self.pictures).to_have_count(count, timeout=LONG)

    async def fetch(self, picture: Locator) -> bytes:
        """The file behind a picture on the page."""
        source = await picture.get_attribute("src") or ""
        assert re.fullmatch(r"/media/[\w-]+", source)
        answer = await self.context.request.get(self.address + source)
        assert answer.status == 200
        return await answer.body()


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


async def visit(browser: Browser, address: str, **options: Any) -> Visitor:
    """A new person, who has not been here before."""
    context = await browser.new_context(**({"locale": "en-US"} | options))
    context.set_default_timeout(30_000)
    visitor = Visitor(context, await context.new_page(), address)

    def note(url: str) -> None:
        if not url.startswith((f"{address}/", *INLINE)):
            visitor.outside.append(url)

    context.on("request", lambda request: note(request.url))
    visitor.page.on("pageerror", lambda error: visitor.faults.append(str(error)))
    visitor.page.on("dialog", lambda dialog: visitor.faults.append(dialog.message))
    return visitor
