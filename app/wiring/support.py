"""Builds the support agent: what it knows, whom it asks, and how attempts to verify are counted.

Must never be imported where another agent runs: it brings numpy and SQLAlchemy.
"""

from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import structlog

from app.agents.account import Account
from app.agents.accounts.port import AccountsUnavailableError
from app.agents.accounts.sql import SqlAccounts
from app.agents.brain import Handbook
from app.agents.identity import ATTEMPTS, LOCK_MS, Identity
from app.agents.orchestrator import Orchestrator
from app.agents.services import Services
from app.agents.summary import Handover
from app.agents.support import SupportAgent
from app.agents.topics import KnowledgeError
from app.edge.auth import Fingerprints
from app.settings import Settings, SettingsError
from app.store.locks import RedisLocks
from app.store.node import Node
from app.store.redis_store import RedisStore


async def make_support(
    settings: Settings, store: RedisStore, node: Node, stack: AsyncExitStack
) -> tuple[SupportAgent, Handbook]:
    """The agent, and its knowledge to be watched for edits. Raises ``SettingsError``."""
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
    return SupportAgent(Orchestrator(handbook, services, identity, account, Handover(store))), handbook


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
