"""What things are called in the console, by the names that the program has for them."""

from __future__ import annotations

from engine.texts import Texts
from storage.records import Action, ReportState, Review, Role, View, Why

TONGUES = {"en": "English", "ru": "Русский"}


class Vocabulary:
    """In one language."""

    def __init__(self, texts: Texts) -> None:
        self._say = texts.say

    def all(self) -> dict[str, dict[str, str]]:
        """By the names that templates have for them."""
        return {
            "views": self.views(),
            "roles": self.roles(),
            "reviews": self.reviews(),
            "outcomes": self.outcomes(),
            "channels": self.channels(),
            "acts": self.acts(),
            "kinds": self.kinds(),
        }

    def views(self) -> dict[str, str]:
        say = self._say
        return {
            View.HELD: say("Held"),
            View.WAITING: say("Waiting"),
            View.REPORTED: say("Reported"),
            View.APPEALS: say("Appeals"),
        }

    def whys(self) -> dict[str, str]:
        say = self._say
        return {
            Why.REVIEW: say("Everything made here is looked at"),
            Why.PROMPT: say("Its words touch a policy"),
            Why.DOUBT: say("The gate is unsure about the picture"),
            Why.UNCHECKED: say("The gate could not look at it"),
            Why.REPORT: say("Somebody reported it"),
            Why.APPEAL: say("Its owner objects to the removal"),
        }

    def roles(self) -> dict[str, str]:
        say = self._say
        return {
            Role.USER: say("user"),
            Role.TRUSTED: say("trusted user"),
            Role.MODERATOR: say("moderator"),
            Role.SENIOR: say("senior moderator"),
            Role.ADMIN: say("administrator"),
        }

    def reviews(self) -> dict[str, str]:
        say = self._say
        return {
            Review.NONE: say("not looked at"),
            Review.WAITING: say("waiting"),
            Review.HELD: say("held"),
            Review.APPROVED: say("approved"),
            Review.REMOVED: say("removed"),
        }

    def outcomes(self) -> dict[str, str]:
        say = self._say
        return {
            ReportState.OPEN: say("open"),
            ReportState.UPHELD: say("upheld"),
            ReportState.REJECTED: say("rejected"),
        }

    def channels(self) -> dict[str, str]:
        say = self._say
        return {
            "web": say("Web"),
            "telegram": say("Telegram"),
            "api": say("API"),
            "moderator": say("Moderator"),
        }

    def acts(self) -> dict[str, str]:
        say = self._say
        return {
            Action.OFF: say("nothing happens"),
            Action.HOLD: say("held for a moderator"),
            Action.BLOCK: say("refused"),
        }

    def kinds(self) -> dict[str, str]:
        """Of requests, by their mode."""
        say = self._say
        return {
            "text_to_image": say("Words to picture"),
            "image_to_image": say("A picture changed"),
            "mix": say("A mix"),
            "variations": say("Variations"),
            "inpaint": say("A part painted anew"),
            "outpaint": say("A picture extended"),
        }

    def actions(self) -> dict[str, str]:
        """Of the audit log."""
        say = self._say
        return {
            "decide": say("decided"),
            "undo": say("took back a decision"),
            "ban": say("banned"),
            "unban": say("ended a ban"),
            "view": say("looked at a picture"),
            "person": say("looked at a person"),
            "picture": say("looked at the story of a picture"),
            "refusals": say("looked at refused requests"),
            "search": say("searched"),
            "same": say("compared a picture"),
            "export": say("took an export"),
            "policy": say("changed a policy"),
            "sign-in": say("signed in"),
            "failed sign-in": say("failed to sign in"),
            "password": say("changed a password"),
            "role": say("changed a role"),
            "create": say("made a moderator"),
            "erase": say("forgot an account"),
            "join": say("took over what a visitor had"),
        }
