"""What happens to a request, in order: Queued, any number of Step, then one last event."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from engine.errors import UserError


@dataclass(frozen=True, slots=True)
class Picture:
    """One finished picture: RGB, of the requested size, and the seed that makes it again."""

    image: Image.Image
    seed: int


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting; `position` requests are before this one."""

    position: int


@dataclass(frozen=True, slots=True)
class Step:
    """`index` of `total` denoising steps are done; `preview` is small, RGB, and often None."""

    index: int
    total: int
    preview: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Done:
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    error: UserError


@dataclass(frozen=True, slots=True)
class Cancelled:
    pass


Event = Queued | Step | Done | Failed | Cancelled
