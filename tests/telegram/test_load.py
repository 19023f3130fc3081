from __future__ import annotations

import pytest

from tests.telegram.load import Load, measure

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("polling", [False, True], ids=["webhook", "polling"])
async def test_under_load_every_update_is_handled_once(polling: bool) -> None:
    """How soon depends on the machine: `python -m tests.telegram.load` tells it."""
    outcome = await measure(Load(rate=50, seconds=2, people=40, polling=polling, speed=20))
    assert outcome.sent == outcome.stored == len(outcome.waits) == 100
    assert (outcome.unhandled, outcome.failed, outcome.jobs) == (0, 0, outcome.asked)
    assert outcome.lost() == 0
    assert outcome.violations == []
