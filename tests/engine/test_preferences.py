from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.cards import ModelCard, resolve
from engine.errors import OutOfRange, UnknownModel, UnknownStyle, UserError
from engine.families import K3, K21, K22, mini_card
from engine.preferences import ASPECTS, KEY, Aspect, Preferences, Quality, size
from engine.requests import (
    COUNT_LIMIT,
    SEED_LIMIT,
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    TextToImage,
    Variations,
)
from engine.sources import Source
from engine.styles import STYLES
from tests.twin import CARD as TWIN

MINI = mini_card()
LARGE, NEW = (family.card_of(family.name, family.name, Path("nowhere")) for family in (K22, K3))
CARDS = [MINI, LARGE, NEW]
PICTURE = Source.of(Image.new("RGB", (90, 80)))

FOX = TextToImage(prompt="a fox")
MIX = Mix(parts=(Part(words="a fox"), Part(words="a cat")))
VARIED = Variations(picture=PICTURE)
CHANGED = ImageToImage(prompt="a fox", picture=PICTURE)
REPAINTED = Inpaint(picture=PICTURE, mask=PICTURE)
CONTINUED = Outpaint(picture=PICTURE, left=-64, top=0, width=154, height=80)
ALL = [FOX, MIX, VARIED, CHANGED, REPAINTED, CONTINUED]

chosen = st.builds(
    Preferences,
    model=st.sampled_from([None, "mini", "2.2", "3", "gone"]),
    aspect=st.sampled_from(ASPECTS),
    count=st.integers(1, COUNT_LIMIT),
    style=st.sampled_from([None, *STYLES]),
    quality=st.sampled_from(["draft", "standard", "fine"]),
    negative_prompt=st.sampled_from(["", "text"]),
    seed=st.none() | st.integers(0, SEED_LIMIT - COUNT_LIMIT + 1),
)


strange = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)


@given(chosen)
def test_what_is_kept_is_read_again(preferences: Preferences) -> None:
    kept = json.loads(json.dumps({KEY: preferences.model_dump(mode="json")}))
    assert Preferences.of(kept) == preferences


@pytest.mark.parametrize("kept", [{}, {KEY: None}, {KEY: []}, {KEY: "x"}, {"other": {"count": 3}}])
def test_nothing_readable_is_nothing_set(kept: dict[str, Any]) -> None:
    assert Preferences.of(kept) == Preferences()


def test_what_cannot_be_read_counts_as_unset() -> None:
    kept = {"count": 99, "aspect": "7:1", "style": "gone", "quality": [], "seed": "x", "new": 1}
    kept |= {"negative_prompt": "a" * 1001, "model": "2.2"}
    assert Preferences.of({KEY: kept}) == Preferences(model="2.2")


@given(st.dictionaries(st.sampled_from(sorted(Preferences.model_fields)), strange))
def test_reading_never_fails(kept: dict[str, Any]) -> None:
    preferences = Preferences.of({KEY: kept})
    assert preferences.apply(FOX, CARDS).prompt == "a fox"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"count": 0}, OutOfRange),
        ({"count": COUNT_LIMIT + 1}, OutOfRange),
        ({"seed": -1}, OutOfRange),
        ({"seed": SEED_LIMIT}, OutOfRange),  # its second picture would have none
        ({"style": "gone"}, UnknownStyle),
    ],
)
def test_what_no_request_takes_cannot_be_preferred(
    fields: dict[str, Any], error: type[UserError]
) -> None:
    with pytest.raises(error):
        Preferences(**fields)


@pytest.mark.parametrize(
    ("card", "wide", "high"),
    [
        (MINI, (168, 96), (128, 192)),
        (LARGE, (1024, 576), (512, 768)),
        (K21.card, (768, 448), (512, 768)),
        (NEW, (1024, 576), (768, 1152)),
        (TWIN, (112, 64), (64, 96)),  # smaller would be off its limits
    ],
)
def test_each_model_has_a_size_for_each_aspect(
    card: ModelCard, wide: tuple[int, int], high: tuple[int, int]
) -> None:
    assert size("1:1", card) == card.sizes[0]
    assert (size("16:9", card), size("2:3", card)) == (wide, high)


@given(st.sampled_from(ASPECTS), st.sampled_from([*CARDS, K21.card, TWIN]))
def test_sizes_turn_with_their_aspect(aspect: Aspect, card: ModelCard) -> None:
    width, height = size(aspect, card)
    wide, high = map(int, aspect.split(":"))
    low, most = card.side_limit
    assert low <= min(width, height) <= max(width, height) <= most
    assert abs(width / height / (wide / high) - 1) <= 0.04
    if aspect != "1:1":
        turned: dict[Aspect, Aspect] = {"16:9": "9:16", "9:16": "16:9", "3:2": "2:3", "2:3": "3:2"}
        assert size(turned[aspect], card) == (height, width)


def test_a_model_that_can_only_one_size_keeps_it() -> None:
    stiff = ModelCard(
        **{name: getattr(MINI, name) for name in MINI.__slots__} | {"side_limit": (128, 128)}
    )
    assert size("16:9", stiff) == (128, 128)


@given(chosen, st.sampled_from(ALL))
def test_what_they_make_of_a_request_can_be_made(
    preferences: Preferences, request_: Request
) -> None:
    filled = preferences.apply(request_, CARDS)
    assert type(filled) is type(request_)
    if not isinstance(request_, Inpaint | Outpaint):  # no model here edits
        assert resolve(filled, CARDS).model in ("mini", "2.2", "3")


@pytest.mark.parametrize("request_", ALL)
def test_nobody_who_set_nothing_notices(request_: Request) -> None:
    assert Preferences().apply(request_, [LARGE]) == request_


def test_a_request_says_more_than_preferences() -> None:
    preferences = Preferences(
        model="2.2", aspect="3:2", count=4, style="anime", quality="fine", negative_prompt="a cat"
    )
    said = TextToImage(
        prompt="a fox",
        model="mini",
        width=64,
        count=1,
        style="cartoon",
        steps=5,
        negative_prompt="",
    )
    assert preferences.apply(said, CARDS) == said
    filled = preferences.apply(FOX, CARDS)
    assert (filled.model, filled.width, filled.height, filled.count) == ("2.2", 768, 512, 4)
    assert (filled.style, filled.steps, filled.negative_prompt) == ("anime", 100, "a cat")


def test_no_style_can_be_asked_for() -> None:
    plain = TextToImage(prompt="a fox", style=None)
    assert Preferences(style="anime").apply(plain, CARDS).style is None


def test_a_style_goes_with_words() -> None:
    preferences = Preferences(style="anime")
    styles = [preferences.apply(request, CARDS).style for request in ALL]
    assert styles == ["anime", None, None, "anime", None, None]


def test_only_pictures_from_nothing_take_their_size() -> None:
    preferences = Preferences(model="2.2", aspect="16:9")
    deep = TextToImage(prompt="a fox", depth=PICTURE)
    widths = [preferences.apply(request, CARDS).width for request in (*ALL, deep)]
    assert widths == [1024, 1024, 1024, None, None, 154, None]


@pytest.mark.parametrize(("quality", "steps"), [("draft", 12), ("standard", None), ("fine", 50)])
def test_quality_is_a_share_of_the_models_steps(quality: Quality, steps: int | None) -> None:
    assert Preferences(quality=quality).apply(FOX, [MINI]).steps == steps


def test_no_more_pictures_than_the_model_makes_at_once() -> None:
    assert Preferences(count=9).apply(FOX, [LARGE]).count == LARGE.count_limit == 4


def test_a_model_that_cannot_is_stood_in_for() -> None:
    assert Preferences(model="3").apply(FOX, CARDS).model == "3"
    assert Preferences(model="3").apply(MIX, [NEW, LARGE]).model == "2.2"
    assert Preferences(model="3").apply(MIX, CARDS).model is None  # the first can
    assert Preferences(model="gone").apply(FOX, CARDS).model is None


def test_a_model_that_is_not_here_is_told() -> None:
    with pytest.raises(UnknownModel):
        Preferences().apply(TextToImage(prompt="a fox", model="gone"), CARDS)
