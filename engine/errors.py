"""Errors that a person may see. Each says what happened and what to do next.

`text` is the English sentence and the key of its translation (engine/texts.py); the values fill
its braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class UserError(Exception):
    """Something a person can understand and act on; `str()` gives it in English.

    A value that is a sentence by language, as moderators write it, is given in the reader's.
    """

    text: ClassVar[str]

    def __init__(self, **values: object) -> None:
        self.values = values
        english = {name: _english(value) for name, value in values.items()}
        super().__init__(self.text.format(**english))


class EmptyPrompt(UserError):
    text = "Say in a few words what to draw, for example: a fox on a blue background."


class PromptTooLong(UserError):
    text = "The text is {length} characters long; {limit} is the most. Please shorten it."


class UnreadableText(UserError):
    text = "The text holds characters that cannot be read. Please type it again."


class OutOfRange(UserError):
    text = "“{name}” must be from {low} to {high}, not {value}."


class UnknownModel(UserError):
    text = "There is no model called “{name}” here. Choose one of: {known}."


class UnknownStyle(UserError):
    text = "There is no style called “{name}”. Choose one of: {known}."


class NotOffered(UserError):
    text = "The model “{model}” cannot do this ({mode}). Choose another model."


class WeightsMissing(UserError):
    text = "The weights of “{model}” are not in {folder}. {advice}"


class WeightsBroken(UserError):
    text = "The file {file} of the model “{model}” cannot be read. Copy or download it again."


class PictureMissing(UserError):
    text = "Choose a picture first."


class SourceMissing(UserError):
    text = "The picture that this was to be made from is no longer there. Please send it again."


class UnreadablePicture(UserError):
    text = "This picture cannot be read. Send it again, as PNG, JPEG or WebP."


class NotAPicture(UserError):
    text = (
        "Only PNG, JPEG and WebP pictures can be opened here. "
        "Save yours as one of these and send it again."
    )


class PictureTooHeavy(UserError):
    text = (
        "The file is larger than {limit} MB. "
        "Make the picture smaller, or save it as JPEG, and send it again."
    )


class FileTooHeavy(UserError):
    text = (
        "The file is larger than {limit} MB, which Telegram does not carry. "
        "Ask for a smaller picture."
    )


class PictureTooLarge(UserError):
    text = "The picture has more than {limit} megapixels. Make it smaller and send it again."


class MovingPicture(UserError):
    text = "This picture moves. Send a still one, of a single frame."


class PictureBroken(UserError):
    text = (
        "This picture is damaged or too hard to open. "
        "Save it anew as an ordinary PNG or JPEG and send that."
    )


class EmptyPart(UserError):
    text = "Each part of a mix is either a picture or a text."


class TooFewParts(UserError):
    text = "A mix needs two or more pictures or texts."


class NothingToMix(UserError):
    text = "Give at least one part of the mix a weight other than 0."


class EmptyMask(UserError):
    text = "Nothing is marked. Paint over what is to be drawn anew."


class MaskOfAnotherSize(UserError):
    text = "The mask is {mask}, but the picture is {picture}. Paint it over this very picture."


class WindowInside(UserError):
    text = "The frame lies within the picture: there is nothing to fill. Move it over an edge."


class TwoDepths(UserError):
    text = "Give a depth map or a picture to take the depth of, not both."


class PictureTooSmall(UserError):
    text = "The picture is {size}; each side needs at least {low} pixels. Send a larger one."


class ModelTooLarge(UserError):
    text = (
        "The model “{model}” needs {needs} GB of memory, but KANDINSKY_MEMORY allows {allowed} GB."
    )


class NotEnoughMemory(UserError):
    text = "This machine has too little memory for that. Ask for a smaller picture."


class Overflowed(UserError):
    text = "The picture came out broken. Try another seed or a lower guidance."


class Busy(UserError):
    text = "The studio is full at the moment. Please try again in a minute."


class Closing(UserError):
    text = "The studio is restarting. Please try again in a minute; what was accepted is kept."


class TooManyWaiting(UserError):
    text = "Unfinished requests at a time: {limit} at most. Wait until one is done, or stop it."


class TooManyToday(UserError):
    text = "Pictures in 24 hours: {limit} at most. Please come back later, or ask for fewer."


class AccountBanned(UserError):
    text = "You cannot make pictures until {until}. The reason: {reason}"


class Unauthorised(UserError):
    text = "This needs a valid API key. Make one on the account page of the studio."


class AccountGone(UserError):
    text = (
        "You have signed in, or deleted what was kept about you, in another window. "
        "Load this page again."
    )


class BadKeyName(UserError):
    text = "Name the key in 1 to {limit} letters or digits, for example: laptop."


class SignInForged(UserError):
    text = "Telegram did not say this. Begin the sign-in again on the account page."


class SignInStale(UserError):
    text = "This sign-in is too old to count. Begin it again on the account page."


class SignInUsed(UserError):
    text = "This sign-in was used already. Begin a new one on the account page."


class SignInElsewhere(UserError):
    text = "This sign-in was not begun in this browser. Begin it here, on the account page."


class PictureGone(UserError):
    text = "The picture’s file is no longer there."


class WentWrong(UserError):
    text = "This picture could not be made because of a fault in the studio. Please try again."


class DecisionsKept(UserError):
    text = (
        "You have decided about pictures as a moderator, and decisions are kept. "
        "Ask an administrator to take your role away instead."
    )


class NotFound(UserError):
    text = "There is no such picture or request. It may have been deleted."


class NothingToRecall(UserError):
    text = "This picture carries no settings. Send the original file, not a photo or copy of it."


class UnknownFlag(UserError):
    text = (
        "There is no setting “--{flag}”. There are: {known}. "
        "If it is part of the description, put a space after the dashes."
    )


class BadFlag(UserError):
    text = "“--{flag}” cannot be understood. Write, for example: {example}."


class FlagNotHere(UserError):
    text = "The setting “--{flag}” has no use here. Leave it out."


class NoRoomToExtend(UserError):
    text = "The picture cannot be extended any further: {limit} pixels a side are the most."


class ShapeAlready(UserError):
    text = "The picture already has the shape {aspect}. Choose another one."


class NotTheSamePicture(UserError):
    text = (
        "This is another picture than the one to paint over. "
        "Take that very picture, paint over what is to change, and send it without cropping it."
    )


class BadField(UserError):
    text = "“{field}” cannot be used: {reason}."


class BadCall(UserError):
    text = (
        "This call cannot be read. The documentation at /api/docs shows what it should look like."
    )


class CallTooHeavy(UserError):
    text = "The call is larger than {limit} MB. Send pictures to /api/uploads, one at a time."


class NoSuchCall(UserError):
    text = "There is nothing at this address. The documentation is at /api/docs."


class WrongMethod(UserError):
    text = "Nothing at this address answers to {method}. The documentation is at /api/docs."


class TooManyCalls(UserError):
    text = "Calls in a minute: {limit} at most. Please wait a moment."


class TooManyAtOnce(UserError):
    text = "Calls of this kind at once: {limit} at most. Please wait until one has ended."


class KeyReused(UserError):
    text = "This idempotency key was given with another request before. Choose a new one."


class Stopped(UserError):
    text = "The request was stopped before it was done."


class NotAllowed(UserError):
    text = "This is not for you to do. Ask somebody with more rights here."


class AppealForSeniors(NotAllowed):
    text = "Senior moderators decide about appeals. Leave this one to them."


class AppealElsewhere(NotAllowed):
    text = "You removed this picture yourself. Leave the appeal to another moderator."


class UndoTooLate(NotAllowed):
    text = "This decision is too old for you to undo. Ask a senior moderator."


class Taken(UserError):
    text = "Another moderator has this picture, or has just decided about it. Go on with the next."


class AlreadyAppealed(UserError):
    text = "You have appealed already. You will be told what comes of it."


class WrongPassword(UserError):
    text = "There is no moderator of that name and password. Check both and try again."


class SignedOut(UserError):
    text = "You are signed out. Sign in again; what you have decided is kept."


class WeakPassword(UserError):
    text = "A password has at least {limit} characters. Choose a longer one."


class TooManyTries(UserError):
    text = "There were too many wrong passwords. Please try again in {seconds} seconds."


class TooManyKeys(UserError):
    text = "Valid keys at a time: {limit} at most. Revoke one that you no longer need."


class PromptRefused(UserError):
    """`advice` is the policy's: a sentence by language, what to do instead."""

    text = "This is not drawn here. {advice}"


class UploadRefused(UserError):
    """As PromptRefused, for a picture to work on."""

    text = "This picture cannot be worked on here. {advice}"


class PictureRefused(UserError):
    """What was drawn was removed before anybody saw it, under the rule `policy`."""

    text = (
        "What came out is nothing that is shown here, so it was kept back. "
        "Try it in other words, or appeal if you think that this is a mistake."
    )


class HeldForReview(UserError):
    text = "A moderator looks at these pictures first. Then you find them in your history."


def _english(value: object) -> object:
    return value.get("en", "") if isinstance(value, Mapping) else value
