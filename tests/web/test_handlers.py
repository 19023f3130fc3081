from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from engine.cards import ModelCard
from engine.studio import Finished, Studio
from engine.texts import Texts
from tests.twin import CARD, Twin
from web import form
from web.fields import OF_MODEL
from web.handlers import Handlers

pytestmark = pytest.mark.slow

BIG = replace(CARD, name="big", title="Big", sizes=((128, 128), (192, 128)), count_limit=2, steps=9)
CARDS = [CARD, BIG]
ANN = gr.Request(username="ann", session_hash="tab")


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
    problem, job_id = await handlers.submit(ANN, key, *values(**given))
    assert problem == ""
    return str(job_id)


async def drawn(handlers: Handlers, studio: Studio, **given: object) -> str:
    """The id of a job of Ann's that has ended."""
    job_id = await submitted(handlers, **given)
    ann = await studio.account("web", "ann", "ru")
    *_, last = [event async for event in studio.watch(job_id, ann)]
    assert isinstance(last, Finished)
    return job_id


def pressed(**told: str) -> gr.EventData:
    return gr.EventData(None, told)


def shown(updates: list[Any]) -> dict[str, Any]:
    """The values that a list of updates puts into the form."""
    return {name: update["value"] for name, update in zip(form.FIELDS, updates, strict=True)}


async def test_the_same_key_is_the_same_job(handlers: Handlers) -> None:
    assert await submitted(handlers, "one") == await submitted(handlers, "one")
    assert await submitted(handlers, "one") != await submitted(handlers, "two")


@pytest.mark.parametrize("key", [None, "", 7, ["k"], "k" * 1000])
async def test_a_missing_or_forged_key_is_a_new_job(handlers: Handlers, key: object) -> None:
    assert await submitted(handlers, key) != await submitted(handlers, key)


async def test_a_refusal_is_said_in_the_language_of_the_page(handlers: Handlers) -> None:
    problem, job_id = await handlers.submit(ANN, "k", *values(model="dall-e"))
    assert "Модели «dall-e» здесь нет. Выберите одну из этих: twin, big." in problem
    assert job_id == gr.skip()


async def test_following_shows_the_picture_and_then_the_history(handlers: Handlers) -> None:
    job_id = await submitted(handlers)
    views = [view async for view in handlers.follow(ANN, job_id, 24)]
    stage, followed, _, history = views[-1]
    assert "/media/" in stage
    assert "/media/" in history
    assert followed == job_id


async def test_only_the_newest_watch_of_a_tab_goes_on(handlers: Handlers) -> None:
    await submitted(handlers)
    older = handlers.follow(ANN, None, 24)
    await anext(older)
    newer = [view async for view in handlers.follow(ANN, None, 24)]
    assert [view async for view in older] == []
    assert "/media/" in newer[-1][0]


async def test_a_job_of_the_history_fills_the_form(handlers: Handlers, studio: Studio) -> None:
    job_id = await drawn(handlers, studio, model="big", size="192x128", seed="5", count=2)
    problem, *updates = await handlers.reuse(ANN, pressed(job=job_id))
    assert problem == ""
    assert {
        "prompt": "лиса",
        "model": "big",
        "size": "192x128",
        "seed": "5",
        "count": 2,
    }.items() <= (shown(updates).items())


@pytest.mark.parametrize("told", [{}, {"job": "nothing"}, {"job": ""}])
async def test_a_press_for_no_job_is_said(handlers: Handlers, told: dict[str, str]) -> None:
    problem, *_ = await handlers.reuse(ANN, pressed(**told))
    assert "Такой картинки или такого запроса нет." in problem
    assert "Такой картинки" in await handlers.stop_listed(ANN, pressed(**told))


async def test_nobody_touches_anothers_job(handlers: Handlers, studio: Studio) -> None:
    job_id = await drawn(handlers, studio)
    bob = gr.Request(username="bob", session_hash="other")
    problem, *_ = await handlers.reuse(bob, pressed(job=job_id))
    assert "Такой картинки" in problem
    assert "Такой картинки" in await handlers.stop(bob, job_id)
    assert await handlers.last_seed(bob, job_id) == gr.skip()
    assert job_id not in await handlers.more(bob, 24)


async def test_without_a_visitor_nothing_is_accepted(handlers: Handlers) -> None:
    problem, _ = await handlers.submit(gr.Request(), "k", *values())
    assert "Из-за сбоя" in problem


def test_another_model_brings_its_own_bounds(handlers: Handlers) -> None:
    updates = dict(zip(OF_MODEL, handlers.adapt("big"), strict=True))
    assert updates["count"]["maximum"] == 2
    assert [choice for _, choice in updates["size"]["choices"]] == ["128x128", "192x128"]
    assert updates["steps"]["value"] == 9


def test_the_form_comes_back_as_it_was_left(handlers: Handlers) -> None:
    left = values(model="big", size="192x128", seed="12", guidance=2.5)
    assert list(shown(handlers.restore(left)).values()) == left


def test_a_form_left_for_a_model_that_is_gone_keeps_its_words(handlers: Handlers) -> None:
    restored = shown(handlers.restore(values(model="gone", size="9999x1")))
    assert (restored["prompt"], restored["model"], restored["size"]) == ("лиса", "twin", "64x64")


@pytest.mark.parametrize("saved", [None, "x", [], {"prompt": "x"}])
def test_a_form_that_cannot_be_read_changes_nothing(handlers: Handlers, saved: object) -> None:
    assert handlers.restore(saved) == [gr.skip()] * len(form.FIELDS)
