"""The words of a request, cut where the prompt gate found something in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.texts import Texts

Findings = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a text; `policy` is the key of the one that it touches, if any."""

    text: str
    policy: str = ""


def pieces(text: str, findings: Findings) -> list[Piece]:
    """All of the text in order. Where findings overlap, the one that begins first is marked."""
    cut, at = [], 0
    for start, end, policy in sorted(_places(text, findings)):
        start = max(start, at)
        if start >= end:
            continue
        cut += [Piece(text[at:start]), Piece(text[start:end], policy)]
        at = end
    return [piece for piece in [*cut, Piece(text[at:])] if piece.text]


def asked(
    request: Mapping[str, Any], findings: Findings, texts: Texts
) -> list[tuple[str, list[Piece]]]:
    """Each text of a request that is not empty, with what it is called."""
    return [
        (title, pieces(text, [one for one in findings if one.get("field") == field]))
        for field, title, text in _texts(request, texts)
        if text
    ]


def plain(request: Mapping[str, Any]) -> str:
    """What was to be drawn, in one line."""
    parts = [str(part.get("words") or "") for part in request.get("parts") or ()]
    return str(request.get("prompt") or "") or ", ".join(filter(None, parts))


def sources(request: Mapping[str, Any]) -> list[str]:
    """The hashes of the pictures that a request works on, each once."""
    return list(dict.fromkeys(_sources(request)))


def _texts(request: Mapping[str, Any], texts: Texts) -> Iterator[tuple[str, str, str]]:
    say = texts.say
    yield "prompt", say("Words"), str(request.get("prompt") or "")
    for number, part in enumerate(request.get("parts") or ()):
        title = say("Part {number} of the mix", number=number + 1)
        yield f"parts.{number}", title, str(part.get("words") or "")
    avoided = str(request.get("negative_prompt") or "")
    yield "negative_prompt", say("Negative prompt"), avoided
    avoided = str(request.get("negative_decoder_prompt") or "")
    yield "negative_decoder_prompt", say("Negative decoder prompt"), avoided


def _places(text: str, findings: Findings) -> Iterator[tuple[int, int, str]]:
    for one in findings:
        start, end = int(one.get("start") or 0), int(one.get("end") or 0)
        if 0 <= start < end <= len(text):
            yield start, end, str(one.get("policy") or "")


def _sources(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"sha256"}:
            yield str(value["sha256"])
        for one in value.values():
            yield from _sources(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _sources(one)
