"""Restores the request of a picture from its file: from our JSON, else from other tools' text.

Files come from anybody. What they say is checked as every request is; pixels are not decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from engine.cleaner import carried
from engine.errors import NothingToRecall, UserError
from engine.requests import PROMPT_LIMIT, Request, TextToImage, read
from storage.png import JSON, NEGATIVE, PROGRAM, SAMPLERS, TEXT

FIELDS_LIMIT = 200  # of other tools' text
SETTINGS = "Steps:"  # how the line of other tools' settings begins
FIELD = re.compile(r'(\w[\w \-/]{0,63}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')  # linear in time
SIZE = re.compile(r"(\d+)x(\d+)")

NAMES = {  # other tools' fields, and those of ours that they lack, as storage/png.py writes them
    "Steps": "steps",
    "Sampler": "sampler",
    "CFG scale": "guidance",
    "Seed": "seed",
    "Style": "style",
    "Prior steps": "prior_steps",
    "Prior CFG scale": "prior_guidance",
    "Negative decoder prompt": "negative_decoder_prompt",
}
OURS = {theirs.lower(): ours for ours, theirs in SAMPLERS.items()} | {"dpm++ 2m karras": "dpm++"}


@dataclass(frozen=True, slots=True)
class Recalled:
    """The request that makes this one picture, and what its file says that we have no use for.

    The pictures that the request works on are named by their hash, without their files. Whoever
    adds these (`Request.with_files`) takes them from the asking account alone: anybody can write
    any hash into a file.
    """

    request: Request
    ignored: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        """This very picture's; None if another tool's text has none."""
        return self.request.seed


def recall(picture: bytes | Path | Mapping[str, str]) -> Recalled:
    """The request of a picture: of its PNG, JPEG or WebP file, or of what that says in words.

    A file that a stranger sent can take much time and memory to open: let `Intake.texts` read what
    it says. Raises NothingToRecall if it carries none, what reading a request raises (OutOfRange,
    UnknownStyle and others) if it is none of ours, and OSError for a path that cannot be read.
    """
    if isinstance(picture, Path):
        picture = picture.read_bytes()
    texts = _carried(picture) if isinstance(picture, bytes) else picture
    recalled = _exact(texts.get(JSON, "")) or _inexact(texts.get(TEXT, ""))
    if recalled is None:
        raise NothingToRecall()
    return recalled


def _exact(text: str) -> Recalled | None:
    """Our JSON; None if it is not ours."""
    try:
        made = json.loads(text)
        fields = made["request"] | {"count": 1, "seed": made["seed"]}
        return Recalled(read(fields).with_files({}))  # JSON could bring files of its own
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _inexact(text: str) -> Recalled | None:
    """The text that Automatic1111 and others write, as far as it goes; None if it is not such.

    What they made from a picture is recalled as made from the words alone.
    """
    words, settings = _split(text)
    if settings is None:
        return None
    prompt, negative = _prompts(words)
    given, ignored = _understood(settings)
    for name, rest in (("Prompt", prompt), ("Negative prompt", negative)):
        if len(rest) > PROMPT_LIMIT:
            ignored[name] = rest[PROMPT_LIMIT:]
    if not prompt:
        return None
    given |= {"prompt": prompt[:PROMPT_LIMIT], "negative_prompt": negative[:PROMPT_LIMIT]}
    return Recalled(TextToImage.model_validate(given), ignored)


def _split(text: str) -> tuple[list[str], str | None]:
    """The lines of words, and the line of settings: the last one that looks like it."""
    lines = text.strip().split("\n")
    for place in reversed(range(len(lines))):
        if lines[place].strip().startswith(SETTINGS):
            return lines[:place], lines[place].strip()
    return lines, None


def _prompts(lines: list[str]) -> tuple[str, str]:
    """(prompt, negative prompt)"""
    for place, line in enumerate(lines):
        if line.lstrip().startswith(NEGATIVE):
            rest = [line.lstrip().removeprefix(NEGATIVE), *lines[place + 1 :]]
            return "\n".join(lines[:place]).strip(), "\n".join(rest).strip()
    return "\n".join(lines).strip(), ""


def _understood(settings: str) -> tuple[dict[str, str], dict[str, str]]:
    """(fields of a request, the others by the name that they have there)"""
    given: dict[str, str] = {}
    ignored: dict[str, str] = {}
    said = dict(islice(_said(settings), FIELDS_LIMIT))
    ours = said.pop("Version", "").startswith(PROGRAM)
    for name, value in said.items():
        fields = _translated(name, value, ours)
        if fields and _valid(fields):
            given |= fields
        else:
            ignored[name] = value
    return given, ignored


def _said(settings: str) -> list[tuple[str, str]]:
    """The (name, value) pairs of a line of settings."""
    return [(name, _unquoted(value.strip())) for name, value in FIELD.findall(settings)]


def _unquoted(value: str) -> str:
    try:
        text = json.loads(value) if value.startswith('"') else value
    except ValueError:
        return value
    return str(text)


def _translated(name: str, value: str, ours: bool) -> dict[str, str]:
    """A field of theirs as fields of a request; empty if there is none."""
    if name == "Size" and (size := SIZE.fullmatch(value)):
        return {"width": size[1], "height": size[2]}
    if name == "Sampler":
        return {"sampler": OURS.get(value.lower(), value)}
    if name == "Model" and ours:
        return {"model": value}
    return {NAMES[name]: value} if name in NAMES else {}


def _valid(fields: Mapping[str, str]) -> bool:
    try:
        TextToImage.model_validate({"prompt": "-", **fields})
    except (UserError, ValidationError):
        return False
    return True


def _carried(picture: bytes) -> dict[str, str]:
    """Raises NothingToRecall."""
    try:
        return carried(picture)
    except Exception as error:  # of a broken or hostile file Pillow may raise nearly anything
        raise NothingToRecall() from error
