"""The requests that are measured. None has a prompt or a seed that was there before."""

from __future__ import annotations

from itertools import count

import numpy as np

from engine.cards import ModelCard
from engine.mini.things import COLOURS, THINGS
from engine.requests import TextToImage

ROUND = 64  # pixels; sizes that plain diffusers serves exactly


class Requests:
    """Makes new requests for a model; the same ones in every run with the same seed."""

    def __init__(self, card: ModelCard, seed: int) -> None:
        self._card = card
        self._rng = np.random.default_rng(seed)
        self._numbers = count(1)

    def default(self, **changes: object) -> TextToImage:
        """One picture with the model's defaults, written out, and these changes."""
        card = self._card
        width, height = card.sizes[0]
        fields = dict(
            prompt=self._prompt(),
            seed=int(self._rng.integers(2**31)),
            width=width,
            height=height,
            steps=card.steps,
            guidance=card.guidance,
            prior_steps=card.prior_steps,
            prior_guidance=card.prior_guidance,
            sampler=card.samplers[0],
        )
        return TextToImage.model_validate(fields | changes)

    def many(self, number: int) -> list[TextToImage]:
        return [self.default() for _ in range(number)]

    def mixed(self) -> TextToImage:
        """Another size, count, step count and sampler each time; some negated, some unguided."""
        width, height = self._size()
        negative = "dark, blurred" if self._rng.random() < 0.25 else ""
        guided = self._rng.random() < 0.75
        steps = self._card.steps
        return self.default(
            width=width,
            height=height,
            count=int(self._rng.choice([1, 1, 1, 2, 4])),
            steps=int(self._rng.integers(round(0.4 * steps), round(1.6 * steps) + 1)),
            sampler=str(self._rng.choice(self._card.samplers)),
            guidance=self._card.guidance if guided else 1.0,
            negative_prompt=negative,  # diffusers has one for both networks
            negative_decoder_prompt=negative,
        )

    def _size(self) -> tuple[int, int]:
        """Most often near the default; a large model's are those of its card."""
        if len(self._card.sizes) > 1:
            width, height = self._card.sizes[int(self._rng.integers(len(self._card.sizes)))]
            return width, height
        default, (low, high) = self._card.sizes[0][0], self._card.side_limit
        sides = [*range(low, high + 1, ROUND), default]
        width, height = (int(side) for side in self._rng.choice(sides, 2))
        return width, height

    def _prompt(self) -> str:
        thing = THINGS[int(self._rng.integers(len(THINGS)))].en
        colour = COLOURS[int(self._rng.integers(len(COLOURS)))].en
        return f"{thing} on {colour}, number {next(self._numbers)}"
