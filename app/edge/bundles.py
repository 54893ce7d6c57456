"""A version's files as they lie in the store: ``<HMAC-SHA256><gzip of the bundle>``.

The version says which files they must be, the signature that a replica of this deployment wrote them: who can write to
the store could otherwise offer files of his own under their right hash, from this origin. Must never unpack what isn't
signed, nor more than a version can be.
"""

import gzip
import hmac
import zlib
from collections.abc import Sequence
from typing import Final

from app.edge.assets import Assets, version_of

MAX_STORED: Final = 512 * 1024  # bytes; a version is about 65 KB, unpacked 260 KB
MAX_UNPACKED: Final = 2 * 1024 * 1024
_SIGNATURE: Final = 32
_GZIP: Final = 31  # zlib's number for a gzip header and the largest window
_PURPOSE: Final = b"baton browser files\0"


class BundleError(ValueError):
    """It isn't what it should be; the text says why, without anything of it."""


def pack(bundle: bytes, secrets: Sequence[str]) -> bytes:
    """For the store, signed with the first secret."""
    packed = gzip.compress(bundle, 9, mtime=0)
    return _sign(packed, secrets[0]) + packed


def unpack(stored: bytes, version: str, secrets: Sequence[str]) -> Assets:
    """From the store, signed with any of the secrets (rotation). Raises ``BundleError``."""
    if len(stored) > MAX_STORED:
        raise BundleError("too large")
    signature, packed = stored[:_SIGNATURE], stored[_SIGNATURE:]
    if not any(hmac.compare_digest(signature, _sign(packed, secret)) for secret in secrets):
        raise BundleError("not signed by this deployment")
    bundle = _unzip(packed)
    if version_of(bundle) != version:
        raise BundleError("another version")
    try:
        return Assets.of(bundle)
    except ValueError as error:
        raise BundleError("not a bundle") from error


def _sign(packed: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE + packed, "sha256")


def _unzip(packed: bytes) -> bytes:
    unzip = zlib.decompressobj(_GZIP)
    try:
        bundle = unzip.decompress(packed, MAX_UNPACKED)
    except zlib.error as error:
        raise BundleError("not gzip") from error
    if not unzip.eof:
        raise BundleError("cut off, or too large unpacked")
    return bundle
