from __future__ import annotations

from engine.events import Step
from engine.pace import Pace


def test_the_time_left_follows_the_pace_so_far() -> None:
    times = iter([100.0, 101.0, 104.0])
    pace = Pace(lambda: next(times))
    assert pace.seconds_left(Step(1, 10)) is None
    assert pace.seconds_left(Step(2, 10)) == 8
    assert pace.seconds_left(Step(3, 10)) == 14  # 2 s a step by now


def test_a_second_attempt_starts_its_own_pace() -> None:
    times = iter([0.0, 10.0, 20.0, 21.0])
    pace = Pace(lambda: next(times))
    pace.seconds_left(Step(1, 10))
    pace.seconds_left(Step(5, 10))
    assert pace.seconds_left(Step(1, 10)) is None
    assert pace.seconds_left(Step(2, 10)) == 8
