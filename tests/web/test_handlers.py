from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from engine.cards import ModelCard
from engine.studio import Studio
from engine.texts import Texts
from tests.twin import CARD, Twin
from web import form
from web.fields import OF_MODEL
from web.handlers import Handlers

pytestmark = pytest.mark.slow

BIG = replace(
    CARD,
    name="big",
    title="Big",
    modes=("text_to_image", "mix"),
    sizes=((128, 128), (192, 128)),
    count_limit=2,
    steps=9,
    samplers=("ddpm", "ddim"),
)
CARDS = [CARD, BIG]
ANN = gr.Request(username="web:ann", session_hash="tab")
WORDS = json.dumps({"tab": "create"})


class TwoModels(Twin):
    def models(self) -> list[ModelCard]:
        return CARDS


@pytest.fixture
def twin() -> Twin:
    return TwoModels()


@pytest.fixture
def handlers(studio: Studio) -> Handlers:
    return Handlers(studio, CARDS, Texts("ru"))


def values(**given: object) -> list[Any]:
    return list((form.defaults(CARD) | {"prompt": "лиса"} | given).values())


async def submitted(handlers: Handlers, key: object = "k", **given: object) -> str:
    problem, jobs = await handlers.submit(ANN, key, WORDS, *values(**given))
    assert problem == ""
    return jobs


def told(**what: object) -> gr.EventData:
    return gr.EventData(None, what)


def shown(updates: list[Any]) -> dict[str, Any]:
    """The values that a list of updates puts into the form."""
    return {name: update["value"] for name, update in zip(form.FIELDS, updates, strict=True)}


async def test_the_same_key_is_the_same_job(handlers: Handlers) -> None:
    assert await submitted(handlers, "one") == await submitted(handlers, "one")
    assert await submitted(handlers, "one") != await submitted(handlers, "two")


@pytest.mark.parametrize("key", [None, "", 7, ["k"], "k" * 1000, "\0", "\ud800"])
async def test_a_missing_or_forged_key_is_a_new_job(handlers: Handlers, key: object) -> None:
    assert await submitted(handlers, key) != await submitted(handlers, key)


async def test_a_job_is_the_visitors_own(handlers: Handlers, studio: Studio) -> None:
    job_id = await submitted(handlers, seed="5")
    ann = await studio.account("web", "ann", "ru")
    job = await studio.job(job_id, ann)
    assert (job.request["prompt"], job.request["seed"]) == ("лиса", 5)


async def test_a_sweep_is_several_jobs(handlers: Handlers) -> None:
    parts = [{"words": "лиса"}, {"words": "снег"}]
    sweep = json.dumps({"tab": "mix", "parts": parts, "sweep": True})
    problem, jobs = await handlers.submit(ANN, "k", sweep, *values(model="big"))
    assert problem == ""
    assert len(set(jobs.split(","))) == 5


async def test_a_refusal_is_said_in_the_language_of_the_page(handlers: Handlers) -> None:
    problem, jobs = await handlers.submit(ANN, "k", WORDS, *values(model="dall-e"))
    assert "Модели «dall-e» здесь нет. Выберите одну из этих: twin, big." in problem
    assert jobs == ""


async def test_without_a_visitor_nothing_is_accepted(handlers: Handlers) -> None:
    problem, _ = await handlers.submit(gr.Request(), "k", WORDS, *values())
    assert "Из-за сбоя" in problem


def test_a_request_fills_the_form(handlers: Handlers) -> None:
    request = {"prompt": "сова", "model": "big", "width": 192, "height": 128, "seed": 5, "count": 2}
    filled = shown(handlers.fill(told(request=request)))
    wanted = {"prompt": "сова", "model": "big", "aspect": "3:2", "seed": "5", "count": 2}
    assert wanted.items() <= filled.items()


@pytest.mark.parametrize("what", [{}, {"request": None}, {"request": ["x"]}])
def test_what_is_no_request_fills_nothing(handlers: Handlers, what: dict[str, object]) -> None:
    assert handlers.fill(told(**what)) == [gr.skip()] * len(form.FIELDS)


def test_a_seed_is_taken(handlers: Handlers) -> None:
    assert handlers.seed(told(seed="12")) == "12"
    assert handlers.seed(told(seed=["12"])) == gr.skip()


def test_another_model_brings_its_own_bounds(handlers: Handlers) -> None:
    updates = dict(zip(OF_MODEL, handlers.adapt("big"), strict=True))
    assert updates["count"]["maximum"] == 2
    assert [choice for _, choice in updates["sampler"]["choices"]] == ["ddpm", "ddim"]
    assert updates["steps"]["value"] == 9


def test_the_form_comes_back_as_it_was_left(handlers: Handlers) -> None:
    left = form.defaults(BIG) | {"aspect": "3:2", "seed": "12", "guidance": 2.5, "style": "anime"}
    assert shown(handlers.restore(left)) == left


def test_a_form_left_for_a_model_that_is_gone_keeps_its_words(handlers: Handlers) -> None:
    restored = shown(handlers.restore({"prompt": "лиса", "model": "gone"}))
    assert restored["prompt"] == "лиса"
    assert restored["steps"] == CARD.steps


@pytest.mark.parametrize("forged", [None, "a", [1], True, float("nan"), float("inf"), 10**400])
def test_a_forged_form_is_the_models_own(handlers: Handlers, forged: object) -> None:
    left = dict.fromkeys(form.FIELDS, forged) | {"prompt": "лиса\ud800"}
    for restored in (handlers.restore(left), handlers.fill(told(request=left))):
        assert json.dumps(shown(restored), ensure_ascii=False, allow_nan=False).encode()
        assert shown(restored)["count"] == 1


def test_a_forged_model_is_the_first(handlers: Handlers) -> None:
    assert handlers.adapt("gone") == handlers.adapt("twin")


async def test_halves_of_characters_can_be_answered(handlers: Handlers) -> None:
    for given in ({"model": "\ud800"}, {"prompt": "\ud800"}, {"count": "\ud800"}):
        problem, jobs = await handlers.submit(ANN, "\ud800", WORDS, *values(**given))
        assert problem.encode()
        assert jobs == ""
    problem, _ = await handlers.submit(ANN, "k", '"\ud800', *values())
    assert problem.encode()


@pytest.mark.parametrize("saved", [None, "x", [], 7])
def test_a_form_that_cannot_be_read_changes_nothing(handlers: Handlers, saved: object) -> None:
    assert handlers.restore(saved) == [gr.skip()] * len(form.FIELDS)
