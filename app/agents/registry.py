"""From the setting ``BATON_AGENT`` to an agent. Must never guess: an unknown name stops the start."""

import importlib
from collections.abc import Callable
from typing import Final

from app.agents.echo import EchoAgent
from app.agents.port import Agent

MAX_NAME: Final = 200


class UnknownAgentError(ValueError):
    """``BATON_AGENT`` names no agent; the text is one plain line."""


def make_agent(name: str, echo_delay_ms: int) -> Agent:
    """``echo``, or ``package.module:factory`` (a callable without arguments). ``support`` is made by ``wiring/bot.py``.

    Raises:
        UnknownAgentError: nothing of that name, or what the factory returned is no agent.
    """
    if name == "echo":
        return EchoAgent(echo_delay_ms / 1000)
    agent = _load(name)()
    if not callable(getattr(agent, "answer", None)) or not hasattr(agent, "continues") or not hasattr(agent, "name"):
        raise UnknownAgentError(f"BATON_AGENT: {name} made something that is not an agent (app/agents/port.py)")
    if agent.name is not None and not (
        isinstance(agent.name, str) and 0 < len(agent.name) <= MAX_NAME and agent.name.isprintable()
    ):
        raise UnknownAgentError(f"BATON_AGENT: the name of an agent is 1 to {MAX_NAME} printable characters, or None")
    return agent


def _load(name: str) -> Callable[[], Agent]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise UnknownAgentError(f'BATON_AGENT must be "support", "echo" or package.module:factory, not "{name}"')
    try:
        factory: Callable[[], Agent] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownAgentError(f"BATON_AGENT: {name} can't be imported ({error})") from error
    return factory
