"""Answers general questions from the knowledge base, and remembers the topic, so that a further question is understood.

Its state in the head: ``recent`` topics, newest first. Must never answer anything that the knowledge base doesn't say.
"""

from dataclasses import replace
from typing import Final

from app.agents.brain import Brain
from app.agents.classifier import UNCLEAR, Guess, Said
from app.agents.reply import Reply, Task

CATEGORY: Final = "billing_faq"
MOST_RECENT: Final = 4
# Further questions that begin like this aren't wishes, whatever they look like otherwise.
_ASKING: Final = frozenset({"how", "what", "who", "when", "where", "much", "?"})
_REFERRING: Final = frozenset({"that", "it", "this"})


def answer(brain: Brain, task: Task, guess: Guess) -> Reply:
    """What the knowledge base says of a topic."""
    topic = brain.topics[guess.intent]
    mention(task, topic.name)
    return Reply(topic.answer(guess.section), f"explained {topic.title}", CATEGORY)


def mention(task: Task, topic: str) -> None:
    """What is talked of now."""
    others = [name for name in _names(task) if name != topic]
    task.head.fields.agent_states["faq"] = {"recent": [topic, *others][:MOST_RECENT]}


def follow_up(brain: Brain, task: Task, said: Said, guess: Guess) -> Guess:
    """What a message means after what was just talked of: "how do I sign up for that?" """
    recent = _recent(brain, task)
    words, subject = brain.classifier.words(said), brain.classifier.subject(said)
    aspects = [stems for stems in brain.aspects if subject & stems]
    if not recent:
        own = subject.difference(*brain.aspects, _ASKING)
        unclear = not own and bool(words & _REFERRING) and guess.category == CATEGORY
        return UNCLEAR if unclear else guess
    if aspects and not subject.difference(*brain.aspects, _ASKING) and _may_follow(words, guess):
        # It has no subject of its own. A word of a topic's title names it ("help"); else the last one is meant.
        named = [name for name in recent if brain.classifier.subject(brain.topics[name].title) & words]
        topic = named[0] if named and not words & _REFERRING else recent[0]
        section = _section(brain, topic, aspects) or brain.classifier.guess(said, within={topic}).section
        return Guess(CATEGORY, topic, section, 1.0)
    if guess.category == CATEGORY and guess.intent in recent and guess.section is None:
        return replace(guess, section=_section(brain, guess.intent, aspects))
    return guess


def _may_follow(words: set[str], guess: Guess) -> bool:
    if guess.category in {CATEGORY, "account_data", "out_of_scope"}:
        return True
    return guess.category != "human_requested" and bool(words & _ASKING)


def _section(brain: Brain, topic: str, aspects: list[frozenset[str]]) -> str | None:
    for heading in brain.topics[topic].sections:
        if any(heading.startswith(start) for stems in aspects for start in brain.aspects[stems]):
            return heading
    return None


def _recent(brain: Brain, task: Task) -> list[str]:
    """The topics of the state that (still) exist, newest first, if the talk is still of them."""
    talk = task.head.fields.agent_states.get("classifier", {}).get("recent", [])
    if not isinstance(talk, list) or not {CATEGORY, "account_data"} & {str(one) for one in talk[:2]}:
        return []
    return [name for name in _names(task) if name in brain.topics]


def _names(task: Task) -> list[str]:
    names = task.head.fields.agent_states.get("faq", {}).get("recent", [])
    return [name for name in names if isinstance(name, str)][:MOST_RECENT] if isinstance(names, list) else []
