from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.safety import credentials
from engine.safety.certificate import Credentials, algorithm, make
from engine.safety.credentials import CERTIFICATES, KEY, RENEWED
from engine.safety.provenance import Marker
from engine.safety.signing import pixel
from tests.safety.marks import state

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)

SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def mark(marker: Marker) -> bytes:
    return marker.mark(pixel(), mode="text_to_image", model="mini", sources=())


def written(folder: Path, own: Credentials) -> tuple[Path, Path]:
    certificate, key = folder / "own.pem", folder / "own.key"
    certificate.write_bytes(own.certificates)
    key.write_bytes(own.key)
    return certificate, key


def signed_by(own: Credentials, key: SigningKey) -> Credentials:
    """A certificate for another key, of the same kind as the first of these; its authority is one
    that nobody has heard of."""
    leaf = x509.load_pem_x509_certificates(own.certificates)[0]
    authority = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return Credentials.of([builder.sign(authority, hashes.SHA256())], key)


def test_one_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "certificate"
    first = Marker.open(None, None, folder)
    again = Marker.open(None, None, folder)
    assert first.root == again.root
    assert state(mark(again), first.root) == "Trusted"
    assert {one.name for one in folder.iterdir()} == {CERTIFICATES, KEY}


def test_only_its_owner_may_read_the_key(tmp_path: Path) -> None:
    Marker.open(None, None, tmp_path)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (tmp_path / CERTIFICATES).read_bytes()
    assert "PRIVATE" not in repr(make())


def test_it_has_the_profile_of_c2pa() -> None:
    leaf, root = x509.load_pem_x509_certificates(make().certificates)
    leaf.verify_directly_issued_by(root)
    assert leaf.version is x509.Version.v3
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    by = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert by.key_identifier == own.digest


@pytest.mark.parametrize(("left", "kept"), [(RENEWED - DAY, False), (RENEWED + DAY, True)])
def test_it_is_renewed_before_it_expires(tmp_path: Path, left: timedelta, kept: bool) -> None:
    old = make(left)
    (tmp_path / CERTIFICATES).write_bytes(old.certificates)
    (tmp_path / KEY).write_bytes(old.key)
    now = credentials.of_folder(tmp_path)
    assert (now == old) is kept
    assert now.expires - datetime.now(UTC) > RENEWED


@pytest.mark.parametrize("spoilt", [CERTIFICATES, KEY])
def test_half_of_a_pair_is_made_anew(tmp_path: Path, spoilt: str) -> None:
    credentials.of_folder(tmp_path)
    (tmp_path / spoilt).write_bytes(b"half")
    marker = Marker.open(None, None, tmp_path)
    assert state(mark(marker), marker.root) == "Trusted"


@pytest.mark.slow
def test_programs_that_start_at_once_have_the_same(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from engine.safety import credentials;"
        " sys.stdin.read(); print(credentials.of_folder(Path(sys.argv[1])).certificates.decode())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "new")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.close()
        one.stdin = None
    said = {one.communicate(timeout=60)[0] for one in started}
    assert len(said) == 1
    assert said.pop().count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=algorithm,
)
def test_the_operators_key_may_be_of_any_kind(tmp_path: Path, key: SigningKey) -> None:
    own = signed_by(make(), key)
    marker = Marker.open(*written(tmp_path, own), tmp_path / "unused")
    assert state(mark(marker)) == "Valid"
    assert not (tmp_path / "unused").exists()


def test_the_operators_certificate_is_used(tmp_path: Path) -> None:
    own = make()
    marker = Marker.open(*written(tmp_path, own), tmp_path)
    assert state(mark(marker), own.root) == "Trusted"


def refused(certificate: Path, key: Path) -> str:
    with pytest.raises(ValueError, match=r"^KANDINSKY_C2PA_") as error:
        Marker.open(certificate, key, Path("/nowhere"))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, make())
    said = refused(tmp_path / "none.pem", key)
    assert said.startswith(f"KANDINSKY_C2PA_CERTIFICATE: {tmp_path}/none.pem cannot be used: ")
    said = refused(certificate, tmp_path / "none.key")
    assert said.startswith(f"KANDINSKY_C2PA_KEY: {tmp_path}/none.key cannot be used: ")


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, make())
    key.write_bytes(make().key)
    assert refused(certificate, key).endswith(f"{key} is not the key of {certificate}")


def test_what_is_no_certificate_or_key_is_refused(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, make())
    assert refused(key, key).startswith("KANDINSKY_C2PA_CERTIFICATE: ")
    assert refused(certificate, certificate).startswith("KANDINSKY_C2PA_KEY: ")


def test_a_key_with_a_password_is_refused(tmp_path: Path) -> None:
    own = make()
    certificate, key = written(tmp_path, own)
    private = serialization.load_pem_private_key(own.key, None)
    locked = serialization.BestAvailableEncryption(b"secret")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(pem, pkcs8, locked))
    assert "assword" in refused(certificate, key)


def test_a_weak_key_is_refused(tmp_path: Path) -> None:
    own = make()
    certificate, key = written(tmp_path, own)
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(weak.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    assert "2048" in refused(certificate, key)


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    said = refused(*written(tmp_path, make(timedelta(seconds=-1))))
    assert said.startswith("KANDINSKY_C2PA_CERTIFICATE: ")
    assert " is valid from " in said


def test_a_certificate_for_other_purposes_is_refused(tmp_path: Path) -> None:
    """That of an authority, or of a web server."""
    own = make()
    key = serialization.load_pem_private_key(own.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "studio.example")])
    now = datetime.now(UTC)
    server = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    said = refused(*written(tmp_path, Credentials.of([server], key)))
    assert said.startswith("KANDINSKY_C2PA_CERTIFICATE: ")
    assert " does not suit C2PA: " in said
