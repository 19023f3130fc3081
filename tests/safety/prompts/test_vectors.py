from __future__ import annotations

import numpy as np
import pytest

from engine.safety.prompts.likeness import KNOWN, digest, encoder, exemplars, multilingual


def test_the_vectors_are_those_of_the_examples() -> None:
    with np.load(KNOWN, allow_pickle=False) as kept:
        assert str(kept["of"]) == digest(), "run python -m engine.safety.prompts.vectors"
        assert kept["vectors"].shape == (len(exemplars()), 512)


@pytest.mark.slow
def test_they_are_what_the_encoder_gives() -> None:
    some = exemplars()[::100]
    with np.load(KNOWN, allow_pickle=False) as kept:
        vectors = kept["vectors"][::100].astype(np.float32)
    assert np.abs(encoder()([text for _, text in some]) - vectors).max() < 1e-3


@pytest.mark.slow
def test_a_text_has_the_policy_of_what_it_is_nearest_to() -> None:
    (like,) = multilingual()(["nude woman"])
    assert like is not None
    assert like.policy == "sexual"
