"""Who may do what: session tokens, the embedding site's assertions, the admin key, origins.

All signatures are HS256 by PyJWT with the algorithm fixed. Must never log or echo a token or a key (I10).
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.agents.port import Secret
from app.core.errors import BatonError
from app.engine.conversations import Who

_ALGORITHM: Final = "HS256"
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class TokenError(BatonError):
    """A token is malformed, forged or expired."""


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a session token says: the conversation, its epoch when it was issued, and when (Unix seconds)."""

    sid: str
    epoch: str
    issued: float


def _derive(secret: str, purpose: str) -> bytes:
    """A key of its own for each purpose, of full length whatever the secret's (HMAC as a PRF, RFC 5869 §3.3)."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()


class Tokens:
    """Session tokens: bound to one session, signed with the first secret, verified with all (rotation)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_derive(secret, "baton session token") for secret in secrets]

    def issue(self, sid: str, epoch: str, now: float) -> str:
        """A token for a session; ``now`` in Unix seconds."""
        return jwt.encode({"s": sid, "e": epoch, "t": round(now, 3)}, self._keys[0], _ALGORITHM)

    def read(self, token: str) -> SessionToken:
        """Raises ``TokenError``."""
        claims = _claims(token, self._keys, ["s", "e", "t"])
        sid, epoch, issued = claims["s"], claims["e"], claims["t"]
        if not (isinstance(sid, str) and isinstance(epoch, str) and isinstance(issued, int | float)):
            raise TokenError("claims of the wrong type")
        return SessionToken(sid, epoch, issued)


class Identities:
    """The embedding site's assertions: ``sub`` account, ``name``, ``exp`` (RFC 7519). Off without a secret."""

    def __init__(self, secret: str | None) -> None:
        self._keys = [] if secret is None else [secret.encode()]

    def read(self, token: str) -> Who:
        """Who the customer is. Raises ``TokenError``, also when identities are off."""
        claims = _claims(token, self._keys, ["sub", "exp"])
        account, name, expires = claims["sub"], claims.get("name"), claims["exp"]
        if not (isinstance(account, str) and isinstance(name, str | None)):
            raise TokenError("claims of the wrong type")
        try:
            return Who(account, name, int(expires) * 1000)
        except (ValueError, OverflowError, OSError) as error:
            raise TokenError("claims out of bounds") from error


def _claims(token: str, keys: Sequence[bytes], required: list[str]) -> dict[str, Any]:
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, [_ALGORITHM], options={"require": required, "verify_aud": False}
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, OverflowError, TypeError) as error:
            raise TokenError(type(error).__name__) from error
        return claims
    raise TokenError("signature")


class SecretVault:
    """Seals verification answers with AES-GCM under the first secret; opens with any (port: ``Vault``)."""

    def __init__(self, secrets: Sequence[str], random_bytes: Any) -> None:
        self._ciphers = [AESGCM(_derive(secret, "baton verification answer")) for secret in secrets]
        self._random_bytes = random_bytes

    def seal(self, secret: Secret, sid: str) -> bytes:
        """Encrypt for this session: a 12-byte nonce, then the ciphertext (NIST SP 800-38D)."""
        nonce: bytes = self._random_bytes(12)
        return nonce + self._ciphers[0].encrypt(nonce, orjson.dumps([secret.text, secret.client]), sid.encode())

    def open(self, sealed: bytes, sid: str) -> Secret | None:
        """Decrypt; None if it was sealed for another session or with a key that is gone."""
        for cipher in self._ciphers:
            try:
                text, client = orjson.loads(cipher.decrypt(sealed[:12], sealed[12:], sid.encode()))
            except (InvalidTag, ValueError, TypeError):
                continue
            return Secret(text, client)
        return None


class Fingerprints:
    """Keyed hashes of accounts and clients, so that the keys of locks name neither (I10)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._key = _derive(secrets[0], "baton verification lock")

    def of(self, kind: str, value: str) -> str:
        """128 bits in hex."""
        return hmac.new(self._key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]


def client_of(address: str | None) -> str | None:
    """Who counts as one client: an IPv4 address, the /64 of an IPv6 one (RFC 6177); None if the peer has none."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    if mapped is not None or parsed.version == 4:
        return str(mapped or parsed)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def key_matches(given: str, key: str) -> bool:
    """Constant-time comparison of an admin key."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "replace")).digest(), hashlib.sha256(key.encode()).digest()
    )


def origin_allowed(origin: str | None, host: str, allowed: Sequence[str]) -> bool:
    """Whether a browser page of ``origin`` may open a socket here (RFC 6455 §10.2).

    No ``Origin``: not a browser, let in. Else the same host and port as the request's ``Host``, or on the list.
    """
    if origin is None or "*" in allowed:
        return True
    asked = _host_port(origin)
    if asked is None:
        return False
    scheme = urlsplit(origin).scheme
    if asked == _host_port(f"{scheme}://{host}"):
        return True
    return any(urlsplit(entry).scheme == scheme and _host_port(entry) == asked for entry in allowed)


def _host_port(origin: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.hostname.lower(), port) if parts.hostname else None
