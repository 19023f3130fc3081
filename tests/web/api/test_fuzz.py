"""Calls of all kinds, made by schemathesis from the OpenAPI document: none may break the studio,
and every answer is as the document says. API_FUZZ sets how many are tried of each call."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from itsdangerous import URLSafeSerializer
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from engine.settings import Settings
from tests.web.api.people import served
from web.visitors import VISITOR

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

TRIES = tries(
    max_examples=int(os.environ.get("API_FUZZ", "10")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


async def test_no_call_breaks_the_studio(app: FastAPI, settings: Settings) -> None:
    cookie = URLSafeSerializer(settings.signing_key(), salt="visitor").dumps("fuzz")
    async with served(app) as address:
        seen = await asyncio.to_thread(fuzz, address, str(cookie))
    assert seen[201] > 0
    assert seen[200] > 0
    assert seen[401] == 0


def fuzz(address: str, cookie: str) -> Counter[int]:
    """How often each status was answered to somebody with that cookie."""
    seen: Counter[int] = Counter()
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")

    def tried(case: Any) -> None:
        case.cookies = {VISITOR: cookie}
        case.headers.pop("authorization", None)
        answer = case.call()
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        TRIES(given(case=found.ok().as_strategy())(tried))()
    return seen
