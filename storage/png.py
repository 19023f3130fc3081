"""PNG files that carry how they were made, so that a picture can be made again from its file.

Twice: as JSON, which is exact, and in the form of Automatic1111's "infotext", which other tools
show: the prompt, a line `Negative prompt: ...`, and a last line `Steps: 25, Sampler: DDIM, ...`.
What engine/recall.py makes of them is not here. XMP says, in the IPTC's words, that it was AI.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.sax.saxutils import quoteattr

from PIL import Image
from PIL.PngImagePlugin import PngInfo

TEXT = "parameters"  # the chunk that Automatic1111's UI writes and most tools show
JSON = "kandinsky"  # ours: exact
TEXT_LIMIT = 100_000  # characters of a chunk that is read; the longest request has about 25,000
NEGATIVE = "Negative prompt:"
PROGRAM = "Kandinsky Studio"
VERSION = "0.1.0"  # as in pyproject.toml
XMP = "XML:com.adobe.xmp"  # the chunk, as the XMP specification, part 3, 1.1.5 names it
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    Iptc4xmpExt:DigitalSourceType={source_type}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
SAMPLERS = {"ddpm": "DDPM", "ddim": "DDIM", "dpm++": "DPM++ 2M"}  # as other tools call them


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a picture was made: the resolved request of its job, and its own seed."""

    request: dict[str, Any]
    seed: int
    text: str


def encode_png(
    image: Image.Image,
    request: Mapping[str, Any],
    seed: int,
    job_id: str = "",
    source_type: str = "",
) -> bytes:
    """The picture as a PNG file with its parameters; `seed` is this picture's own.

    With its job in it, no other job's file is the same: one may go, and the other stay.
    `source_type` is the IPTC's word (a URI) for how it came to be.
    """
    info = PngInfo()
    _add(info, TEXT, infotext(request, seed))
    made = {"request": request, "seed": seed} | ({"job": job_id} if job_id else {})
    _add(info, JSON, json.dumps(made, ensure_ascii=False))
    if source_type:
        info.add_itxt(XMP, xmp(source_type))
    file = BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def xmp(source_type: str) -> str:
    """An XMP packet that says it, for a file of any kind."""
    return PACKET.format(source_type=quoteattr(source_type))


def read_parameters(file: bytes) -> Parameters:
    """What `encode_png` wrote. Raises ValueError if the file is no PNG or carries nothing."""
    try:
        with Image.open(BytesIO(file), formats=["PNG"]) as image:
            chunks = texts(image)
        made = json.loads(chunks[JSON])
        return Parameters(request=made["request"], seed=made["seed"], text=chunks[TEXT])
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("The file carries no Kandinsky parameters") from error


def texts(image: Image.Image) -> dict[str, str]:
    """The text chunks of an opened PNG file that come before its pixels, which are not decoded."""
    return {
        key: str(text)
        for key, text in image.info.items()
        if isinstance(key, str) and isinstance(text, str) and len(text) <= TEXT_LIMIT
    }


def infotext(request: Mapping[str, Any], seed: int) -> str:
    """The parameters in the form of Automatic1111, and fields of ours that it has no name for.

    The words are the person's own, without those of the style, which has its field.
    """
    negative = request.get("negative_prompt")
    lines = [
        _harmless(request.get("prompt") or ""),
        f"{NEGATIVE} {_harmless(negative)}" if negative else "",
        ", ".join(f"{name}: {_quoted(value)}" for name, value in _fields(request, seed)),
    ]
    return "\n".join(line for line in lines if line)


def _fields(request: Mapping[str, Any], seed: int) -> Iterator[tuple[str, str]]:
    """The last line: Automatic1111's fields first, in its order; the version is the last."""
    sampler = request.get("sampler")
    mode = request.get("mode", "text_to_image")
    fields = {
        "Steps": request.get("steps"),
        "Sampler": SAMPLERS.get(sampler or "", sampler),
        "CFG scale": request.get("guidance"),
        "Seed": seed,
        "Size": f"{request.get('width')}x{request.get('height')}",
        "Model": request.get("model"),
        "Denoising strength": request.get("strength"),
        "Style": request.get("style"),
        "Mode": mode.replace("_", " ") if mode != "text_to_image" else None,
        "Prior steps": request.get("prior_steps"),
        "Prior CFG scale": request.get("prior_guidance"),
        "Negative decoder prompt": request.get("negative_decoder_prompt"),
        **_pictures(request),
        "Left": request.get("left"),
        "Top": request.get("top"),
        **_parts(request.get("parts") or ()),
        "Version": f"{PROGRAM} {VERSION}",
    }
    for name, value in fields.items():
        if value not in (None, ""):
            yield name, str(value)


def _pictures(request: Mapping[str, Any]) -> dict[str, str]:
    """The beginning of each source's hash, under the name of its field."""
    return {
        name.replace("_", " ").capitalize(): _named(value)
        for name, value in request.items()
        if isinstance(value, Mapping) and "sha256" in value
    }


def _parts(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fields = {}
    for number, part in enumerate(parts, start=1):
        fields[f"Part {number}"] = part["words"] or f"picture {_named(part['picture'])}"
        fields[f"Part {number} weight"] = part["weight"]
    return fields


def _named(source: Mapping[str, str]) -> str:
    return source["sha256"][:12]


def _harmless(words: str) -> str:
    """Words of which no line can be taken for the start of the negative prompt."""
    return "\n".join(
        line.replace(NEGATIVE, NEGATIVE.lower(), 1) if line.strip().startswith(NEGATIVE) else line
        for line in words.split("\n")
    )


def _quoted(value: str) -> str:
    """As JSON where a comma, a colon, a quote or an end of line would be taken for the form's."""
    plain = value == value.strip() and not set(value) & set(',:"\n')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _add(info: PngInfo, key: str, text: str) -> None:
    """A tEXt chunk, or iTXt for what is not ASCII: tools disagree on the encoding of tEXt."""
    if text.isascii():
        info.add_text(key, text)
    else:
        info.add_itxt(key, text)
