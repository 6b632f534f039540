"""Signed statements: a JSON Web Signature as an attachment (xAPI 1.0.3, part 2, 2.6)."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ingest.lrs.standard.compare import same_statement
from ingest.lrs.standard.rules import BadStatement
from ingest.lrs.standard.strict_json import parse_json

__all__ = ["SIGNATURE", "check_signature"]

SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
_HASHES: Mapping[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "RS256": hashes.SHA256,
    "RS384": hashes.SHA384,
    "RS512": hashes.SHA512,
}


def check_signature(statement: Mapping[str, Any], attachment: Mapping[str, Any], content: bytes) -> None:
    """Check that a signature is well formed, is of this statement, and was made with the certificate that it brings, if any.

    Raises:
        BadStatement: it fails one of these.
    """
    where = "attachments.signature"
    if attachment.get("contentType") != "application/octet-stream":
        raise BadStatement(f"{where}.contentType", "application/octet-stream")
    try:
        head, payload, signature = content.split(b".")
        header, signed = (parse_json(_decoded(part)) for part in (head, payload))
        given = _decoded(signature)
        algorithm = str(header["alg"])
        said = same_statement(statement, {**signed, "attachments": statement.get("attachments", [])})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadStatement(where, "a JSON Web Signature of the statement, in compact form") from None
    if algorithm not in _HASHES:
        raise BadStatement(where, f"one of {', '.join(_HASHES)}")
    if not said:
        raise BadStatement(where, "of another statement than this one")
    if header.get("x5c"):
        _check_certificate(header["x5c"], head + b"." + payload, given, _HASHES[algorithm](), where)


def _check_certificate(
    chain: Any, signed: bytes, signature: bytes, digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512, where: str
) -> None:
    try:
        key = x509.load_der_x509_certificate(b64decode(chain[0])).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    except (ValueError, TypeError, KeyError, IndexError, InvalidSignature, UnsupportedAlgorithm):
        raise BadStatement(where, "signed by the certificate that it brings") from None


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
