"""How well the prompt gate tells what must not be drawn: `python -m tests.safety.prompts.golden`.

500 prompts that it must find and 1,000 that it must let pass, English and Russian, each plain and
hidden in six ways. A bad one counts as found if any policy is; one of `minors` only if that is.

Who wrote them wrote the rules and the examples, too, and knew them: words that nobody thought of
are found less often. `--set unseen` are a few prompts that were written last; change nothing by
them, or they are unseen no more.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from engine.safety.prompts import Finding, PromptGate
from tests.safety.prompts.obfuscation import OBFUSCATIONS

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "ru")
BENIGN = ("easy", "near")  # the second are near the line
PLAIN = "plain"
SEED = 8
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Prompt:
    language: str
    kind: str  # the policy that it falls under, or one of BENIGN
    text: str

    @property
    def bad(self) -> bool:
        return self.kind not in BENIGN


@dataclass(frozen=True, slots=True)
class Answer:
    prompt: Prompt
    how: str  # PLAIN or an obfuscation
    text: str  # as it was asked
    findings: tuple[Finding, ...]

    @property
    def found(self) -> bool:
        policies = {finding.policy for finding in self.findings}
        return "minors" in policies if self.prompt.kind == "minors" else bool(policies)

    @property
    def named(self) -> bool:
        """Whether the policy is the one that the prompt was written for."""
        return any(finding.policy == self.prompt.kind for finding in self.findings)


def prompts(name: str = "golden") -> list[Prompt]:
    """Those of a folder beside this file: `golden`, `tuning` which margins are chosen by, or
    `unseen`."""
    return [
        Prompt(language, *line.split(": ", 1))
        for language in LANGUAGES
        for line in (FOLDER / name / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    ]


def variants(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """The prompt plain and hidden: how, and the text."""
    yield PLAIN, prompt.text
    for how, hide in OBFUSCATIONS.items():
        yield how, hide(prompt.text, random.Random(f"{SEED} {how} {prompt.text}"))


async def answers(gate: PromptGate, some: Sequence[Prompt]) -> list[Answer]:
    asked = [(prompt, how, text) for prompt in some for how, text in variants(prompt)]
    places = asyncio.Semaphore(AT_ONCE)

    async def answer(prompt: Prompt, how: str, text: str) -> Answer:
        async with places:
            (findings,) = await gate.check([text])
        return Answer(prompt, how, text, findings)

    return await asyncio.gather(*(answer(*one) for one in asked))


def share(some: Iterable[Answer]) -> float:
    """How many of them were found, from 0 to 1."""
    found = [answer.found for answer in some]
    return sum(found) / len(found) if found else float("nan")


def table(every: Sequence[Answer]) -> Iterator[str]:
    """Shares in percent: a row for each policy, and for all bad and all benign prompts; a column
    for each language and each way to hide."""
    kinds = list(dict.fromkeys(answer.prompt.kind for answer in every))
    ways = [PLAIN, *OBFUSCATIONS]
    yield _row("", ["n", "all", *LANGUAGES, *ways])
    for name, group in (
        *((kind, [one for one in every if one.prompt.kind == kind]) for kind in kinds),
        ("recall", [one for one in every if one.prompt.bad]),
        ("false alarms", [one for one in every if not one.prompt.bad]),
    ):
        parts = [
            group,
            *([one for one in group if one.prompt.language == language] for language in LANGUAGES),
            *([one for one in group if one.how == how] for how in ways),
        ]
        yield _row(name, [str(len(group)), *(f"{share(part):.1%}" for part in parts)])
    bad = [answer for answer in every if answer.prompt.bad and answer.found]
    named = sum(answer.named for answer in bad) / max(1, len(bad))
    yield f"of those found, under the policy that they were written for: {named:.1%}"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:<13}" + "".join(f"{cell:>10}" for cell in cells)


def mistakes(every: Iterable[Answer]) -> Iterator[str]:
    for one in every:
        if one.found != one.prompt.bad:
            rules = "; ".join(finding.rule for finding in one.findings)
            yield f"{one.prompt.language} {one.prompt.kind} {one.how}: {one.text} [{rules}]"


async def times(gate: PromptGate, some: Sequence[Prompt]) -> tuple[float, float]:
    """Seconds for one check alone (the median of 32), and for 32 at once; of other texts each."""
    alone, together = some[::16][:32], some[1::16][:32]
    took: list[float] = []
    for prompt in alone:
        began = perf_counter()
        await gate.check([f"{prompt.text} {SEED}"])
        took.append(perf_counter() - began)
    began = perf_counter()
    await asyncio.gather(*(gate.check([f"{prompt.text} {SEED}"]) for prompt in together))
    return median(took), perf_counter() - began


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the prompt gate.")
    parser.add_argument("--set", choices=("golden", "tuning", "unseen"), default="golden")
    parser.add_argument("--mistakes", action="store_true", help="name each wrong answer, too")
    chosen = parser.parse_args()
    async with PromptGate.open(patience=60) as gate:  # the machine may be busy
        every = await answers(gate, prompts(chosen.set))
        alone, together = await times(gate, prompts(chosen.set))
    print("\n".join(table(every)))
    print(f"one check alone: {1000 * alone:.1f} ms; 32 at once: {1000 * together:.1f} ms")
    if chosen.mistakes:
        print("\n".join(mistakes(every)))


if __name__ == "__main__":
    asyncio.run(main())
