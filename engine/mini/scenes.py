"""The mini model's training data: drawn scenes and their captions, without end, from a seed.

A scene is one thing (once, twice or three times) of Noto Color Emoji (SIL Open Font License 1.1)
on a plain or two-tone background. A caption mentions some of what the scene holds; `Said` keeps
what it mentions, so that training knows which captions are true of which pictures.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import emoji
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.mini.things import COLOURS, THINGS, Colour, Thing

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, Language] = ("en", "ru")
Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

SIDE = 128  # pixels; the mini model's picture is SIDE x SIDE
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
_SPRITE = 109  # the one size of the font's bitmaps

SIZES = ("small", "normal", "large")
PLACES = ("centre", "left", "right", "top", "bottom")
_PLACE_XY = {"centre": (0, 0), "left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture to draw: indices into THINGS, COLOURS, SIZES and PLACES.

    `second` is the other colour of a two-tone background and `split` its direction;
    `offset` is a fraction of the side, `tilt` in degrees, `shade` added to each colour channel.
    """

    thing: int
    background: int
    second: int | None = None
    split: Literal["h", "v", "d"] = "h"
    size: int = 1
    place: int = 0
    count: int = 1
    scale: float = 0.7
    offset: tuple[float, float] = (0.0, 0.0)
    tilt: float = 0.0
    shade: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Said:
    """What a caption mentions, -1 where it says nothing: indices as in Scene.

    `second` is COLOURS' length for "plain background said", as naming one colour says it is plain.
    """

    thing: int
    background: int = -1
    second: int = -1
    size: int = -1
    place: int = -1
    count: int = 1


def held_out(count: int = 100) -> frozenset[tuple[int, int]]:
    """The (thing, background) pairs never drawn in training; the judge asks for just these."""
    pairs = [(thing, colour) for thing in range(len(THINGS)) for colour in range(len(COLOURS))]
    random.Random(2202).shuffle(pairs)
    return frozenset(pairs[:count])


HELD_OUT = held_out()


def sample(rng: random.Random, held_out: bool = False) -> Scene:
    """Draw a scene at random; with `held_out`, one of the pairs kept out of training."""
    if held_out:
        thing, background = rng.choice(sorted(HELD_OUT))
    else:
        thing, background = _seen_pair(rng)
    second = None
    if not held_out and rng.random() < 0.15:
        others = [c for c in range(len(COLOURS)) if c != background and (thing, c) not in HELD_OUT]
        second = rng.choice(others)
    count = 1
    if THINGS[thing].ru_few:
        count = rng.choices((1, 2, 3), (0.88, 0.09, 0.03))[0]
    size = rng.choices((0, 1, 2), (0.2, 0.6, 0.2))[0] if count == 1 else 1
    place = (
        rng.choices(range(5), (0.7, 0.075, 0.075, 0.075, 0.075))[0]
        if count == 1 and size != 2
        else 0
    )
    low, high = {0: (0.36, 0.46), 1: (0.6, 0.8), 2: (0.88, 0.98)}[size]
    if place:
        low, high = min(low, 0.42), min(high, 0.58)
    return Scene(
        thing=thing,
        background=background,
        second=second,
        split=rng.choice(("h", "v", "d")),
        size=size,
        place=place,
        count=count,
        scale=rng.uniform(low, high),
        offset=(rng.gauss(0, 0.02), rng.gauss(0, 0.02)),
        tilt=rng.gauss(0, 6),
        shade=(rng.randint(-9, 9), rng.randint(-9, 9), rng.randint(-9, 9)),
    )


def _seen_pair(rng: random.Random) -> tuple[int, int]:
    while True:
        pair = rng.randrange(len(THINGS)), rng.randrange(len(COLOURS))
        if pair not in HELD_OUT:
            return pair


@lru_cache(maxsize=512)
def sprite(thing: int) -> Image.Image:
    """The thing's picture, RGBA, cropped to what is drawn and padded to a square."""
    if not FONT.exists():
        raise FileNotFoundError(
            f"{FONT} is missing: the pictures are drawn with it; install fonts-noto-color-emoji"
        )
    font = ImageFont.truetype(FONT, _SPRITE)
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((8, 8), THINGS[thing].emoji, font=font, embedded_color=True)
    canvas = canvas.crop(canvas.getbbox())
    side = max(canvas.size)
    square = Image.new("RGBA", (side, side))
    square.paste(canvas, ((side - canvas.width) // 2, (side - canvas.height) // 2))
    return square


def draw(scene: Scene, side: int = SIDE) -> Image.Image:
    """Draw the scene, RGB, side x side."""
    picture = _background(scene, side)
    for x, y, scale in _spots(scene):
        width = max(8, round(scale * side))
        thing = sprite(scene.thing).resize((width, width), Image.Resampling.LANCZOS)
        thing = thing.rotate(scene.tilt, Image.Resampling.BICUBIC, expand=True)
        left = round((0.5 + x + scene.offset[0]) * side - thing.width / 2)
        top = round((0.5 + y + scene.offset[1]) * side - thing.height / 2)
        picture.paste(thing, (left, top), thing)
    return picture


def _background(scene: Scene, side: int) -> Image.Image:
    picture = Image.new("RGB", (side, side), _shaded(COLOURS[scene.background], scene.shade))
    if scene.second is not None:
        half = {
            "h": [(side // 2, 0), (side, 0), (side, side), (side // 2, side)],
            "v": [(0, side // 2), (side, side // 2), (side, side), (0, side)],
            "d": [(side, 0), (side, side), (0, side)],
        }[scene.split]
        second = _shaded(COLOURS[scene.second], scene.shade)
        ImageDraw.Draw(picture).polygon(half, fill=second)
    return picture


def _shaded(colour: Colour, shade: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (
        min(255, max(0, channel + extra)) for channel, extra in zip(colour.rgb, shade, strict=True)
    )
    return red, green, blue


def _spots(scene: Scene) -> Iterator[tuple[float, float, float]]:
    """Where to draw: (x, y) from the centre and scale, as fractions of the side."""
    if scene.count == 1:
        x, y = _PLACE_XY[PLACES[scene.place]]
        reach = (1 - scene.scale) / 2 - 0.02
        yield x * reach, y * reach, scene.scale
    elif scene.count == 2:
        scale = scene.scale * 0.62
        yield from ((-0.24, 0.0, scale), (0.24, 0.0, scale))
    else:
        scale = scene.scale * 0.58
        yield from ((-0.24, 0.2, scale), (0.24, 0.2, scale), (0.0, -0.22, scale))


def pixels(picture: Image.Image) -> Array:
    """The picture as (3, H, W) float32 in [-1, 1]."""
    return np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1


# --- captions ------------------------------------------------------------------------------------

_EN_FRAMES = ("{x}", "{x}", "{x}", "a picture of {x}", "a drawing of {x}", "an emoji of {x}")
_RU_FRAMES = ("{x}", "{x}", "{x}", "{x} на картинке", "рисунок: {x}", "эмодзи: {x}")
_EN_PLACES = {
    "centre": ("in the centre", "in the middle"),
    "left": ("on the left", "to the left"),
    "right": ("on the right", "to the right"),
    "top": ("at the top", "above"),
    "bottom": ("at the bottom", "below"),
}
_RU_PLACES = {
    "centre": ("в центре", "посередине"),
    "left": ("слева", "с левой стороны"),
    "right": ("справа", "с правой стороны"),
    "top": ("сверху", "вверху"),
    "bottom": ("снизу", "внизу"),
}
_EN_SIZES = (("small", "little", "tiny"), ("",), ("big", "large", "huge"))
_RU_SIZES = {
    "m": (("маленький", "небольшой"), ("",), ("большой", "огромный")),
    "f": (("маленькая", "небольшая"), ("",), ("большая", "огромная")),
    "n": (("маленькое", "небольшое"), ("",), ("большое", "огромное")),
}
_RU_TWO = {"m": "два", "f": "две", "n": "два"}


def caption(scene: Scene, rng: random.Random, language: Language) -> tuple[str, Said]:
    """One of the many true captions of the scene, and what it mentions."""
    says_background = rng.random() < 0.85
    says_size = scene.count == 1 and rng.random() < (0.8 if scene.size != 1 else 0)
    says_place = scene.count == 1 and rng.random() < (0.8 if scene.place else 0.1)
    said = Said(
        thing=scene.thing,
        background=scene.background if says_background else -1,
        second=(len(COLOURS) if scene.second is None else scene.second) if says_background else -1,
        size=scene.size if says_size else -1,
        place=scene.place if says_place else -1,
        count=scene.count,
    )
    text = (_english if language == "en" else _russian)(said, rng)
    return _untidy(text, rng), said


def plain_caption(thing: int, background: int, language: Language) -> str:
    """The caption a person would type: "a fox on a blue background"."""
    said = Said(thing=thing, background=background, second=len(COLOURS))
    if language == "en":
        return f"{_en_thing(said, random.Random(0), plain=True)} on {_en_background(said)}"
    return f"{_ru_thing(said, random.Random(0), plain=True)} на {_ru_background(said)}"


def _english(said: Said, rng: random.Random) -> str:
    text = _en_thing(said, rng)
    place = rng.choice(_EN_PLACES[PLACES[said.place]]) if said.place >= 0 else ""
    if said.background < 0:
        return rng.choice(_EN_FRAMES).format(x=_joined(text, place))
    background = _en_background(said)
    if said.second == len(COLOURS) and rng.random() < 0.25:
        colour = COLOURS[said.background].en
        short = rng.choice((f"{text} on {colour}", f"{text}, {colour} background"))
        return _joined(short, place)
    if rng.random() < 0.12:
        return f"{_joined(text, place)}, {background}"
    text = _joined(text, place) if rng.random() < 0.5 else text
    there = place and place not in text
    text = f"{text} {rng.choice(('on', 'on', 'on', 'against'))} {background}"
    return rng.choice(_EN_FRAMES).format(x=_joined(text, place if there else ""))


def _en_thing(said: Said, rng: random.Random, plain: bool = False) -> str:
    thing = THINGS[said.thing]
    name = thing.en if plain or rng.random() < 0.8 else _emoji_name(thing, "en")
    size = rng.choice(_EN_SIZES[said.size]) if said.size >= 0 else ""
    if said.count > 1:
        number = {2: ("two", "a pair of", "2"), 3: ("three", "3")}[said.count]
        return f"{rng.choice(number)} {thing.en_plural}"
    words = _joined(size, name)
    if thing.en_plural and (plain or rng.random() < 0.8):
        words = f"{'an' if words[0] in 'aeiou' and not words.startswith('uni') else 'a'} {words}"
    return words


def _en_background(said: Said) -> str:
    colour = COLOURS[said.background].en
    if said.second != len(COLOURS):
        colour = f"{colour} and {COLOURS[said.second].en}"
    return f"{'an' if colour[0] == 'o' else 'a'} {colour} background"


def _russian(said: Said, rng: random.Random) -> str:
    text = _ru_thing(said, rng)
    place = rng.choice(_RU_PLACES[PLACES[said.place]]) if said.place >= 0 else ""
    if said.background < 0:
        return rng.choice(_RU_FRAMES).format(x=_joined(text, place))
    background = _ru_background(said)
    if rng.random() < 0.12:
        nominative = background.replace("ом фоне", "ый фон").replace("ем фоне", "ий фон")
        return f"{_joined(text, place)}, {nominative}"
    if rng.random() < 0.5:
        text, place = _joined(text, place), ""
    return rng.choice(_RU_FRAMES).format(x=_joined(f"{text} на {background}", place))


def _ru_thing(said: Said, rng: random.Random, plain: bool = False) -> str:
    thing = THINGS[said.thing]
    if said.count == 2:
        return f"{rng.choice((_RU_TWO[thing.ru_gender], '2'))} {thing.ru_few}"
    if said.count == 3:
        return f"{rng.choice(('три', '3'))} {thing.ru_few}"
    if said.size >= 0:
        return f"{rng.choice(_RU_SIZES[thing.ru_gender][said.size])} {thing.ru}".strip()
    return thing.ru if plain or rng.random() < 0.8 else _emoji_name(thing, "ru")


def _ru_background(said: Said) -> str:
    colour = COLOURS[said.background].ru
    if said.second != len(COLOURS):
        colour = f"{COLOURS[said.background].ru_stem}-{COLOURS[said.second].ru}"
    return f"{colour} фоне"


@lru_cache(maxsize=512)
def _emoji_name(thing: Thing, language: Language) -> str:
    """The thing's name in the emoji package: 🦊 is "fox", «морда лисы»."""
    if language == "ru":
        emoji.config.load_language("ru")
    name = emoji.demojize(thing.emoji, language=language, delimiters=("", ""))
    if name == thing.emoji:  # some names belong to the form with a variation selector
        name = emoji.demojize(thing.emoji + "\ufe0f", language=language, delimiters=("", ""))
    return name.replace("_", " ")


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _untidy(text: str, rng: random.Random) -> str:
    """As people type: sometimes a capital letter, a full stop, «е» for «ё»."""
    if rng.random() < 0.25:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.1:
        text += "."
    if rng.random() < 0.3:
        text = text.replace("ё", "е").replace("Ё", "Е")
    return text
