"""The sentences that the console's scripts show, by the key they ask for; they fill {braces}."""

from __future__ import annotations

from engine.texts import Texts
from web.moderation.vocabulary import Vocabulary


def sentences(texts: Texts) -> dict[str, str]:
    say = texts.say
    reviews = Vocabulary(texts).reviews().items()
    return {f"review_{name}": title for name, title in reviews} | {
        "away": say("The studio does not answer. What you decided is not lost: try again."),
        "failed": say("That did not work. Please try again."),
        "again": say("Try again"),
        "close": say("Close"),
        "sign_in": say("Sign in"),
        "shown": say("Shown"),
        "blurred": say("Blurred"),
        "picture_gone": say("The picture’s file is no longer there."),
        "empty": say("Nothing waits here"),
        "selected": say("Selected: {n} of {all}"),
        "first": say("This is the first one."),
        "last": say("This is the last one."),
        "about": say("Pictures: {n}"),
        "approved": say("Approved: {n}."),
        "removed": say("Removed: {n}."),
        "appeal_approved": say("Restored: {n}."),
        "appeal_removed": say("Kept removed: {n}."),
        "skipped": say("Skipped."),
        "banned": say("Banned."),
        "undone": say("Your decision is taken back."),
        "lost": say("No longer yours to decide: {n}."),
    }
