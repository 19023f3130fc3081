"""axe-core finds nothing serious on any page, in either language, light or dark, wide or narrow."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.e2e.program import Program

pytestmark = [pytest.mark.system, pytest.mark.slow]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
SERIOUS = ("serious", "critical")
TABS = ("create", "mix", "edit", "history")
PLAIN = ("account", "privacy")
LOOKS: dict[str, dict[str, Any]] = {
    "wide and light": {"locale": "en-US", "color_scheme": "light"},
    "narrow and dark": {
        "locale": "ru-RU",
        "color_scheme": "dark",
        "viewport": {"width": 390, "height": 844},
    },
}


async def found(person: Visitor) -> list[str]:
    """The serious findings on the page once all that moves or fades has come to rest."""
    await person.page.wait_for_load_state("networkidle")
    await person.page.wait_for_function(
        "document.getAnimations().every((one) => one.playState !== 'running')"
    )
    await person.page.evaluate(AXE)
    results = json.loads(await person.page.evaluate("axe.run().then(JSON.stringify)"))
    return [
        f"{finding['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for finding in results["violations"]
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_is_accessible(program: Program, enter: Visit, look: str) -> None:
    person = await enter(program, **LOOKS[look])
    assert await found(person) == []
    await person.set("steps", 2)
    await person.draw("an accessible owl on a white background")
    await person.until_drawn()
    await person.stage.locator("summary").click()
    for tab in TABS:
        await person.go(tab)
        await expect(person.page.locator("body")).to_have_attribute("data-tab", tab)
        assert await found(person) == [], tab
    language = LOOKS[look]["locale"][:2]
    for page in PLAIN:
        await person.page.goto(f"{program.address}/{language}/{page}")
        assert await found(person) == [], page
