"""Pictures that move, or say so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import pack

from engine.errors import MovingPicture
from tests.hostile.files import (
    BROKEN,
    CLEAN,
    EITHER,
    Ends,
    Hostile,
    Make,
    blank,
    chunk,
    extended,
    little,
    png_with,
    replaced,
    riff,
    saved,
    scene,
    sound,
)


def pictures() -> Iterator[Hostile]:
    for form in ("PNG", "WEBP"):
        for frames in (2, 100):
            moving = partial(film, form, frames)
            yield Hostile(f"{form} of {frames} frames", moving, (MovingPicture,))
    for name, (make, ends) in FILMS.items():
        yield Hostile(name, make, ends)


def film(form: str, frames: int, **options: object) -> bytes:
    others = [scene(seed=seed) for seed in range(1, frames)]
    return saved(scene(), form, save_all=True, append_images=others, duration=10, **options)


def _declared(frames: int, *, width: int = 96, left: int = 0, times: int = 1) -> bytes:
    """A PNG file that says it has so many frames, and has the first."""
    control = pack(">IIIIIHHBB", 0, width, 80, left, 0, 1, 10, 0, 0)
    return png_with(chunk(b"acTL", pack(">II", frames, 0)) * times, chunk(b"fcTL", control))


def _webp_film(*frames: tuple[bytes, bytes]) -> bytes:
    return riff(extended(96, 80, 2), (b"ANIM", bytes(6)), *frames)


def _frame() -> tuple[bytes, bytes]:
    return b"ANMF", bytes(6) + little(95) + little(79) + bytes(4) + sound("webp")[12:]


FILMS: dict[str, tuple[Make, Ends]] = {
    "PNG of a cover and a frame": (
        partial(film, "PNG", 2, default_image=True),
        (MovingPicture,),
    ),
    "PNG film of one frame": (partial(_declared, 1), CLEAN),
    "PNG film of a billion frames": (partial(_declared, 10**9), (MovingPicture,)),
    "PNG film of no frames": (partial(_declared, 0), BROKEN),
    "PNG film, twice declared": (partial(_declared, 1, times=2), BROKEN),
    "PNG film, cut short": (lambda: png_with(chunk(b"acTL", b"\0")), BROKEN),
    "PNG film past the edge": (partial(_declared, 1, left=90), BROKEN),
    "PNG film of a huge frame": (partial(_declared, 1, width=2**31), BROKEN),
    "PNG film of a smaller frame": (partial(_declared, 1, width=8), EITHER),
    "PNG film after the pixels": (
        lambda: blank(96, 80, after=chunk(b"acTL", pack(">II", 9, 0))),
        CLEAN,
    ),
    "WEBP film of one frame": (lambda: _webp_film(_frame()), CLEAN),
    "WEBP film of no frames": (lambda: _webp_film(), BROKEN),
    "WEBP film of broken frames": (lambda: _webp_film((b"ANMF", bytes(16))), BROKEN),
    "WEBP film past the edge": (lambda: replaced(film("WEBP", 2), 24, bytes(6)), BROKEN),
}
