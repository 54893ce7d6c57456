"""A conversation with the support bot without an engine: heads are bytes between turns, as after a restart."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import orjson

from app.agents.account import Account
from app.agents.brain import Handbook
from app.agents.identity import ATTEMPTS, Identity
from app.agents.orchestrator import Orchestrator
from app.agents.port import Audit, Category, Change, NextMessage, Piece, Secret, Turn
from app.agents.proofs import hide
from app.agents.services import Services
from app.agents.summary import Handover
from app.core.messages import REDACTED
from app.core.session import Head, decode_head, encode_head, new_head
from tests.support.bot_accounts import Call, FakeAccounts

NOW = int(datetime(2025, 6, 15, 12, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
DATA = Path(str(files("app.agents")))


@cache
def handbook() -> Handbook:
    """What is shipped; read once, since nothing changes it."""
    return Handbook(None)


@dataclass
class FakeLocks:
    """Like `store/lua/lock.lua`, without time: at most `ATTEMPTS` members of a lock."""

    calls: list[Call] = field(default_factory=list)
    counted: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def admit(self, kind: str, value: str, member: str) -> tuple[bool, int]:
        """Count a member once."""
        self.calls.append(("admit", kind, value))
        members = self.counted.setdefault((kind, value), [])
        admitted = member in members or len(members) < ATTEMPTS
        if admitted and member not in members:
            members.append(member)
        return admitted, max(ATTEMPTS - len(members), 0)

    async def free(self, kind: str, value: str) -> bool:
        """Whether there is room for one more."""
        self.calls.append(("free", kind, value))
        return len(self.counted.get((kind, value), [])) < ATTEMPTS

    async def forget(self, kind: str, value: str, member: str) -> None:
        """It doesn't count any more."""
        self.calls.append(("forget", kind, value))
        members = self.counted.get((kind, value), [])
        if member in members:
            members.remove(member)


@dataclass
class FakeDesk:
    """So many wait for a person."""

    number: int = 0

    async def waiting(self) -> int:
        """How many."""
        return self.number


@dataclass
class World:
    """The bot and what it stands on; any number of conversations talk to it. `calls`: what it asked, in order."""

    calls: list[Call] = field(default_factory=list)
    accounts: FakeAccounts = field(init=False)
    locks: FakeLocks = field(init=False)
    desk: FakeDesk = field(default_factory=FakeDesk)

    def __post_init__(self) -> None:
        self.accounts, self.locks = FakeAccounts(calls=self.calls), FakeLocks(self.calls)

    @property
    def bot(self) -> Orchestrator:
        """A new one each time, since it may keep nothing."""
        services = Services(DATA / "services.toml")
        identity = Identity(self.accounts, self.locks)
        return Orchestrator(handbook(), services, identity, Account(self.accounts), Handover(self.desk))

    def chat(self, session: str = "s1", client: str | None = "client-1") -> "Chat":
        """A conversation that has seen nothing."""
        return Chat(self, session, client, encode_head(new_head(session)))

    def names(self) -> list[str]:
        """The names of the calls."""
        return [call[0] for call in self.calls]


@dataclass
class Said:
    """What came back to one message."""

    messages: list[tuple[str, str | None]]
    audits: list[Audit]
    pieces: list[Piece]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(text for text, _ in self.messages)


@dataclass
class Chat:
    """`raw` is the head as it is stored. `shown`: everything that left the bot, as text, to be searched for secrets."""

    world: World
    session: str
    client: str | None
    raw: bytes
    seq: int = 0
    now_ms: int = NOW
    shown: list[str] = field(default_factory=list)

    @property
    def head(self) -> Head:
        """As it is read back."""
        return decode_head(self.raw)

    @property
    def auth(self) -> str:
        """The state of the sign-in."""
        return self.head.user.auth_state

    def turn(self, text: str, asked: bool | None = None) -> Turn:
        """The next turn, as the engine makes it; `asked`: whether the message was accepted as an answer."""
        self.seq += 3
        head = self.head
        secret = Secret(text, self.client) if (head.fields.asking if asked is None else asked) else None
        stored = REDACTED if secret else hide(text)
        return Turn(self.session, self.seq, 1, stored, head, 0, "", self.now_ms, secret)

    async def say(self, text: str, asked: bool | None = None) -> Said:
        """One message of the customer, answered and stored."""
        return await self.run(self.turn(text, asked))

    async def run(self, turn: Turn) -> Said:
        """A turn answered and stored; running it twice is a takeover."""
        pieces = [piece async for piece in self.world.bot.answer(turn)]
        texts, categories, audits = [""], [None], []  # type: tuple[list[str], list[str | None], list[Audit]]
        for piece in pieces:
            match piece:
                case str():
                    texts[-1] += piece
                case Category():
                    categories[-1] = piece.name
                case Change():
                    self.raw = encode_head(piece.head)
                case Audit():
                    audits.append(piece)
                case NextMessage():
                    texts.append("")
                    categories.append(None)
        self.shown += [repr(pieces), self.raw.decode(), orjson.dumps([turn.text, texts]).decode(), repr(turn)]
        return Said(list(zip(texts, categories, strict=True)), audits, pieces)

    def everything(self) -> str:
        """All that may be stored, logged or shown."""
        return "\n".join(self.shown)


async def signed_in(world: World, number: str = "ACC-2024-0042", proof: str = "4821", session: str = "s1") -> Chat:
    """A conversation of a verified customer."""
    chat = world.chat(session)
    for text in ("what is my balance", number, proof):
        await chat.say(text)
    assert chat.auth == "authenticated"
    world.calls.clear()
    return chat
