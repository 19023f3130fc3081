from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mini import eye, scenes
from engine.mini.things import COLOURS, THINGS


@given(seed=st.integers(0, 2**32))
def test_training_never_shows_a_held_out_pair(seed: int) -> None:
    scene = scenes.sample(random.Random(seed))
    assert (scene.thing, scene.background) not in scenes.HELD_OUT
    assert (scene.thing, scene.second) not in scenes.HELD_OUT


@given(seed=st.integers(0, 2**32))
def test_a_caption_mentions_only_what_is_true(seed: int) -> None:
    rng = random.Random(seed)
    scene = scenes.sample(rng)
    for language in scenes.LANGUAGES:
        text, said = scenes.caption(scene, rng, language)
        assert text == text.strip() != ""
        assert "  " not in text
        assert said.thing == scene.thing
        assert said.background in (-1, scene.background)
        assert said.size in (-1, scene.size)
        assert said.place in (-1, scene.place)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "a fox on a blue background"), ("ru", "лиса на синем фоне")],
)
def test_the_plain_caption_is_what_a_person_types(language: scenes.Language, text: str) -> None:
    thing = [thing.en for thing in THINGS].index("fox")
    colour = [colour.en for colour in COLOURS].index("blue")
    assert scenes.plain_caption(thing, colour, language) == text


def test_every_thing_has_its_own_names() -> None:
    for name in ("emoji", "en", "ru"):
        assert len({getattr(thing, name) for thing in THINGS}) == len(THINGS)


def test_a_scene_is_drawn_the_same_from_the_same_seed() -> None:
    one, two = (scenes.sample(random.Random(5)) for _ in range(2))
    assert one == two


@pytest.mark.system
def test_the_judge_recognises_what_is_drawn() -> None:
    """The judge's ceiling: real drawings of held-out pairs, which it never saw either."""
    pairs = sorted(scenes.HELD_OUT)
    drawn = [scenes.draw(scenes.Scene(thing, colour)) for thing, colour in pairs]
    things = eye.things_in(drawn)
    right = sum(seen == thing for seen, (thing, _) in zip(things, pairs, strict=True))
    assert right >= 97
    assert [eye.background_of(picture) for picture in drawn] == [colour for _, colour in pairs]


@pytest.mark.system
def test_things_are_large_and_whole() -> None:
    for thing in range(len(THINGS)):
        picture = np.asarray(scenes.draw(scenes.Scene(thing, 1)), dtype=np.int16)
        touched = np.abs(picture - picture[0, 0]).max(axis=2) > 30
        assert 0.05 < touched.mean() < 0.6, THINGS[thing].en
        frame = np.concatenate([touched[0], touched[-1], touched[:, 0], touched[:, -1]])
        assert not frame.any(), THINGS[thing].en
