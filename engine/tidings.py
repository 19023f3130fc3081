"""What a notice says to its person, on every front end. Plain text, in their language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from babel.dates import format_date

from engine.texts import LANGUAGES, Texts
from storage.records import Notice, NoticeKind, Policy
from storage.rights import FOREVER

GOOD = (NoticeKind.RELEASED, NoticeKind.RESTORED, NoticeKind.REPORT_UPHELD, NoticeKind.UNBANNED)


@dataclass(frozen=True, slots=True)
class Tidings:
    """What happened; what the moderator wrote, if anything; and what can be done now, if anything.

    `good` is what nobody minds to hear; `appealable` is a removal, whose picture has an owner who
    may say that it was wrong.
    """

    said: str
    reason: str
    advice: str
    good: bool
    appealable: bool


def named(policies: Iterable[Policy], language: str) -> dict[str, str]:
    """What the policies are called in that language, by key."""
    return {one.key: one.names.get(language) or one.names[LANGUAGES[0]] for one in policies}


def tidings(notice: Notice, policies: Mapping[str, str], texts: Texts) -> Tidings:
    """`policies` are their names in that language, by key."""
    removed = notice.kind is NoticeKind.REMOVED
    advice = ""
    if removed:
        advice = texts.say(
            "If you think that this is wrong, appeal: somebody else will look at it again."
        )
    return Tidings(
        said=_said(notice, policies.get(notice.policy, ""), texts),
        reason=notice.reason.strip(),
        advice=advice,
        good=notice.kind in GOOD,
        appealable=removed and notice.picture_id is not None,
    )


def _said(notice: Notice, policy: str, texts: Texts) -> str:
    say = texts.say
    match notice.kind:
        case NoticeKind.RELEASED:
            return say("A moderator has looked at your picture: here it is.")
        case NoticeKind.REMOVED:
            if policy:
                return say("The moderators removed a picture of yours: “{policy}”.", policy=policy)
            return say("The moderators removed a picture of yours.")
        case NoticeKind.RESTORED:
            return say("A picture of yours is back: it was removed by mistake. We are sorry.")
        case NoticeKind.APPEAL_REJECTED:
            return say("Somebody else has looked at your picture again: it stays removed.")
        case NoticeKind.REPORT_UPHELD:
            return say("Thank you for your report: the picture was removed.")
        case NoticeKind.REPORT_REJECTED:
            return say("Thank you for your report. A moderator has looked: the picture may stay.")
        case NoticeKind.BANNED:
            if notice.until is None or notice.until >= FOREVER:
                return say("You cannot make pictures here any more.")
            day = format_date(notice.until, "long", locale=texts.language)
            return say("You cannot make pictures until {day}.", day=day)
        case NoticeKind.UNBANNED:
            return say("You can make pictures again.")
