"""Why somebody reports a picture: what front ends offer to choose from, and moderators read."""

from __future__ import annotations

from engine.texts import Texts

REASONS = ("sexual", "violent", "hateful", "person", "rights")


def sentence(reason: str, texts: Texts) -> str:
    """What a reason is called."""
    return {
        "sexual": texts.say("Sexual content"),
        "violent": texts.say("Violence or cruelty"),
        "hateful": texts.say("Hate or insults"),
        "person": texts.say("Shows a real person"),
        "rights": texts.say("Somebody else’s work"),
    }[reason]
