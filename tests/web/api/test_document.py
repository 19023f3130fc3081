from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from tests.web.api.people import program
from web.api.asked import KINDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def nobody(app: FastAPI) -> Any:
    async with program(app) as client:
        yield client


async def test_every_call_lists_its_refusals(nobody: httpx.AsyncClient) -> None:
    whole = (await nobody.get("/api/openapi.json")).json()
    assert whole["openapi"].startswith("3.1")
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            statuses = set(operation["responses"])
            assert {"401", "429", "503"} < statuses
            assert ("422" in statuses) <= (not path.startswith("/v1/"))
            assert operation["summary"]


async def test_every_mode_has_an_example(nobody: httpx.AsyncClient) -> None:
    whole = (await nobody.get("/api/openapi.json")).json()
    body = whole["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]
    modes = [one["value"]["mode"] for one in body["examples"].values()]
    assert modes == [kind.model_fields["mode"].annotation.__args__[0] for kind in KINDS]  # type: ignore[union-attr]


async def test_the_page_shows_every_call_and_loads_nothing(nobody: httpx.AsyncClient) -> None:
    whole = (await nobody.get("/api/openapi.json")).json()
    answer = await nobody.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for path in whole["paths"]:
        assert f"<code>{path}</code>" in answer.text
    for ways in ("curl", "from openai import OpenAI", "await fetch("):
        assert ways in answer.text
    assert "<script" not in answer.text
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', answer.text) == []


async def test_the_page_says_nothing_about_the_caller_that_is_not_escaped(app: FastAPI) -> None:
    async with program(app, host="<script>alert(1)</script>") as client:
        assert "<script>" not in (await client.get("/api/docs")).text
