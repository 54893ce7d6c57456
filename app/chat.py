"""`baton chat`: a conversation in a terminal, or through a pipe, that goes on when a replica dies.

It reads lines, hands them to the client and shows what the client tells. It must never write received text unfiltered
(`client.view` filters), never lose a typed line silently, and never save what may be a verification answer (I10).
"""

import asyncio
import codecs
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.client import ChatClient, Offline, Online, Update, socket_url
from app.client.session_file import Saved, SessionFile, SessionFileError, default_path
from app.client.view import ChatView

HELP: Final = (
    "/quit leaves, the conversation stays. /end ends it. /new starts another one. /cancel stops the answer. "
    "/history shows older messages. /signout forgets who you are. A line that starts with // is sent with one slash."
)
UNREACHABLE_SECONDS: Final = 60.0
"""How long a pipe waits for a server; a person at a terminal waits as long as they like."""
_SECRET_AUTH: Final = frozenset({"in_progress", "verifying"})


class Lines:
    """Lines of standard input, read by a thread so that files, pipes and terminals work alike; None after the last."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    async def next(self) -> str | None:
        return await self._queue.get()

    def _read(self) -> None:
        # os.read and not sys.stdin: a thread that dies with the interpreter must not hold the lock of a buffered file.
        decoder, rest = codecs.getincrementaldecoder("utf-8")(errors="replace"), ""
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                data = b""
            *lines, rest = (rest + decoder.decode(data, final=not data)).split("\n")
            if not data and rest:
                lines.append(rest)
            with suppress(RuntimeError):  # the loop is closed: nobody reads any more
                for line in lines:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, line.rstrip("\r"))
                if not data:
                    self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
            if not data:
                return


class Chat:
    """One run of the program. `code` is the exit code when the run is over before its input is."""

    def __init__(self, url: str, view: ChatView, file: SessionFile, saved: Saved, *, tty: bool) -> None:
        self.client = ChatClient(url, self.update, token=saved.token, outbox=saved.outbox)
        self.code: int | None = None
        self._view, self._file, self._tty = view, file, tty
        self._greeted = False
        """There was a welcome: the saved token is good."""
        self._offline_since: float | None = None

    def update(self, update: Update) -> None:
        """Take one update of the client: show it, keep the file current, and notice when there is no going on."""
        self._view.show(update)
        if isinstance(update, Online):
            self._greeted, self._offline_since = True, None
        elif isinstance(update, Offline):
            self._offline(update)
        self.save()
        if self.client.settled:
            self._view.prompt()

    def save(self) -> None:
        """Keep the token, and what isn't acked unless it may be a secret."""
        secret = self.client.transcript.view.auth in _SECRET_AUTH
        outbox = {} if secret else dict(self.client.pending.outbox)
        try:
            self._file.save(Saved(self.client.token, outbox))
        except SessionFileError as error:
            self._view.notice(str(error))

    def _offline(self, update: Offline) -> None:
        now = asyncio.get_running_loop().time()
        self._offline_since = now if self._offline_since is None else self._offline_since
        if update.retry_in is None and update.code in (4401, 4404) and not self._greeted:
            self._restart("A new conversation begins.")
        elif update.retry_in is None:
            if self._tty:
                self._view.notice("/new starts another conversation.")
            else:
                self.code = 1
        elif not self._tty and now - self._offline_since > UNREACHABLE_SECONDS:
            self._view.notice("Giving up.")
            self.code = 1

    def _restart(self, why: str) -> None:
        unsent = self.client.restart()
        self._view.forget()
        for text in unsent:
            self._view.notice(f"Not sent: {text[:60]}")
        self._view.notice(why)
        self.save()

    def command(self, line: str) -> bool:
        """Run `/word`; False when it is time to leave."""
        match line.split()[0]:
            case "/quit":
                return False
            case "/end":
                self.client.end()
            case "/cancel":
                if not self.client.cancel():
                    self._view.notice("No answer is being written.")
            case "/history":
                if (self._view.oldest or 1) > 1:
                    self.client.history(self._view.oldest or 1)
                else:
                    self._view.notice("There is nothing older.")
            case "/signout":
                self.client.sign_out()
            case "/new":
                self._restart("A new conversation begins.")
            case "/help":
                self._view.notice(HELP)
            case other:
                self._view.notice(f"There is no {other[:20]}. {HELP}")
        return True

    def say(self, line: str) -> None:
        """Send one message."""
        self._view.mine.add(self.client.send(line))
        self.save()

    async def converse(self, lines: Lines) -> int:
        """Until the input ends; through a pipe every line waits for the answer to the one before."""
        if self._tty:
            self._view.notice(HELP)
        else:
            await self._quiet()
        while self.code is None:
            line = await self._next(lines)
            if line is None:
                break
            self._view.entered()
            if line.startswith("/") and not line.startswith("//"):
                if not self.command(line):
                    break
            elif line.strip():
                self.say(line[1:] if line.startswith("//") else line)
            if not self._tty:
                await self._quiet()
            elif self.client.settled:
                self._view.prompt()
        return self.code or 0

    async def _quiet(self) -> None:
        """Return when the server has answered everything, or never will."""
        await self.client.wait(lambda: (self._greeted and self.client.settled) or self.code is not None)

    async def _next(self, lines: Lines) -> str | None:
        """The next line; None at the end of the input, or when the conversation can't go on."""
        line = asyncio.ensure_future(lines.next())
        stop = asyncio.ensure_future(self.client.wait(lambda: self.code is not None))
        try:
            await asyncio.wait((line, stop), return_when=asyncio.FIRST_COMPLETED)
            return line.result() if line.done() and not stop.done() else None
        finally:
            line.cancel()
            stop.cancel()


async def _run(url: str, view: ChatView, file: SessionFile, saved: Saved, *, tty: bool) -> int:
    chat = Chat(url, view, file, saved, tty=tty)
    connection = asyncio.create_task(chat.client.run())
    talk = asyncio.create_task(chat.converse(Lines(sys.stdin.fileno())))
    try:
        await asyncio.wait((connection, talk), return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        return await talk
    finally:
        talk.cancel()
        connection.cancel()
        with suppress(asyncio.CancelledError):
            await connection


def main(url: str, *, session_file: Path | None, new: bool) -> int:
    """Run `baton chat`; the exit code: 0 left, 1 the conversation couldn't go on, 2 wrong use, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    tty = sys.stdin.isatty()
    err = sys.stdout if sys.stdout.isatty() else sys.stderr
    try:
        file = SessionFile(session_file or default_path(os.environ), socket_url(url))
        earlier = file.load()
        saved = Saved() if new else earlier
        return asyncio.run(_run(url, ChatView(sys.stdout, err, typed=tty), file, saved, tty=tty))
    except (SessionFileError, ValueError) as error:
        print(f"baton chat: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=err)
        return 0 if tty else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
