from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from engine import requests
from engine.sources import Source
from web.api import asked
from web.api.examples import MODES


def test_the_bodies_have_the_fields_of_the_engines_requests() -> None:
    bodies: tuple[type[BaseModel], ...] = asked.KINDS
    for body, kind in zip(bodies, requests.KINDS, strict=True):
        assert set(body.model_fields) == set(kind.model_fields)
    assert set(asked.Part.model_fields) == set(requests.Part.model_fields)


def test_there_is_an_example_of_every_mode() -> None:
    for mode, kind in zip(MODES, requests.KINDS, strict=True):
        assert kind.model_fields["mode"].default == mode
        assert kind.model_validate(with_sources(MODES[mode]["value"])).mode == mode


def with_sources(example: Any) -> Any:
    """The example, every picture named by a hash."""
    if isinstance(example, dict) and set(example) == {"id"}:
        return Source(sha256="0" * 64)
    if isinstance(example, dict):
        return {name: with_sources(value) for name, value in example.items()}
    return [with_sources(one) for one in example] if isinstance(example, list) else example
