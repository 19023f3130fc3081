"""How far away things are in a picture, for the decoder that follows depth (2.2 ControlNet).

Any depth model of transformers serves (Depth Anything, DPT, ...), from the folder of a setting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForDepthEstimation
from transformers.modeling_outputs import DepthEstimatorOutput

from engine.errors import Overflowed
from engine.kandinsky.pictures import load
from engine.runtime.caches import Cache
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way


@dataclass(slots=True, eq=False, kw_only=True)
class Estimating(Stage):
    picture: Tensor  # (1, 3, h, w), as the model takes it
    size: tuple[int, int]  # (height, width) of the depth map
    depth: Image.Image | None = None


class DepthEstimator:
    """Loaded when the first picture comes; `cache_limit` in bytes, for those seen before."""

    def __init__(self, device: Device, folder: Path, cache_limit: int) -> None:
        self._device = device
        self._folder = folder
        self._model: Any = None
        self._processor: Any = None
        self.cache: Cache[Image.Image] = Cache(cache_limit, lambda map: map.width * map.height)

    def see(self, picture: Image.Image) -> Way[Image.Image]:
        """The depth map ("L", near is white, of the picture's size) of a picture (RGB)."""
        key = hashlib.sha256(picture.tobytes()).digest(), picture.size
        depth = self.cache.get(key)
        if depth is None:
            depth = yield from self._estimate(picture)
            self.cache.put(key, depth)
        return depth

    def advance(self, stages: Sequence[Estimating]) -> None:
        if self._model is None:
            self._model = load(AutoModelForDepthEstimation, self._folder, self._device)
        pictures = torch.cat([stage.picture for stage in stages]).to(
            self._device.torch, self._device.dtype
        )
        found = self._device.run(lambda rows: self._model(rows).predicted_depth, pictures).float()
        sizes = [stage.size for stage in stages]
        maps = self._processor.post_process_depth_estimation(
            DepthEstimatorOutput(None, found), sizes
        )
        for stage, map in zip(stages, maps, strict=True):
            stage.depth = depth_map(map["predicted_depth"])
            stage.step += 1

    def _estimate(self, picture: Image.Image) -> Way[Image.Image]:
        if self._processor is None:
            self._processor = AutoImageProcessor.from_pretrained(
                self._folder, backend="pil", local_files_only=True
            )
        taken = self._processor(images=picture, return_tensors="pt").pixel_values
        stage = Estimating(
            network=self,
            group=(self, *taken.shape[-2:]),
            rows=1,
            cost=0.5,  # TFLOP; the large models' is about 1
            picture=taken,
            size=(picture.height, picture.width),
        )
        yield stage
        if stage.depth is None:
            raise Overflowed()
        return stage.depth


def depth_map(depth: Tensor) -> Image.Image | None:
    """From the farthest, 0, to the nearest, 255; None where a number is not finite.

    As the depth-estimation pipeline of transformers makes it; there, a flat depth divides by 0.
    """
    low, high = depth.aminmax()
    if not (low.isfinite() and high.isfinite()):
        return None
    levels = (depth - low) / (high - low).clamp(min=torch.finfo(depth.dtype).tiny) * 255
    return Image.fromarray(levels.to(torch.uint8).cpu().numpy())
