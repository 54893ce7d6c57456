"""Logs: one JSON object a line on stderr, from structlog and from the standard library's loggers alike.

Must never write the text of a message, a token, a secret or an answer (I10): values under such keys are replaced,
passwords in URLs are cut out, and other libraries are held at `info`, because at `debug` some of them log whole frames.
A log line that can't be written is dropped: logging must never stop a conversation.
"""

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

REDACTED = "[redacted]"
_REFUSED_WORDS = frozenset(
    ("text", "token", "secret", "answer", "authorization", "password", "passwd", "cookie", "jwt")
)
_REFUSED_KEYS = frozenset({"admin_key", "api_key", "apikey"})
_URL_PASSWORD = re.compile(r"(\w+://)[^/\s@]*@")


def configure(level: str, stream: BinaryIO | None = None) -> Callable[..., FilteringBoundLogger]:
    """Set up logging of this process at `level` (debug, info, warning, error); return what makes bound loggers.

    `configure("info")(component="x")` is a logger. `stream` takes bytes, stderr by default. uvicorn must be given
    `log_config=None`, or it replaces its share of this; its access log is off.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    out = _Lossy(stream if stream is not None else sys.stderr.buffer)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, _to_line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(out),  # type: ignore[arg-type]  # it needs write and flush only
        cache_logger_on_first_use=False,
    )
    _route_stdlib(shared, max(number, logging.INFO), out)

    def bound(**initial: object) -> FilteringBoundLogger:
        logger: FilteringBoundLogger = structlog.get_logger().bind(**initial)
        return logger

    return bound


def where(error: BaseException) -> str:
    """What kind of error, and where: an exception's text may quote the customer (I10)."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" at {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
    return f"{type(error).__name__}{place}"


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Processor: replace the values of refused keys, at any depth, and passwords in URLs (I10)."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: object, value: object) -> object:
    if isinstance(key, str) and value is not None and not isinstance(value, bool) and _refused(key):
        return REDACTED
    if isinstance(value, dict):
        return {inner: _clean(inner, entry) for inner, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(None, entry) for entry in value]
    if isinstance(value, str) and "://" in value:
        return _URL_PASSWORD.sub(rf"\1{REDACTED}@", value)
    return value


def _refused(key: str) -> bool:
    lower = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower().replace("-", "_")
    return lower in _REFUSED_KEYS or any(
        word in _REFUSED_WORDS or word.removesuffix("s") in _REFUSED_WORDS for word in re.split(r"[^a-z]+", lower)
    )


def _to_line(_logger: object, _method: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a lone surrogate or an integer over 64 bits, which only the slow encoder takes
        return json.dumps(event, default=repr, skipkeys=True, ensure_ascii=False).encode(errors="replace")


def _route_stdlib(shared: list[Processor], level: int, out: "_Lossy") -> None:
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _to_text]
    handler = _LossyHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=final,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "websockets"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(level)
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    access.disabled = True


def _to_text(logger: object, method: str, event: EventDict) -> str:
    return _to_line(logger, method, event).decode()


class _Lossy:
    """A byte stream that drops what it can't write: the reader of stderr may be gone (`baton serve 2>&1 | head`)."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        try:
            self._stream.write(data)
        except (OSError, ValueError):  # ValueError: the stream is closed
            return 0
        return len(data)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _LossyHandler(logging.Handler):
    def __init__(self, out: _Lossy) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError, IndexError):  # arguments that don't fit; handleError would print them
            line = _to_text(None, "", {"event": "log record could not be formatted", "logger": record.name})
        self._out.write(line.encode() + b"\n")
        self._out.flush()
