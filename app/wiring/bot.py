"""Builds the agent that ``BATON_AGENT`` names; for the support agent also what it knows and asks.

Must never start half a bot: what it can't do without stops the start with one plain line.
"""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog

from app.agents.account import Account
from app.agents.accounts.port import AccountsUnavailableError
from app.agents.accounts.sql import SqlAccounts
from app.agents.brain import Handbook
from app.agents.identity import ATTEMPTS, LOCK_MS, Identity
from app.agents.orchestrator import Orchestrator
from app.agents.port import Agent
from app.agents.registry import UnknownAgentError, make_agent
from app.agents.services import Services
from app.agents.summary import Handover
from app.agents.support import SupportAgent
from app.agents.topics import KnowledgeError
from app.core.session import Head
from app.edge.auth import Fingerprints
from app.settings import Settings, SettingsError
from app.store.locks import RedisLocks
from app.store.node import Node
from app.store.redis_store import RedisStore


@dataclass(frozen=True, slots=True)
class Bot:
    """An agent; how what users type to it may be stored (None: as it is); what runs beside it."""

    agent: Agent
    redact: Callable[[str, Head | None], str] | None
    handbook: Handbook | None

    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs for as long as the replica does."""
        return () if self.handbook is None else (self.handbook.watch(),)


async def make_bot(settings: Settings, store: RedisStore, node: Node, stack: AsyncExitStack) -> Bot:
    """Raises ``SettingsError``."""
    if settings.agent == "support":
        return await _support(settings, store, node, stack)
    try:
        agent = make_agent(settings.agent, settings.echo_delay_ms)
    except UnknownAgentError as error:
        raise SettingsError(str(error)) from error
    return Bot(agent, getattr(agent, "redact", None), None)


async def _support(settings: Settings, store: RedisStore, node: Node, stack: AsyncExitStack) -> Bot:
    try:
        handbook = Handbook(settings.knowledge_dir)
        services = Services(Path(str(files("app.agents"))) / "services.toml")
    except KnowledgeError as error:
        raise SettingsError(f"BATON_KNOWLEDGE_DIR: {error}") from error
    accounts = await _accounts(settings)
    stack.push_async_callback(accounts.close)
    fingerprints = Fingerprints(settings.secrets)
    locks = RedisLocks(node, store.scripts.lock, fingerprints.of, ATTEMPTS, LOCK_MS)
    identity, account = Identity(accounts, locks), Account(accounts)
    agent = SupportAgent(Orchestrator(handbook, services, identity, account, Handover(store)))
    return Bot(agent, agent.redact, handbook)


async def _accounts(settings: Settings) -> SqlAccounts:
    own = settings.accounts_url is None
    try:
        if own:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        url = settings.accounts_url or f"sqlite:///{settings.data_dir / 'accounts.db'}"
        samples = own if settings.accounts_samples is None else settings.accounts_samples
        accounts = SqlAccounts(url, samples, _today)
    except (OSError, ValueError) as error:
        raise SettingsError("BATON_ACCOUNTS_URL must be set, or BATON_DATA_DIR be a folder to write in") from error
    try:
        await accounts.prepare()
    except AccountsUnavailableError as error:
        if own:
            await accounts.close()
            raise SettingsError("BATON_DATA_DIR must be a folder to write in, or BATON_ACCOUNTS_URL be set") from error
        structlog.get_logger().warning("accounts_unavailable", why=error.reason)  # it is asked again when needed
    return accounts


def _today() -> date:
    return datetime.now(UTC).date()
