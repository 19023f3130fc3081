"""What a person painted over a picture that came back to us as a JPEG of some size and quality.

Whatever differs from the original by more than the way to a telephone and back explains was
painted. How much that explains is measured on the original itself, place by place: what another
JPEG makes of it there, and how much fine detail there is for another size to blur.
"""

from __future__ import annotations

from functools import reduce
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.canvas.arrays import REPAINT, Mask, rgb
from engine.canvas.distances import highest_within
from engine.canvas.masks import grow
from engine.canvas.regions import Parts, Region, areas, filled, labels
from engine.canvas.tones import toned
from engine.errors import EmptyMask, NotTheSamePicture

SIDE = 1280  # pixels: larger pictures are compared at this size
QUALITY = 60  # of a JPEG: about the worst that is usual
SHAPE = 1.02  # times another aspect, at most, of what is the same picture
MOST = 0.55  # of the picture; where more differs, it is another one
PARTS = 40  # strokes, at most: another picture differs in specks all over
ALIKE = 0.5  # how the fine detail correlates, at least, where nothing was painted

_FLOOR = 3.5  # of 255 levels: what counts for nothing anywhere
_CODED = 3.0  # times what a JPEG changes around a pixel
_DETAIL = np.array([1.0, 0.5, 0.5], np.float32)  # times the detail around it: luma, both chromas
_AROUND = 4  # pixels
_WEAK, _STRONG = 1.8, 4.0  # times what is explained: where a stroke may be, and what each reaches
_EDGE = 0.4  # of the difference beside it: less is what a JPEG smears around a stroke
_SMEAR = 4  # pixels
_MOVED = 0.01  # of what was not painted: where more differs by _WEAK, the picture was cropped
_PLAIN = 1.0  # level of fine detail, on average: less does not survive a JPEG
_SPECK = 1 / 160  # of the longest side: a stroke is larger than a square of that
_GAP = 1 / 64  # of the longest side: half of a gap that is closed
_MARGIN = 1 / 256  # of the longest side, around the strokes

Field = NDArray[np.float32]  # (H, W), or (H, W, 3) for luma and two chromas


def painted(original: Image.Image, marked: Image.Image) -> Mask:
    """The strokes on the marked picture, in any colour that shows, as a mask of the original's
    size: with what they enclose, without gaps in them, and with a margin.

    Both are RGB, of about one aspect; sizes, tones and quality may differ. Raises EmptyMask where
    nothing was painted, and NotTheSamePicture for another shape or other contents.
    """
    rgb(original), rgb(marked)
    wider = original.width * marked.height / (original.height * marked.width)
    if not 1 / SHAPE <= wider <= SHAPE:
        raise NotTheSamePicture()
    before, after = _alike(original, marked)
    before = toned(before, after)
    old, new = _channels(before), _channels(after)
    change = _soft(new - old)
    times = _length(change / _explained(before, old))
    parts = _parts(times)
    _check_same(old, new, times, parts)
    strokes = _unsmeared(parts > 0, _length(change))
    if not strokes.any():
        raise EmptyMask()
    mask = Image.fromarray(_marked(_enclosed(strokes)))
    mask = mask.resize(original.size, Image.Resampling.BICUBIC)
    return grow(_marked(np.asarray(mask) > REPAINT // 2), _pixels(_MARGIN, max(original.size)))


def _alike(original: Image.Image, marked: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Both at one size: that of the smaller."""
    longest = max(original.size)
    scale = min(SIDE, longest, max(marked.size)) / longest
    size = max(1, round(original.width * scale)), max(1, round(original.height * scale))
    lanczos = Image.Resampling.LANCZOS  # leaves a picture that has the size as it is
    return original.resize(size, lanczos), marked.resize(size, lanczos)


def _explained(before: Image.Image, old: Field) -> Field:
    """By how many levels each pixel may differ without having been painted."""
    coded = np.abs(_soft(_channels(_coded(before)) - old))
    detail = np.abs(old - _soft(old))
    return _FLOOR + _mean(_CODED * coded + _DETAIL * detail)


def _parts(times: Field) -> Parts:
    """The strokes, numbered: connected parts of what differs, which differ enough somewhere and
    are no specks."""
    parts = labels(times > _WEAK, corners=True)
    highest = np.zeros(int(parts.max()) + 1, np.float32)
    np.maximum.at(highest, parts.ravel(), times.ravel())
    speck = (max(times.shape) * _SPECK) ** 2
    chosen = (highest > _STRONG) & (areas(parts) > speck)
    chosen[0] = False
    return np.where(chosen, np.cumsum(chosen), 0)[parts]


def _check_same(old: Field, new: Field, times: Field, parts: Parts) -> None:
    """Raises NotTheSamePicture where too much differs, in too many places, or where the fine detail
    beside the strokes is another one: that of a picture which was cropped, for example."""
    beside = grow(_marked(parts > 0), 2 * _SMEAR) == 0
    differs = times > _WEAK
    if differs.mean() > MOST or parts.max() > PARTS:
        raise NotTheSamePicture()
    if (beside & differs).sum() > _MOVED * beside.sum():
        raise NotTheSamePicture()
    if not beside.any():
        return
    one, other = (_fine(field[..., :1])[beside] for field in (old, new))
    if (one * one).mean() > _PLAIN**2 and _correlation(one, other) < ALIKE:
        raise NotTheSamePicture()


def _correlation(one: Field, other: Field) -> float:
    """Of two fields whose mean is 0: from -1 to 1."""
    return float((one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum() + 1e-9))


def _unsmeared(found: Region, change: Field) -> Region:
    """The strokes without what a JPEG smears around them."""
    levels = np.where(found, change * 16, 0).astype(np.uint16)
    return found & (levels >= _EDGE * highest_within(levels, _SMEAR))


def _enclosed(strokes: Region) -> Region:
    """The strokes with their small gaps, and the inside of rings."""
    gap = _pixels(_GAP, max(strokes.shape))
    apart = np.pad(_marked(strokes), gap + 1)  # from the border, which closes no ring
    whole = grow(_marked(filled(grow(apart, gap) > 0)), -gap) > 0
    inside = slice(gap + 1, -gap - 1)
    return whole[inside, inside] | strokes


def _pixels(share: float, side: int) -> int:
    return max(1, round(share * side))


def _marked(region: Region) -> Mask:
    return region.astype(np.uint8) * np.uint8(REPAINT)


def _coded(picture: Image.Image) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return Image.open(file)


def _channels(picture: Image.Image) -> Field:
    """(H, W, 3): luma and two chromas, in which JPEGs and eyes see."""
    return np.asarray(picture.convert("YCbCr")).astype(np.float32)


def _length(vectors: Field) -> Field:
    length: Field = np.sqrt((vectors * vectors).sum(axis=2))
    return length


def _fine(field: Field) -> Field:
    """Its detail of a few pixels."""
    return _soft(field) - _mean(field)


def _soft(field: Field) -> Field:
    """Blurred by a pixel: the noise of single pixels goes."""
    for axis in (0, 1):
        a, b, c, d, e = _shifted(field, axis, 2)
        total: Field = a + e + np.float32(4) * (b + d) + np.float32(6) * c
        field = total / np.float32(16)
    return field


def _mean(field: Field) -> Field:
    """Over the square around each pixel."""
    for axis in (0, 1):
        total: Field = reduce(np.add, _shifted(field, axis, _AROUND))
        field = total / np.float32(2 * _AROUND + 1)
    return field


def _shifted(field: Field, axis: int, reach: int) -> list[Field]:
    """The field moved along the axis by -reach..reach, its border drawn out."""
    margins = [(reach, reach) if one == axis else (0, 0) for one in range(field.ndim)]
    wide, length = np.pad(field, margins, "edge"), field.shape[axis]
    starts = range(2 * reach + 1)
    return [wide[s : s + length] if axis == 0 else wide[:, s : s + length] for s in starts]
