"""Builds the agent that ``BATON_AGENT`` names, and what belongs to it.

Must never start half a bot: what it can't do without stops the start with one plain line.
"""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from app.agents.paced import MOST_PACED, WORD_SECONDS, Paced
from app.agents.port import Agent
from app.agents.registry import UnknownAgentError, make_agent
from app.core.session import Head
from app.settings import Settings, SettingsError
from app.store.node import Node
from app.store.redis_store import RedisStore

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Bot:
    """An agent; how what users type to it may be stored (None: as it is); what runs for as long as the replica does."""

    agent: Agent
    redact: Callable[[str, Head | None], str] | None = None
    work: Callable[[], tuple[Work, ...]] = tuple


async def make_bot(settings: Settings, store: RedisStore, node: Node, stack: AsyncExitStack) -> Bot:
    """Raises ``SettingsError``."""
    if settings.agent == "support":
        from app.wiring.support import make_support  # only here: its libraries are large, other agents don't need them

        agent, handbook = await make_support(settings, store, node, stack)
        return Bot(_shown(agent, settings), agent.redact, lambda: (handbook.watch(),))
    try:
        named = make_agent(settings.agent, settings.echo_delay_ms)
    except UnknownAgentError as error:
        raise SettingsError(str(error)) from error
    return Bot(_shown(named, settings), getattr(named, "redact", None))


def _shown(agent: Agent, settings: Settings) -> Agent:
    """In demo mode an answer takes its time, so that something can happen in the middle of it."""
    own_pace = settings.agent == "echo" and settings.echo_delay_ms > 0
    most = settings.turn_seconds / 4 / MOST_PACED  # or the pace alone could use a turn's time up
    return Paced(agent, min(WORD_SECONDS, most)) if settings.demo and not own_pace else agent
