"""What stands between people and pictures: requests are checked before they are accepted, pictures
before anybody sees them, and every file says that it was made by AI.

The gates themselves are in engine/safety/prompts and engine/safety/pictures.py; what a policy
means for a request, and a verdict for a picture, is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from engine.errors import PromptRefused, UploadRefused, UserError
from engine.events import Picture
from engine.refusals import refusing
from engine.requests import Mix, Request
from engine.safety import watermark
from engine.safety.pictures import PictureGate
from engine.safety.prompts import Finding, GateDown, PromptGate
from engine.safety.provenance import Marker, source_type
from engine.safety.verdicts import Outcome, Verdict
from engine.settings import FrontEnd, ReviewMode, Settings
from storage.database import Database
from storage.fingerprints import Blocklist
from storage.png import encode_png
from storage.policies import Policies
from storage.records import Account, Action, JobRecord, NewCase, Policy, Review, Why
from storage.refusals import Refusals

UNCHECKED = "unchecked"  # the rule of what a gate could not look at
WATERMARK = "KNDS"  # what is written into the pixels, where that is wanted
STRICTER: tuple[ReviewMode, ...] = ("off", "after", "before")
INPUT = "input"  # the field of a finding about a picture that was sent


@dataclass(frozen=True, slots=True)
class Checked:
    """What becomes of a picture that was drawn, and why somebody has to look at it, if so."""

    review: Review
    verdict: Verdict
    case: NewCase | None = None


class Safety:
    """The gates of one studio. Open it with `async with Safety.open(settings, database)`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        marker: Marker,
        prompts: PromptGate | None,
        pictures: PictureGate | None,
    ) -> None:
        self.marker = marker
        self._modes = _modes(settings.review)
        self._watermark = settings.watermark
        self._prompts = prompts
        self._pictures = pictures
        self._policies = Policies(database)
        self._refusals = Refusals(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, database: Database) -> AsyncIterator[Safety]:
        """Raises ValueError, in one line, for a certificate or a classifier that cannot be used."""
        marker = await asyncio.to_thread(_marker, settings)
        async with AsyncExitStack() as stack:
            prompts = pictures = None
            if settings.check_prompts:
                prompts = await stack.enter_async_context(PromptGate.open())
            if settings.check_pictures:
                gate = PictureGate.open(
                    settings.nsfw,
                    Blocklist(database),
                    settings.classifiers,
                    settings.check_timeout,
                )
                pictures = await stack.enter_async_context(gate)
            yield cls(settings, database, marker, prompts, pictures)

    async def asked(self, request: Request, account: Account) -> list[dict[str, Any]]:
        """What the gates found in a request with its files; it is kept with the job.

        Raises PromptRefused or UploadRefused, which is written down, and WentWrong.
        """
        with refusing():
            policies = {one.key: one for one in await self._policies.all()}
        found = [*await self._in_words(request), *await self._in_pictures(request)]
        for one in found:
            policy = policies.get(one["policy"])
            one["action"] = _action(one, policy)
            if one["action"] == Action.BLOCK:
                await self._refuse(request, account, one, policy)
        return found

    async def drawn(self, job: JobRecord, pictures: Sequence[Image.Image]) -> list[Checked]:
        """What becomes of each picture of a job."""
        if self._pictures is None:
            verdicts = [Verdict(Outcome.PASS, "", "", None, "")] * len(pictures)
        else:
            verdicts = await self._pictures.check(pictures)
        return [self._checked(job, verdict) for verdict in verdicts]

    def files(
        self, job: JobRecord, pictures: Sequence[Picture], sources: Sequence[bytes]
    ) -> list[bytes]:
        """The pictures of a job as PNG files that say how they were made, and by whom: by AI.

        `sources` are the files that they were made from. Blocks.
        """
        return [self._file(job, one, sources) for one in pictures]

    def previews(self, job: JobRecord) -> bool:
        """Whether who asked may see a picture before a moderator has."""
        return self._mode(job) != "before" and _held(job) is None

    async def shows(self, preview: Image.Image) -> bool:
        """Whether a preview may be seen."""
        if self._pictures is None:
            return True
        (verdict,) = await self._pictures.check([preview])
        return verdict.outcome is Outcome.PASS

    def _file(self, job: JobRecord, picture: Picture, sources: Sequence[bytes]) -> bytes:
        image = watermark.embed(picture.image, WATERMARK) if self._watermark else picture.image
        kind = source_type(job.mode)
        png = encode_png(image, job.request, picture.seed, job.id, source_type=kind)
        return self.marker.mark(png, mode=job.mode, model=job.model, sources=sources)

    async def _in_words(self, request: Request) -> list[dict[str, Any]]:
        if self._prompts is None:
            return []
        fields = dict(_words(request))
        try:
            found = await self._prompts.check(list(fields.values()))
        except GateDown as down:
            return [_finding(UNCHECKED, "prompt"), *_named(fields, down.findings)]
        return _named(fields, found)

    async def _in_pictures(self, request: Request) -> list[dict[str, Any]]:
        """Masks and maps of depth are not looked at: nothing is seen of them in what is drawn."""
        if self._pictures is None:
            return []
        pictures = await asyncio.to_thread(_shown, request)
        verdicts = await self._pictures.check(pictures) if pictures else []
        return [
            _finding(one.rule, INPUT, one.policy, one.score or 0.0) | {"outcome": one.outcome.value}
            for one in verdicts
            if one.outcome is not Outcome.PASS
        ]

    async def _refuse(
        self, request: Request, account: Account, finding: dict[str, Any], policy: Policy | None
    ) -> None:
        """Raises PromptRefused or UploadRefused."""
        words = "\n".join(dict(_words(request)).values())
        with refusing():
            await self._refusals.add(
                account.id, words, finding["policy"], finding["rule"], finding["score"]
            )
        refused: type[UserError] = UploadRefused if finding["field"] == INPUT else PromptRefused
        raise refused(advice=policy.advice if policy else {})

    def _checked(self, job: JobRecord, verdict: Verdict) -> Checked:
        match verdict.outcome:
            case Outcome.BLOCK:
                return Checked(Review.REMOVED, verdict)
            case Outcome.UNCHECKED:
                return _held_for(Why.UNCHECKED, verdict)
            case Outcome.HOLD:
                return _held_for(Why.DOUBT, verdict)
        if finding := _held(job):
            why = Why.UNCHECKED if finding["rule"] == UNCHECKED else Why.PROMPT
            return _held_for(why, verdict, finding["policy"])
        mode = self._mode(job)
        if mode == "before":
            return _held_for(Why.REVIEW, verdict)
        if mode == "after":
            case = NewCase(Why.REVIEW, verdict.policy, verdict.score)
            return Checked(Review.WAITING, verdict, case)
        return Checked(Review.NONE, verdict)

    def _mode(self, job: JobRecord) -> str:
        return self._modes.get(_front_end(job.key), "off")


def _marker(settings: Settings) -> Marker:
    """Raises ValueError."""
    folder = settings.data / "certificate"
    try:
        return Marker.open(settings.c2pa_certificate, settings.c2pa_key, folder)
    except OSError as error:
        raise ValueError(f"The certificate of {folder} cannot be kept: {error.strerror}") from error


def _held_for(why: Why, verdict: Verdict, policy: str = "") -> Checked:
    case = NewCase(why, policy or verdict.policy, verdict.score)
    return Checked(Review.HELD, verdict, case)


def _modes(review: Mapping[FrontEnd, ReviewMode]) -> dict[FrontEnd, ReviewMode]:
    """Anybody may make a key: unless it is said otherwise, an API is no way around a review."""
    strictest: ReviewMode = max(review.values(), key=STRICTER.index, default="off")
    return {"api": strictest, **review}


def _front_end(key: str) -> FrontEnd:
    """Where a job came from, by its key; every client of an HTTP API is one."""
    match key.partition(":")[0]:
        case "web":
            return "web"
        case "telegram":
            return "telegram"
    return "api"


def _words(request: Request) -> Iterator[tuple[str, str]]:
    """What a request wants drawn, by field; what it wants avoided may say anything."""
    if request.prompt:
        yield "prompt", request.prompt
    if isinstance(request, Mix):
        for number, part in enumerate(request.parts):
            if part.words:
                yield f"parts.{number}", part.words


def _shown(request: Request) -> list[Image.Image]:
    """Raises SourceMissing or UnreadablePicture."""
    sources = [getattr(request, name, None) for name in ("picture", "depth_of")]
    sources += [part.picture for part in request.parts] if isinstance(request, Mix) else []
    return [source.picture() for source in dict.fromkeys(sources) if source is not None]


def _named(fields: dict[str, str], found: Sequence[Sequence[Finding]]) -> list[dict[str, Any]]:
    return [
        _finding(one.rule, field, one.policy, one.score, one.start, one.end)
        for field, findings in zip(fields, found, strict=True)
        for one in findings
    ]


def _finding(
    rule: str, field: str, policy: str = "", score: float = 0.0, start: int = 0, end: int = 0
) -> dict[str, Any]:
    """As it is kept with the job; `start` and `end` are places in the field's text."""
    found = {"policy": policy, "rule": rule, "field": field, "score": round(score, 3)}
    return found | {"start": start, "end": end}


def _action(finding: dict[str, Any], policy: Policy | None) -> Action:
    """What a finding means: of a picture as the gate says, of words as their policy does."""
    if finding["rule"] == UNCHECKED:
        return Action.HOLD
    if finding["field"] == INPUT:
        return Action.BLOCK if finding["outcome"] == Outcome.BLOCK else Action.HOLD
    return policy.action if policy is not None and policy.active else Action.OFF


def _held(job: JobRecord) -> dict[str, Any] | None:
    """The first finding for which a moderator is to look at the job's pictures."""
    return next((one for one in job.findings if one["action"] == Action.HOLD), None)
