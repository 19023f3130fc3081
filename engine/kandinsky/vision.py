"""The CLIP vision encoder of Kandinsky 2.1 and 2.2: pictures to embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from engine.kandinsky.pictures import load
from engine.runtime.caches import Cache
from engine.runtime.device import Device
from engine.runtime.stages import Stage, Way


@dataclass(slots=True, eq=False, kw_only=True)
class Seeing(Stage):
    picture: Tensor  # (1, 3, side, side), as the encoder takes it
    embedding: Tensor | None = None  # (1, E)


class Vision:
    """Loaded when the first picture is to be seen; before that, only for its constant."""

    def __init__(self, device: Device, folder: Path, cache_limit: int) -> None:
        """`folder` holds `image_encoder` and `image_processor`."""
        self._device = device
        self._folder = folder
        self._encoder: Any = None
        self._processor: Any = None
        self.cache: Cache[Tensor] = Cache(cache_limit, lambda embedding: embedding.nbytes)

    def nothing(self) -> Tensor:
        """The embedding (1, E) of the all-zero picture: the decoder's condition when unguided.

        It is a constant, so the encoder is let go at once.
        """
        encoder = self._load()
        side = encoder.config.image_size
        zeros = torch.zeros(1, 3, side, side, device=self._device.torch, dtype=self._device.dtype)
        with torch.inference_mode():
            embedding: Tensor = encoder(zeros).image_embeds
        return embedding

    def see(self, picture: Image.Image) -> Way[Tensor]:
        """The embedding (1, E) of a picture (RGB)."""
        key = hashlib.sha256(picture.tobytes()).digest(), picture.size
        embedding = self.cache.get(key)
        if embedding is None:
            embedding = yield from self._look(picture)
            self.cache.put(key, embedding)
        return embedding

    def advance(self, stages: Sequence[Seeing]) -> None:
        if self._encoder is None:
            self._encoder = self._load()
        pictures = torch.cat([stage.picture for stage in stages]).to(
            self._device.torch, self._device.dtype
        )
        found = self._device.run(lambda rows: self._encoder(rows).image_embeds, pictures)
        for index, stage in enumerate(stages):
            stage.embedding = found[index : index + 1].clone()
            stage.step += 1

    def _look(self, picture: Image.Image) -> Way[Tensor]:
        if self._processor is None:
            self._processor = CLIPImageProcessorPil.from_pretrained(
                self._folder / "image_processor", local_files_only=True
            )
        stage = Seeing(
            network=self,
            group=self,
            rows=1,
            cost=0.1,  # TFLOP; the large encoder's is 0.5
            picture=self._processor(picture, return_tensors="pt").pixel_values,
        )
        yield stage
        if stage.embedding is None:
            raise RuntimeError("the stage was not finished")
        return stage.embedding

    def _load(self) -> Any:
        return load(CLIPVisionModelWithProjection, self._folder / "image_encoder", self._device)
