"""A certificate to sign pictures with, made here.

It says who signed to nobody who does not know this studio: readers of C2PA show its marks as sound,
and from a signer unknown to them. Its profile is of the C2PA specification 2.2, 14.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=3650)  # what was signed cannot be checked after that
SKEW = timedelta(hours=1)  # clocks differ
RSA_LIMIT = 2048  # bits, at least
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM: the signer's certificate and those that vouch for it, and the signer's key (PKCS 8)."""

    certificates: bytes
    key: bytes = field(repr=False)
    algorithm: str  # as C2PA calls it: es256, es384, es512, ed25519, ps256

    @classmethod
    def of(cls, chain: list[x509.Certificate], key: PrivateKeyTypes) -> Credentials:
        """Raises ValueError for a key of a kind that C2PA does not sign with."""
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        return cls(
            b"".join(one.public_bytes(pem) for one in chain),
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain),
            algorithm(key),
        )

    @property
    def expires(self) -> datetime:
        return x509.load_pem_x509_certificates(self.certificates)[0].not_valid_after_utc

    @property
    def root(self) -> bytes:
        """The last certificate (PEM): what a reader is told to trust."""
        last = x509.load_pem_x509_certificates(self.certificates)[-1]
        return last.public_bytes(serialization.Encoding.PEM)


def algorithm(key: PrivateKeyTypes) -> str:
    """What C2PA calls the way to sign with it. Raises ValueError where it has none."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_LIMIT:
        return "ps256"
    raise ValueError("C2PA signs with P-256, P-384, P-521, Ed25519 or RSA of 2048 bits or more")


def make(valid: timedelta = VALID) -> Credentials:
    """A new certificate, and an authority for it alone, whose key is forgotten at once."""
    authority, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Kandinsky Studio Development CA")
    root = (
        _certificate(issuer, issuer, authority, authority, valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # what readers accept
    leaf = (
        _certificate(_name("Kandinsky Studio"), issuer, signer, authority, valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(email, critical=False)
        .sign(authority, hashes.SHA256())
    )
    return Credentials.of([leaf, root], signer)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
    valid: timedelta,
) -> x509.CertificateBuilder:
    now, public = datetime.now(UTC), key.public_key()
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(by, critical=False)
    )


def _name(common: str) -> x509.Name:
    attributes = {NameOID.ORGANIZATION_NAME: "Kandinsky Studio", NameOID.COMMON_NAME: common}
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes.items()])


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
