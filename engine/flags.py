"""Parameters among the words, for those who know them: `a fox --seed 7 --ar 3:2 --no hands`.

A flag begins a word: two hyphens and a letter, or the long dash that telephones make of the two
and a Latin letter. Any other dash is punctuation, and a backslash before a flag makes it words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from engine.cards import ModelCard, choose
from engine.errors import BadFlag, FlagNotHere, UnknownFlag
from engine.preferences import ASPECTS, Aspect, Preferences, free, size
from engine.requests import ImageToImage, Inpaint, Outpaint, Request, Sampler
from engine.styles import STYLES

NONE = "none"  # no style, even if one is preferred
SHOWN = 40  # characters of what cannot be read
VALUE_LIMIT = 2000  # characters between quotes; the longest text has half as many

_START = r"(?:--(?=[^\W\d_])|[—–](?=[A-Za-z]))"
_FLAG = re.compile(rf"(?<!\S){_START}([^\s=]+)=?")
_ESCAPED = re.compile(rf"(?<!\S)\\(?=\\*{_START})")
_ESCAPABLE = re.compile(rf"(?<!\S)(?=\\*{_START})")
_WORD = re.compile(r"\s*(\S+)")
_QUOTED = re.compile(
    r"\s*(?:"
    rf'"((?:[^"\\]|\\.){{0,{VALUE_LIMIT}}})"|“([^”]{{0,{VALUE_LIMIT}}})”|«([^»]{{0,{VALUE_LIMIT}}})»'
    r")(?!\S)",
    re.DOTALL,
)
_PLAIN = re.compile(r"\w[\w.+:-]*")  # a value that needs no quotes
_SIZE = re.compile(r"(\d{1,6})[xх×*](\d{1,6})", re.IGNORECASE)  # one of these is Cyrillic


@dataclass(frozen=True, slots=True)
class Worded:
    """What a text says: the words, and by name the fields of a request that its flags set.

    `aspect` is not of a request but of `Preferences`, which make a size of it.
    """

    words: str
    fields: dict[str, Any] = field(default_factory=dict)
    aspect: Aspect | None = None

    def fields_of(self, kind: type[Request]) -> dict[str, Any]:
        """The fields, for a request of that kind. Raises FlagNotHere for a flag of no use to it:
        edits are as large as their picture or frame."""
        sized = not issubclass(kind, Inpaint | Outpaint)
        for name in self.fields:
            if name not in kind.model_fields or (name in ("width", "height") and not sized):
                raise FlagNotHere(flag=_FLAG_OF[name])
        if self.aspect and issubclass(kind, ImageToImage | Inpaint | Outpaint):
            raise FlagNotHere(flag=_FLAG_OF["aspect"])
        return self.fields


@dataclass(frozen=True, slots=True)
class Flag:
    """What it sets, how its value is read (else ValueError), and examples of values."""

    field: str
    read: Callable[[str], object]
    examples: tuple[str, ...]
    wordy: bool = False  # it takes all words up to the next flag


def _number(value: str) -> float:
    return float(value.replace(",", "."))  # as many languages write it


def _style(value: str) -> str | None:
    name = "-".join(value.lower().split())
    return None if name == NONE else name


def _size(value: str) -> tuple[int, int]:
    if found := _SIZE.fullmatch(value):
        return int(found[1]), int(found[2])
    raise ValueError(value)


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    return lambda value: known[known.index(value.lower())]


SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

FLAGS: dict[str, Flag] = {
    "seed": Flag("seed", int, ("7",)),
    "ar": Flag("aspect", _one_of(ASPECTS), ASPECTS),
    "size": Flag("size", _size, ("768x512",)),
    "count": Flag("count", int, ("2",)),
    "style": Flag("style", _style, (*STYLES, NONE)),
    "steps": Flag("steps", int, ("30",)),
    "guidance": Flag("guidance", _number, ("4.5",)),
    "prior-steps": Flag("prior_steps", int, ("10",)),
    "prior-guidance": Flag("prior_guidance", _number, ("4",)),
    "strength": Flag("strength", _number, ("0.4",)),
    "sampler": Flag("sampler", _one_of(SAMPLERS), SAMPLERS),
    "model": Flag("model", str, ("2.2",)),
    "no": Flag("negative_prompt", str, ("hands, text",), wordy=True),
    "no-decoder": Flag("negative_decoder_prompt", str, ("hands, text",), wordy=True),
}
_FLAG_OF = {flag.field: name for name, flag in FLAGS.items()} | {"width": "size", "height": "size"}
ALIASES = {"n": "count", "aspect": "ar", "cfg": "guidance"}  # as other tools call them


def read(text: str) -> Worded:
    """The words of a text and what its flags say; of a flag given twice, the last.

    A text without flags is all words, to the letter. Whether a value is within its limits is for
    the request to say. Raises UnknownFlag or BadFlag.
    """
    said: dict[str, Any] = {}
    pieces: list[str] = []
    end = 0
    while found := _FLAG.search(text, end):
        pieces.append(_unescaped(text[end : found.start()]).rstrip())
        name = _known(found[1])
        value, end = _value(text, found.end(), FLAGS[name].wordy)
        said[FLAGS[name].field] = _understood(name, value)
    words = "".join(pieces) + _unescaped(text[end:])
    aspect = said.pop("aspect", None)
    if wanted := said.pop("size", None):
        said["width"], said["height"] = wanted
    return Worded(words.strip() if pieces else words, said, aspect)


def write(
    request: Request,
    cards: Sequence[ModelCard],
    preferences: Preferences | None = None,
    seed: int | None = None,
) -> str:
    """The words and flags from which `read` makes the request again, as far as words can say it.

    What the model and the person's preferences do by themselves is left out. `seed` is that of one
    of its pictures, to make this one alone. Raises UnknownModel.
    """
    if seed is not None:
        request = request.model_copy(update={"seed": seed, "count": 1})
    preferences = preferences or Preferences()
    kept = {name: getattr(request, name) for name in request.model_fields_set - set(_FLAG_OF)}
    bare, card = type(request)(**kept), choose(request.model, list(cards))
    flags: dict[str, str] = {}
    if choose(preferences.apply(bare, cards).model, list(cards)) != card:
        flags["model"] = _quoted(card.name)
        bare = bare.model_copy(update={"model": card.name})
    flags |= _differing(request, preferences.apply(bare, cards), card)
    said = [f"--{name} {value}" for name, value in flags.items()]
    return " ".join(filter(None, [_escaped(request.prompt), *said]))


def _known(said: str) -> str:
    name = said.lower().replace("_", "-")
    name = ALIASES.get(name, name)
    if name not in FLAGS:
        raise UnknownFlag(flag=said[:SHOWN], known=", ".join(f"--{known}" for known in FLAGS))
    return name


def _value(text: str, start: int, wordy: bool) -> tuple[str | None, int]:
    """A flag's value, None if there is none, and where it ends."""
    if quoted := _QUOTED.match(text, start):
        inside, *others = quoted.groups()
        if inside is not None:
            return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL), quoted.end()
        return next(other for other in others if other is not None), quoted.end()
    following = _FLAG.search(text, start)
    end = following.start() if following else len(text)
    if wordy:
        return _unescaped(text[start:end]).strip() or None, end
    word = _WORD.match(text, start, end)
    return (word[1].rstrip(",;"), word.end()) if word else (None, start)


def _understood(name: str, value: str | None) -> object:
    try:
        if value is not None:
            return FLAGS[name].read(value)
    except ValueError:
        pass
    example = ", ".join(f"--{name} {one}" for one in FLAGS[name].examples)
    raise BadFlag(flag=f"{name} {(value or '')[:SHOWN]}".strip(), example=example)


def _differing(request: Request, plain: Request, card: ModelCard) -> dict[str, str]:
    """Flags with their values for what the request asks differently from the plain one."""
    flags = _sides(request, plain, card)
    for name, flag in FLAGS.items():
        if flag.field in type(request).model_fields and flag.field != "model":
            asked = _asked(request, flag.field, card)
            if asked is None and flag.field != "style":
                continue  # the model, or chance, has it
            if asked != _asked(plain, flag.field, card):
                flags[name] = _written(asked, flag.wordy)
    return flags


def _asked(request: Request, name: str, card: ModelCard) -> object:
    """What it asks, or else the model does."""
    own = {
        "steps": card.steps,
        "guidance": card.guidance,
        "prior_steps": card.prior_steps or None,
        "prior_guidance": card.prior_guidance or None,
        "sampler": card.samplers[0],
        "strength": card.strength,
    }
    value = getattr(request, name)
    return own.get(name) if value is None else value


def _sides(request: Request, plain: Request, card: ModelCard) -> dict[str, str]:
    """The size in the shortest way to say it; that of an edit is not said in words."""
    if isinstance(request, Inpaint | Outpaint):
        return {}
    wide, high = card.sizes[0] if free(request) else (0, 0)
    asked, usual = ((one.width or wide, one.height or high) for one in (request, plain))
    if asked == usual or not all(asked):
        return {}
    if free(request):
        for aspect in ASPECTS:
            if size(aspect, card) == asked:
                return {"ar": aspect}
    return {"size": f"{asked[0]}x{asked[1]}"}


def _written(value: object, wordy: bool) -> str:
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = NONE if value is None else str(value)
    if wordy:
        plain = text and text[0] not in '"“«' and not _ESCAPABLE.search(text)
        return text if plain else _quoted(text, always=True)
    return _quoted(text)


def _quoted(text: str, always: bool = False) -> str:
    if _PLAIN.fullmatch(text) and not always:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _unescaped(text: str) -> str:
    return _ESCAPED.sub("", text)


def _escaped(words: str) -> str:
    return _ESCAPABLE.sub(r"\\", words)
