"""Logs: one JSON object a line from every source, and none of what I10 forbids."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from app.observe.logs import REDACTED, configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    names = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access", "websockets", "")
    before = {name: logging.getLogger(name).__dict__.copy() for name in names}
    handlers = logging.getLogger().handlers[:]
    yield
    for name, state in before.items():
        logging.getLogger(name).__dict__.update(state)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]  # levels were put back behind its back
    structlog.reset_defaults()


def lines(stream: io.BytesIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_structlog_and_stdlib_write_the_same_kind_of_line() -> None:
    stream = io.BytesIO()
    configure("info", stream)(component="x").info("started", n=1)
    logging.getLogger("uvicorn.error").warning("port %d", 80, extra={"color_message": "port 80"})
    ours, theirs = lines(stream)
    assert (ours["event"], ours["component"], ours["n"], ours["level"]) == ("started", "x", 1, "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("port 80", "uvicorn.error", "warning")
    assert str(ours["timestamp"]).endswith("Z")
    assert str(theirs["timestamp"]).endswith("Z")


def test_refused_keys_are_replaced_at_any_depth() -> None:
    stream = io.BytesIO()
    keys = ("text", "token", "secret", "answer", "Authorization", "password", "user_text", "sessionToken", "admin_key")
    configure("info", stream)().info("x", nested=[{"deep": {"secrets": "hunter2"}}], **dict.fromkeys(keys, "hunter2"))
    logging.getLogger("lib").warning("x %(token)s", {"token": "shown by the library itself"})
    (ours, _) = lines(stream)
    assert "hunter2" not in str(ours)
    assert all(ours[key] == REDACTED for key in keys)
    assert ours["nested"] == [{"deep": {"secrets": REDACTED}}]


def test_context_and_next_words_stay_readable() -> None:
    stream = io.BytesIO()
    configure("info", stream)().info("x", context="c", session="s", keys=3, text=None)
    assert {"context": "c", "session": "s", "keys": 3, "text": None}.items() <= lines(stream)[0].items()


def test_passwords_are_cut_out_of_urls_also_in_tracebacks() -> None:
    stream = io.BytesIO()
    logger = configure("info", stream)()
    try:
        raise ConnectionError("redis://user:hunter2@host:1/0 refused")
    except ConnectionError:
        logger.exception("lost", url="rediss://:hunter2@h/0")
    assert b"hunter2" not in stream.getvalue()
    assert b"host:1/0 refused" in stream.getvalue()


def test_libraries_never_log_at_debug_where_some_log_frames() -> None:
    stream = io.BytesIO()
    configure("debug", stream)().debug("ours")
    for name in ("uvicorn.error", "websockets.server", "anything"):
        logging.getLogger(name).debug("< TEXT 'hunter2' [7 bytes]")
    logging.getLogger("uvicorn.access").info("GET /")
    assert [line["event"] for line in lines(stream)] == ["ours"]


def test_a_line_that_cannot_be_encoded_or_written_stops_nobody() -> None:
    stream = io.BytesIO()
    logger = configure("info", stream)()
    logger.info("odd", lone="\ud800", big=2**70, thing=object())
    logging.getLogger("x").warning("%d", "not a number")
    assert [line["event"] for line in lines(stream)] == ["odd", "log record could not be formatted"]
    stream.close()
    logger.info("nobody reads this")
    logging.getLogger("x").warning("nor this")
