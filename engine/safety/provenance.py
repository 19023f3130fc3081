"""Says in each picture's file, signed, that it was made by AI, from what, and by which model: C2PA.

The signature is over the whole file. What a person asked for and who they are is not in it. A
manifest holds those of the pictures that its picture was made from, and so the whole history.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from c2pa import C2paError, Reader

from engine.safety import credentials, signing
from engine.safety.certificate import Credentials, make
from engine.safety.signing import ORDER, Ingredient, Pen, actions, opened
from storage.png import PROGRAM, VERSION

log = logging.getLogger(__name__)

MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
CHANGED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
CHANGES = frozenset({"image_to_image", "inpaint", "outpaint"})  # modes whose picture lives on
HISTORY_LIMIT = 2**20  # bytes of all manifests that a picture brings along
CHANGES_LIMIT = 32  # of these manifests; the time that a mark takes grows with their number
CLOCK_LIMIT = 8.0  # seconds for a stranger's file
SIGNS = {"image/png": b"caBX", "image/jpeg": b"jumb", "image/webp": b"C2PA"}  # of a manifest
MANIFEST = b"jumdc2ma"  # how the box of one begins
AFTER_HEADER, GREY = 33, 0  # of a PNG file: where its second chunk begins, and a colour type


class NotMarked(Exception):
    """The file could not be signed."""


def source_type(mode: str) -> str:
    """The IPTC's word (a URI) for what a mode makes."""
    return CHANGED if mode in CHANGES else MADE


def media_type(file: bytes) -> str:
    """Of a PNG, JPEG or WebP file, by its first bytes; "" for any other."""
    if file.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if file.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if file.startswith(b"RIFF") and file[8:12] == b"WEBP" else ""


def marked(file: bytes) -> bool:
    """Whether a file may carry a manifest. Quick; it errs on the side of yes."""
    sign = SIGNS.get(media_type(file))
    return sign is not None and sign in file


class Marker:
    """Signs for one studio. Everything blocks; any number of threads may use it."""

    def __init__(self, credentials: Credentials) -> None:
        """Raises C2paError for what the library does not sign with."""
        self._credentials = credentials
        self._pen = _pen(credentials)

    @classmethod
    def open(cls, certificate: Path | None, key: Path | None, folder: Path) -> Marker:
        """With the operator's certificate and key, or without them those that are made in the
        folder at the first start.

        Raises ValueError, in a line that names the setting, for what cannot be used.
        """
        if certificate is None or key is None:
            return cls(credentials.of_folder(folder))
        own = credentials.of_files(certificate, key)
        try:
            marker = cls(own)
            blank = marker.mark(signing.pixel(), mode="text_to_image", model="", sources=())
            with Reader("image/png", BytesIO(blank), context=signing.context()) as reader:
                wrong = _failures(reader.get_validation_results() or {})
        except (C2paError, NotMarked) as error:
            wrong = " ".join(str(error).split())
        if wrong:
            raise ValueError(
                f"KANDINSKY_C2PA_CERTIFICATE: {certificate} does not suit C2PA: {wrong}"
            )
        return marker

    @property
    def root(self) -> bytes:
        """The certificate (PEM) that whoever is to trust these marks has to know."""
        return self._credentials.root

    def mark(
        self,
        file: bytes,
        *,
        mode: str,
        model: str,
        sources: Sequence[bytes],
        media_type: str = "image/png",
    ) -> bytes:
        """The file with what says how it was made.

        `sources` are clean PNG files, as `Request.sources` names them; masks (L) do not count. Of a
        mode that changes a picture, the last one is that picture. Histories that have grown too
        long together are left out. Raises NotMarked.
        """
        pictures = _bounded([one for one in sources if one and not _grey(one)])
        parent = (
            [Ingredient("parent", "parentOf", pictures.pop())] if _changes(mode, pictures) else []
        )
        inputs = [Ingredient(f"input{n}", "inputTo", one) for n, one in enumerate(pictures)]
        drawn: dict[str, Any] = {
            "action": "c2pa.edited" if parent else "c2pa.created",
            "digitalSourceType": source_type(mode),
            "softwareAgent": {"name": model or PROGRAM},
        }
        if inputs:
            drawn["parameters"] = {"ingredientIds": [one.label for one in inputs]}
        performed = [opened("parent"), drawn] if parent else [drawn]
        return self._signed(file, media_type, performed, [*parent, *inputs])

    def opened(self, original: bytes, clean: bytes, *, ours: bool = False) -> bytes:
        """The clean file of an original, with the history that the original carried; the clean
        file as it is where there is none, or none that can be taken over.

        A stranger's original is tried in a process of its own first, and has to bring words alone:
        a thumbnail is a picture that nobody has checked. `ours` says that it comes from our own
        store.
        """
        if not marked(original) or not (ours or self._harmless(original)):
            return clean
        (bounded,) = _bounded([original])
        parent = Ingredient("parent", "parentOf", bounded, media_type(original))
        done = {"action": "c2pa.transcoded"}  # its pixels were written anew
        try:
            whole = self._signed(clean, media_type(clean), [opened("parent"), done], [parent])
        except NotMarked as error:
            log.warning("the history of a picture is left out: %s", error)
            return clean
        if len(whole) - len(clean) > HISTORY_LIMIT:
            log.warning("the history of a picture is left out: %d bytes", len(whole) - len(clean))
            return clean
        return whole

    def _signed(
        self,
        file: bytes,
        kind: str,
        performed: Sequence[Mapping[str, Any]],
        ingredients: Sequence[Ingredient],
    ) -> bytes:
        manifest = {
            "claim_generator_info": [{"name": PROGRAM, "version": VERSION}],
            "format": kind,
            "assertions": [actions(*performed)],
        }
        try:
            return self._pen.sign(file, kind, manifest, ingredients)
        except C2paError as error:
            raise NotMarked(str(error)) from error

    def _harmless(self, original: bytes) -> bool:
        """Whether a file can be an ingredient, as seen in a process that it may bring down."""
        key = self._throwaway
        order = ORDER.pack(len(key.certificates), len(key.key), len(original))
        try:
            subprocess.run(
                [sys.executable, "-I", str(Path(signing.__file__)), media_type(original)],
                input=order + key.certificates + key.key + original,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,
                timeout=CLOCK_LIMIT,
                check=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            log.warning("a picture's history is not taken over: %s", type(error).__name__)
            return False
        return True

    @cached_property
    def _throwaway(self) -> Credentials:
        return make()


def _pen(own: Credentials) -> Pen:
    return Pen(own.certificates, own.key, own.algorithm, own.root)


def _changes(mode: str, pictures: Sequence[bytes]) -> bool:
    """Whether there is a picture that lives on."""
    return mode in CHANGES and bool(pictures)


def _bounded(files: Sequence[bytes]) -> list[bytes]:
    """The files; the first ones without their histories where these are too much together."""
    size = count = 0
    bounded = []
    for file in reversed(files):
        history = _history(file)
        size, count = size + len(history), count + history.count(MANIFEST)
        if size > HISTORY_LIMIT or count > CHANGES_LIMIT:
            file = file.replace(history, b"", 1)
        bounded.append(file)
    return bounded[::-1]


def _history(png: bytes) -> bytes:
    """The chunk of manifests, which the library puts second; nothing if it is not there."""
    if png[AFTER_HEADER + 4 : AFTER_HEADER + 8] != SIGNS["image/png"]:
        return b""
    length = int.from_bytes(png[AFTER_HEADER : AFTER_HEADER + 4])
    return png[AFTER_HEADER : AFTER_HEADER + 12 + length]


def _grey(png: bytes) -> bool:
    return png[25:26] == bytes([GREY])


def _failures(results: Mapping[str, Any]) -> str:
    """What a reader finds wrong, beside that it does not know the signer."""
    failed = [one["code"] for one in results.get("activeManifest", {}).get("failure", [])]
    return ", ".join(code for code in failed if code != "signingCredential.untrusted")
