"""The style presets: words that are added to a person's own when their request is painted.

A request keeps its own words and the style's name; `styled` joins them, in English, which every
model's text encoder reads. The style's words come last: where a text encoder has too few tokens,
they are cut off before the person's are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.requests import Request
    from engine.texts import Texts


@dataclass(frozen=True, slots=True)
class Style:
    """`title` is English, and the key of its translation; `negative` is what spoils the style."""

    name: str
    title: str
    words: str
    negative: str


class Words(NamedTuple):
    """What the text encoder reads."""

    prompt: str
    negative_prompt: str
    negative_decoder_prompt: str


_ALL = (
    Style(
        name="digital-image",
        title="Digital image",
        words="digital illustration, crisp clean shapes, vivid colours, smooth blends, soft glow",
        negative="grainy, faded, compression artefacts, scanned paper",
    ),
    Style(
        name="pixel-art",
        title="Pixel art",
        words="pixel art of a 16-bit game, chunky square pixels, small palette, hard edges",
        negative="photograph, smooth gradients, soft edges, fine brushwork",
    ),
    Style(
        name="cartoon",
        title="Cartoon",
        words="cartoon, bold outlines, flat bright colours, rounded shapes, playful expression",
        negative="photorealistic, gloomy, muted colours, noisy texture",
    ),
    Style(
        name="portrait-photo",
        title="Portrait photo",
        words="portrait photograph, 85mm lens, shallow depth of field, window light, lifelike skin",
        negative="painting, drawing, deformed face, plastic skin, extra limbs",
    ),
    Style(
        name="studio-photo",
        title="Studio photo",
        words="studio photograph, seamless backdrop, softbox lighting, sharp focus, true colours",
        negative="clutter, harsh flash, motion blur, illustration",
    ),
    Style(
        name="cyberpunk",
        title="Cyberpunk",
        words="cyberpunk, magenta and cyan neon, wet reflections, haze, worn future technology",
        negative="daylight, countryside, pastel colours, old-fashioned",
    ),
    Style(
        name="3d-render",
        title="3D render",
        words="3D render, ray tracing, global illumination, polished materials, soft shadows",
        negative="flat drawing, sketch, film grain, visible polygons",
    ),
    Style(
        name="classicism",
        title="Classicism",
        words="classicist painting, balanced composition, ideal proportions, antique grandeur",
        negative="modern objects, abstraction, careless strokes, neon colours",
    ),
    Style(
        name="anime",
        title="Anime",
        words="anime, clean line art, cel shading, large expressive eyes, painted background",
        negative="photograph, 3D, rough sketch, bad anatomy",
    ),
    Style(
        name="oil-painting",
        title="Oil painting",
        words="oil painting on canvas, thick brushstrokes, rich layered pigment, warm varnish",
        negative="photograph, flat vector shapes, digital gloss, pixels",
    ),
    Style(
        name="pencil-drawing",
        title="Pencil drawing",
        words="graphite pencil drawing on white paper, careful hatching, fine contours, monochrome",
        negative="colour, photograph, paint, glossy surface",
    ),
    Style(
        name="khokhloma",
        title="Khokhloma",
        words="Khokhloma folk painting, golden leaves, red berries, curling grass on black lacquer",
        negative="photograph, empty background, pastel colours, grey",
    ),
    Style(
        name="aivazovsky",
        title="Aivazovsky",
        words="in the manner of Ivan Aivazovsky, romantic light, translucent waves, glowing sky",
        negative="flat light, modern objects, heavy outlines, cartoon",
    ),
    Style(
        name="kandinsky",
        title="Kandinsky",
        words="in the manner of Wassily Kandinsky, abstract circles and drifting lines, pure hues",
        negative="photograph, realistic detail, strict symmetry, dull colours",
    ),
    Style(
        name="malevich",
        title="Malevich",
        words="in the manner of Kazimir Malevich, suprematism, plain squares and bars on white",
        negative="photograph, shading, perspective, ornament",
    ),
    Style(
        name="picasso",
        title="Picasso",
        words="in the manner of Pablo Picasso, cubism, several viewpoints at once, dark contours",
        negative="photograph, smooth realism, correct perspective, soft focus",
    ),
)

STYLES: dict[str, Style] = {style.name: style for style in _ALL}

WORDLESS = ("mix", "variations")  # modes that do not use the prompt

PICTURES = Path(__file__).parent / "style_pictures"  # made by deploy/style_pictures.py


def styled(request: Request) -> Words:
    """The words to paint a request after: its own, then those of its style.

    An empty prompt becomes the style's words alone, so a picture or a mask without words is
    painted in that style; where the mode does not use the prompt, nothing is added.

    Of the two negatives of Kandinsky 2.x the style's goes to `negative_prompt`, which steers the
    prior, always, and to `negative_decoder_prompt` only if the person wrote one: an empty one is
    the embedding of no picture, which costs no second pass of the prior. Kandinsky 3 has the first.
    """
    own = Words(request.prompt, request.negative_prompt, request.negative_decoder_prompt)
    if request.style is None or request.mode in WORDLESS:
        return own
    style = STYLES[request.style]
    return Words(
        prompt=_joined(own.prompt, style.words),
        negative_prompt=_joined(own.negative_prompt, style.negative),
        negative_decoder_prompt=own.negative_decoder_prompt
        and _joined(own.negative_decoder_prompt, style.negative),
    )


def title(style: Style, texts: Texts) -> str:
    """The style's name as people read it."""
    return texts.say(f"style\4{style.title}").removeprefix("style\4")  # gettext's form of a context


def picture(style: Style) -> bytes | None:
    """A small picture in that style, a WebP file; None if there is none."""
    return sample(style.name)


def sample(name: str) -> bytes | None:
    """The same by the name of a style, or `none` for a picture without one."""
    file = PICTURES / f"{name}.webp"
    known = name in STYLES or name == "none"
    return file.read_bytes() if known and file.is_file() else None


def _joined(own: str, added: str) -> str:
    return f"{own}, {added}" if own else added
