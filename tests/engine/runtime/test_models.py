from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ModelTooLarge
from engine.families import K22, mini_card
from engine.runtime.caches import CacheStats
from engine.runtime.models import Model, Models
from engine.weights import Weights
from tests.engine.runtime.fakes import CountingModel

GB = 10**9


class Shelf:
    """Models a, b and c of one GB each (a byte a number), and the order they were loaded in."""

    def __init__(self, budget: float) -> None:
        self.loaded: list[str] = []
        weights = [Weights(mini_card(name), Path(), K22, GB) for name in "abc"]
        self.models = Models(weights, self._load, budget, width=1)

    def _load(self, weights: Weights) -> Model:
        self.loaded.append(weights.card.name)
        return CountingModel()

    def take(self, *names: str, busy: str = "") -> list[Model | None]:
        return [self.models.take(name, busy) for name in names]


def test_a_model_is_loaded_on_first_use_only() -> None:
    shelf = Shelf(budget=0)
    first, again = shelf.take("a", "a")
    assert first is again
    assert shelf.loaded == ["a"]


def test_without_a_budget_all_stay() -> None:
    shelf = Shelf(budget=0)
    shelf.take("a", "b", "c", "a", "b", "c")
    assert shelf.loaded == ["a", "b", "c"]


def test_the_least_recently_used_makes_room() -> None:
    shelf = Shelf(budget=2)
    shelf.take("a", "b", "a", "c", "a", "b")
    assert shelf.loaded == ["a", "b", "c", "b"]


def test_a_model_at_work_is_never_let_go() -> None:
    shelf = Shelf(budget=2)
    shelf.take("a", "b")
    shelf.take("c", busy="a")
    assert shelf.loaded == ["a", "b", "c"]
    assert shelf.take("a") != [None]
    assert shelf.loaded == ["a", "b", "c"]


def test_a_model_waits_while_there_is_no_room() -> None:
    shelf = Shelf(budget=2)
    shelf.take("a", "b")
    assert shelf.take("c", busy="ab") == [None]
    assert shelf.loaded == ["a", "b"]
    shelf.take("a", "b", busy="ab")  # and none was let go for nothing
    assert shelf.loaded == ["a", "b"]


def test_a_model_larger_than_the_budget_is_refused() -> None:
    with pytest.raises(ModelTooLarge, match=r"1\.0 GB"):
        Shelf(budget=0.5).take("a")


def test_caches_are_named_by_their_model() -> None:
    shelf = Shelf(budget=0)
    shelf.take("a")
    assert shelf.models.stats() == {"a words": CacheStats(hits=0, misses=0, bytes=4)}
    shelf.models.forget()
    assert shelf.models.stats() == {"a words": CacheStats(hits=0, misses=0, bytes=0)}
