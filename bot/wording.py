"""The messages about a job in words: how far it is, what was made, why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import html

from engine.cards import ModelCard
from engine.errors import UnknownModel
from engine.events import Queued, Step
from engine.flags import write
from engine.requests import Mix, Part, Request, read
from engine.texts import LANGUAGES, Texts
from storage.records import JobRecord, JobState, Review, Withheld

BAR = 12  # signs
WORDS_LIMIT = 200  # characters of somebody's words beside a progress bar
CAPTION_LIMIT = 1000  # characters; Telegram's own limit is 1024


def waiting(job: JobRecord, event: Queued | Step | None, left: int | None, texts: Texts) -> str:
    """`left` in seconds. HTML."""
    return "\n".join(filter(None, [_quoted(_asked(job, texts)), _progress(event, left, texts)]))


def caption(job: JobRecord, cards: list[ModelCard], texts: Texts) -> str:
    """What was made, and the words and settings that make it again. HTML."""
    request = read(job.request)
    try:
        settings = write(request, cards)
    except UnknownModel:  # it is not served any more
        settings = request.prompt
    what = _clipped(_kind(request, texts), CAPTION_LIMIT // 2)
    by = texts.say("Made by AI")
    room = CAPTION_LIMIT - len(f"{what}\n\n{by}")  # Telegram counts what is shown, not its HTML
    parts = [html.quote(what), settings and _code(settings, room), html.italic(html.quote(by))]
    return "\n".join(filter(None, parts))


def unsigned(words: str) -> str:
    """What somebody said, without what stands under each picture: they may send a caption back."""
    signs = {Texts(language).say("Made by AI") for language in LANGUAGES}
    rest, _, last = words.rstrip().rpartition("\n")
    return rest if last.strip() in signs and rest else words


def below(job: JobRecord, policies: Mapping[str, str], texts: Texts) -> str:
    """What is said below the pictures of a job that is done; nothing where they say it all.

    `policies` are their names, by key. HTML.
    """
    lines = []
    if len(job.pictures) > 1:
        lines.append(texts.say("What next? The numbers are those of the pictures."))
    if waits := held(job, texts):
        lines.append(waits)
    for one in job.withheld:
        if one.review is Review.REMOVED:
            lines.append(_removed(one, policies, texts))
    return html.quote("\n".join(lines))


def held(job: JobRecord, texts: Texts) -> str:
    """That pictures wait for a moderator; nothing where none does. Plain text."""
    n = sum(one.review is Review.HELD for one in job.withheld)
    total = len(job.pictures) + len(job.withheld)
    if not n:
        return ""
    if total == 1:
        return texts.say("A moderator will look at your picture first. Then it comes by itself.")
    if n == total:
        return texts.say(
            "A moderator will look at your pictures first. Then they come by themselves."
        )
    return texts.count(
        "A moderator will look at {n} picture of {total} first. Then it comes by itself.",
        "A moderator will look at {n} pictures of {total} first. Then they come by themselves.",
        n,
        total=total,
    )


def _removed(one: Withheld, policies: Mapping[str, str], texts: Texts) -> str:
    number, policy = one.index + 1, policies.get(one.policy, "")
    if not policy:
        return texts.say("Picture {number} was removed.", number=number)
    return texts.say("Picture {number} was removed: “{policy}”.", number=number, policy=policy)


def ended(job: JobRecord, texts: Texts) -> str:
    """Why there is no picture. HTML."""
    match job.state:
        case JobState.CANCELLED:
            said = texts.say("Stopped.")
        case JobState.QUARANTINED:
            said = texts.say(
                "This request stopped the studio several times, so it was put aside."
                " Please try other words or settings."
            )
        case _:
            said = texts.error_record(job.error_key, job.error_values)
    return "\n".join(filter(None, [_quoted(_asked(job, texts)), html.quote(said)]))


def in_short(job: JobRecord, texts: Texts, limit: int) -> str:
    """The words of a request, or what it is, in one line of so many characters. Plain text."""
    return _clipped(" ".join(_asked(job, texts).split()), limit)


def _asked(job: JobRecord, texts: Texts) -> str:
    """The words of a request, or what it is."""
    request = read(job.request)
    return ": ".join(filter(None, [_kind(request, texts), request.prompt]))


def _kind(request: Request, texts: Texts) -> str:
    """What is made of pictures; nothing for what is made of words alone."""
    if isinstance(request, Mix):
        return " + ".join(_part(part, texts) for part in request.parts)
    names = {
        "variations": texts.say("Variations"),
        "inpaint": texts.say("Painting anew"),
        "outpaint": texts.say("Extending"),
        "image_to_image": texts.say("Changing a picture"),
    }
    return names.get(request.mode, "")


def _part(part: Part, texts: Texts) -> str:
    """With its weight, if that is not the usual one."""
    what = part.words or texts.say("a picture")
    return what if part.weight == 1 else f"{what} ({percent(part.weight)})"


def percent(share: float) -> str:
    return f"{round(100 * share)}\N{NO-BREAK SPACE}%"


def _progress(event: Queued | Step | None, left: int | None, texts: Texts) -> str:
    match event:
        case Step(index, total) if total:
            done = round(BAR * index / total)
            parts = ["▰" * done + "▱" * (BAR - done), f"{100 * index // total}\N{NO-BREAK SPACE}%"]
            if left is not None:
                parts.append(texts.say("about {seconds} s left", seconds=left))
            return " · ".join(parts)
        case Queued(position) if position:
            return texts.count(
                "In the queue: {n} request is before yours.",
                "In the queue: {n} requests are before yours.",
                position,
            )
    return texts.say("Yours is next. It starts in a moment.")


def _quoted(words: str) -> str:
    return html.quote(_clipped(words, WORDS_LIMIT))


def _code(words: str, limit: int) -> str:
    """A tap on it copies it. HTML."""
    return html.code(html.quote(_clipped(words, limit)))


def _clipped(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"
