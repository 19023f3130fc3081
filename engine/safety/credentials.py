"""Where the certificate and its key come from: the operator's files, or those made at first start.

What C2PA itself thinks of them is found out by signing: see engine/safety/provenance.py.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.safety.certificate import Credentials, algorithm, make

CERTIFICATES, KEY = "certificates.pem", "key.pem"
RENEWED = timedelta(days=30)  # before its end

Read = TypeVar("Read")


def of_files(certificate: Path, key: Path) -> Credentials:
    """The operator's: the chain, the signer's first, and the signer's key without a password.

    Raises ValueError, in one line that names the setting at fault.
    """
    chain = _read("KANDINSKY_C2PA_CERTIFICATE", certificate, x509.load_pem_x509_certificates)
    private = _read("KANDINSKY_C2PA_KEY", key, _key)
    if chain[0].public_key() != private.public_key():
        raise ValueError(f"KANDINSKY_C2PA_KEY: {key} is not the key of {certificate}")
    began, ends = chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
    if not began <= datetime.now(UTC) < ends:
        raise ValueError(
            f"KANDINSKY_C2PA_CERTIFICATE: {certificate} is valid from {began:%Y-%m-%d}"
            f" to {ends:%Y-%m-%d} only"
        )
    return Credentials.of(chain, private)


def of_folder(folder: Path) -> Credentials:
    """Those made here: at the first start, and anew 30 days before they expire; processes that
    start at once have the same. Raises OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        kept = _kept(folder)
        if kept is not None and kept.expires - datetime.now(UTC) > RENEWED:
            return kept
        made = make()
        _write(folder / KEY, made.key)
        _write(folder / CERTIFICATES, made.certificates)
        return made


def _kept(folder: Path) -> Credentials | None:
    """None where there are none, or not a whole pair."""
    try:
        return of_files(folder / CERTIFICATES, folder / KEY)
    except ValueError:
        return None


def _read(setting: str, file: Path, read: Callable[[bytes], Read]) -> Read:
    try:
        return read(file.read_bytes())
    except (OSError, TypeError, ValueError) as error:  # TypeError: it asks for a password
        said = " ".join(str(error).split())
        raise ValueError(f"{setting}: {file} cannot be used: {said}") from error


def _key(pem: bytes) -> PrivateKeyTypes:
    key = load_pem_private_key(pem, password=None)
    algorithm(key)
    return key


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and readable by its owner alone."""
    temporary = file.with_name(f"{file.name}.{uuid4().hex}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    temporary.replace(file)
