"""The gate on words: rules first, and likeness to examples for what no rule foresees."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from engine.safety.prompts.batches import Batches
from engine.safety.prompts.clauses import Clause, clauses
from engine.safety.prompts.finding import Finding, GateDown
from engine.safety.prompts.likeness import Like, Likeness, multilingual
from engine.safety.prompts.stems import stems

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for the encoder, and
LOADING = 60.0  # from the start until it has to be there
REMEMBERED = 512  # texts


class PromptGate:
    """Open it with `async with PromptGate.open() as gate`."""

    def __init__(
        self, likeness: Batches[str, Like | None], patience: float, loading: float
    ) -> None:
        self._likeness = likeness
        self._patience = patience
        self._loaded_by = asyncio.get_running_loop().time() + loading
        self._known: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()  # by the encoder

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        load: Callable[[], Likeness] = multilingual,
        patience: float = PATIENCE,
        loading: float = LOADING,
    ) -> AsyncIterator[PromptGate]:
        """`load` blocks, and gives what compares texts with the examples; it is called in the
        background. A check waits for it until `loading` seconds from now, and else for `patience`
        seconds at most."""
        batches: Batches[str, Like | None] = Batches(load, "prompt gate", len)
        batches.start()
        try:
            yield cls(batches, patience, loading)
        finally:
            batches.stop()

    async def check(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """What is found in each of the texts of one request. A rule about two things finds them in
        different ones of its texts as well.

        Raises GateDown if the examples cannot be compared in time.
        """
        like = asyncio.create_task(self._like(list(dict.fromkeys(texts))))
        try:
            found = await asyncio.to_thread(_found, texts)
        except BaseException:
            like.cancel()
            raise
        try:
            alike = await like
        except Exception as error:
            log.warning("the prompt gate has no examples: %r", error)
            raise GateDown(found) from error
        return [_joined(some, alike[text]) for text, some in zip(texts, found, strict=True)]

    async def _like(self, texts: list[str]) -> dict[str, tuple[Finding, ...]]:
        """Findings by the examples, for each text. Raises TimeoutError, and what encoding does."""
        known = {text: self._known[text] for text in texts if text in self._known}
        asked = [text for text in texts if text not in known]
        if asked:
            async with asyncio.timeout_at(self._deadline()):
                known |= await self._compared(asked)
        for text in texts:
            self._known[text] = known[text]
            self._known.move_to_end(text)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _deadline(self) -> float:
        soon = asyncio.get_running_loop().time() + self._patience
        return soon if self._likeness.ready else max(soon, self._loaded_by)

    async def _compared(self, texts: list[str]) -> dict[str, tuple[Finding, ...]]:
        parts = await asyncio.to_thread(clauses, texts)
        said = list(dict.fromkeys(clause.text for some in parts for clause in some))
        likes = dict(zip(said, await self._likeness.do(said), strict=True))
        found: dict[str, tuple[Finding, ...]] = {}
        for text, some in zip(texts, parts, strict=True):
            alike = [
                _finding(clause, like)
                for clause in some
                if (like := likes[clause.text]) is not None
            ]
            found[text] = tuple(_clearest(alike))
        return found


def _found(texts: Sequence[str]) -> list[tuple[Finding, ...]]:
    return stems().findings(texts)


def _finding(clause: Clause, like: Like) -> Finding:
    return Finding(like.policy, like.rule, clause.start, clause.end, like.score)


def _clearest(findings: list[Finding]) -> list[Finding]:
    """The one that is surest, of each policy."""
    by_policy: dict[str, Finding] = {}
    for one in sorted(findings, key=lambda one: one.score):
        by_policy[one.policy] = one
    return sorted(by_policy.values(), key=lambda one: -one.score)


def _joined(found: tuple[Finding, ...], alike: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A policy that a rule has found needs no example."""
    policies = {one.policy for one in found}
    return (*found, *(one for one in alike if one.policy not in policies))
