"""The load of `python -m tests.web.load`, small: nothing is lost, and everybody hears of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.program import running
from tests.web.load import load

pytestmark = pytest.mark.slow


async def test_many_look_on_while_some_submit(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        seen = await load(program, sessions=20, submitters=3, seconds=3)
    assert seen.lost() == []
    assert len(seen.ends) >= 3
    assert set(seen.ends.values()) == {"done"}
    assert seen.events > 20
