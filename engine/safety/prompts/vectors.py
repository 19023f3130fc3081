"""`python -m engine.safety.prompts.vectors`, whenever the examples have changed: encodes them."""

from __future__ import annotations

import numpy as np

from engine.safety.prompts.likeness import KNOWN, digest, encoder, exemplars


def main() -> None:
    vectors = encoder()([text for _, text in exemplars()]).astype(np.float16)
    np.savez_compressed(KNOWN, vectors=vectors, of=np.array(digest()))


if __name__ == "__main__":
    main()
