"""The settings of one `baton serve`: read once from `BATON_*` variables and command-line options, validated, frozen.

Every wrong value stops the start with one plain line that names the setting. This module must never put a secret, or a
Redis URL (it may carry a password), into a `repr` or an error line (I10), and must never be read again after the start.
"""

import difflib
import ipaddress
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from app import settings_values as values
from app.settings_values import Parser, WrongValue

MIN_IDENTITY_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as its hash. A shorter one is taken, with a warning."""
MAX_SECRET_FILE = 65536  # bytes


class SettingsError(ValueError):
    """A setting is wrong. Its `str` is one line that names the setting and says what it must be, fit to print."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Times are seconds unless the name says otherwise; tuples are as written, white space removed."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0: a free port, which `baton serve` prints."""
    replicas: int = 1
    redis_url: str | None = field(default=None, repr=False)
    """None: the embedded store in `data_dir`."""
    data_dir: Path = Path(".baton")
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Keys of session tokens: the first signs, all verify, so that a key can be rotated without cutting anyone off."""
    admin_key: str | None = field(default=None, repr=False)
    """None: the admin API is off."""
    identity_secret: str | None = field(default=None, repr=False)
    """Shared with the embedding site, which signs `identify` assertions with it. None: `identify` is refused."""
    agent: str = "support"
    accounts_url: str | None = field(default=None, repr=False)
    """Database of the customers' accounts. None: an SQLite file in `data_dir`, with sample customers."""
    accounts_samples: bool | None = None
    """Whether an empty database gets sample customers. None: only the one in `data_dir`."""
    knowledge_dir: Path | None = None
    """Folder of the knowledge base. None: the one that is shipped."""
    echo_delay_ms: int = 0
    lease_seconds: float = 3.0
    turn_seconds: float = 120.0
    """What the agent may take for one turn."""
    session_ttl_seconds: float = 86400.0
    rate_limit: float = 5.0
    """Messages a second in one conversation; 0: no limit."""
    allowed_origins: tuple[str, ...] = ()
    """Besides the same origin; `*`: any."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose `X-Forwarded-*` headers are believed."""
    max_connections: int = 10000
    drain_seconds: float = 10.0
    log_level: str = "info"
    demo: bool = False
    """The page may break what serves it, and answers come at a pace at which that can be watched."""
    unknown: tuple[str, ...] = ()
    """Names (never values) of `BATON_*` variables that mean nothing here."""

    @classmethod
    def load(cls, environ: Mapping[str, str], overrides: Mapping[str, object]) -> "Settings":
        """Read the settings from `environ`; `overrides` maps field names to values that win over it (None: not given).

        A secret may also stand in a file that `<variable>_FILE` names, as Docker and Kubernetes mount them. Raises
        SettingsError for the first wrong value. Unknown `BATON_*` variables are ignored and listed in `unknown`.
        """
        found: dict[str, object] = {}
        for name, (variable, parse, option) in _TABLE.items():
            override = overrides.get(name)
            if override is not None:
                found[name] = _parsed(option or variable, parse, _as_text(override))
            elif (text := _given(name, variable, environ)) is not None:
                found[name] = _parsed(variable, parse, text)
        known = {row[0] for row in _TABLE.values()} | {f"{_TABLE[name][0]}_FILE" for name in _FROM_FILES}
        strangers = {key for key in environ if key.startswith("BATON_")} - known
        settings = cls(**found, unknown=tuple(sorted(strangers)))  # type: ignore[arg-type]  # parsed by the table
        if settings.port and settings.replicas > 1 and settings.port + settings.replicas > 65535:
            raise SettingsError(
                f"BATON_PORT must leave room for {settings.replicas} replicas on the ports above it,"
                f" at most 65535, not {settings.port}"
            )
        if settings.demo and not _is_loopback(settings.host):
            raise SettingsError(
                "--demo must be left out (and BATON_DEMO not be set) when BATON_HOST isn't a loopback address like"
                " 127.0.0.1: whoever reaches the server could break it"
            )
        return settings

    def to_environ(self) -> dict[str, str]:
        """Return the variables from which `load` builds these settings again: a supervisor's way to its replicas."""
        known = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name in _TABLE}
        return {_TABLE[name][0]: _as_text(value) for name, value in known.items() if value is not None and value != ()}

    def warnings(self) -> list[str]:
        """Return plain lines about settings that work but are probably not what was meant."""
        lines = []
        known = [row[0] for row in _TABLE.values()]
        for name in self.unknown:
            close = difflib.get_close_matches(name, known, 1, 0.8)
            lines.append(f"{name} is not a setting and was ignored{f'; is it {close[0]}?' if close else ''}")
        if self.identity_secret and len(self.identity_secret.encode()) < MIN_IDENTITY_BYTES:
            lines.append(f"BATON_IDENTITY_SECRET is shorter than {MIN_IDENTITY_BYTES} bytes and can be guessed")
        return lines


def _given(name: str, variable: str, environ: Mapping[str, str]) -> str | None:
    """The text of a setting: of its variable, or of the file that the variable with `_FILE` names; None if neither."""
    path = environ.get(f"{variable}_FILE") if name in _FROM_FILES else None
    if path is None:
        return environ.get(variable)
    if variable in environ:
        raise SettingsError(f"{variable} and {variable}_FILE can't both be set")
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_SECRET_FILE + 1).decode()
    except (OSError, ValueError):  # ValueError: not UTF-8, or a path with a zero byte
        raise SettingsError(f"{variable}_FILE must be the path of a text file that can be read") from None
    if len(text) > MAX_SECRET_FILE:
        raise SettingsError(f"{variable}_FILE must be a file of at most {MAX_SECRET_FILE} bytes")
    return text


def _parsed(name: str, parse: Parser, text: str) -> object:
    try:
        return parse(text.strip())
    except WrongValue as wrong:
        shown = "" if wrong.hide else f", not {json.dumps(text[:80])}"
        raise SettingsError(f"{name} must be {wrong.expected}{shown}") from None


def _is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


_FROM_FILES = frozenset({"accounts_url", "redis_url", "secrets", "admin_key", "identity_secret"})
# field: (variable, parser, command-line option or None)
_TABLE: Mapping[str, tuple[str, Parser, str | None]] = {
    "host": ("BATON_HOST", values.host, "--host"),
    "port": ("BATON_PORT", values.whole("a port number", 0, 65535), "--port"),
    "replicas": ("BATON_REPLICAS", values.whole("a whole number", 1, 64), "--replicas"),
    "redis_url": ("BATON_REDIS_URL", values.redis_url, "--redis"),
    "data_dir": ("BATON_DATA_DIR", values.directory, "--data-dir"),
    "secrets": ("BATON_SECRET", values.secrets, None),
    "admin_key": ("BATON_ADMIN_KEY", values.hidden("a key of at least one character, or not be set"), None),
    "identity_secret": ("BATON_IDENTITY_SECRET", values.hidden("the site's signing secret, or not be set"), None),
    "agent": ("BATON_AGENT", values.agent, None),
    "accounts_url": ("BATON_ACCOUNTS_URL", values.accounts_url, None),
    "accounts_samples": ("BATON_ACCOUNTS_SAMPLES", values.boolean, None),
    "knowledge_dir": ("BATON_KNOWLEDGE_DIR", values.directory, None),
    "echo_delay_ms": ("BATON_ECHO_DELAY_MS", values.whole("a number of milliseconds", 0, 60000), None),
    "lease_seconds": ("BATON_LEASE_SECONDS", values.number("a number of seconds", 0.5, 60), None),
    "turn_seconds": ("BATON_TURN_SECONDS", values.number("a number of seconds", 1, 3600), None),
    "session_ttl_seconds": ("BATON_SESSION_TTL_SECONDS", values.number("a number of seconds", 1, 315360000), None),
    "rate_limit": ("BATON_RATE_LIMIT", values.number("a number of messages a second", 0, math.inf), None),
    "allowed_origins": ("BATON_ALLOWED_ORIGINS", values.origins, None),
    "trusted_proxies": ("BATON_TRUSTED_PROXIES", values.networks, None),
    "max_connections": ("BATON_MAX_CONNECTIONS", values.whole("a whole number", 1, 1000000), None),
    "drain_seconds": ("BATON_DRAIN_SECONDS", values.number("a number of seconds", 0, 3600), None),
    "log_level": ("BATON_LOG_LEVEL", values.one_of("debug", "info", "warning", "error"), None),
    "demo": ("BATON_DEMO", values.boolean, "--demo"),
}
