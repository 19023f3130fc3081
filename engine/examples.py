"""What to ask for at first: every model here can draw it, the small one too."""

from __future__ import annotations

from engine.texts import Texts


def examples(texts: Texts) -> list[str]:
    return [
        texts.say("a fox on a blue background"),
        texts.say("two owls on a purple background"),
        texts.say("a small rocket on a black background"),
        texts.say("a cactus on a pink background"),
    ]
