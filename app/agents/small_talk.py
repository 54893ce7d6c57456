"""Greetings, thanks and the like: one plain answer each. Must never pretend to be a person."""

from typing import Final

from app.agents.reply import Reply, Task, first_name

_HELP: Final = (
    "I can explain bills, ways to pay, programs and rates; look up your balance, bills, payments, usage and meter once "
    "you're verified; take requests like an outage or a move; and connect you with a person at any time."
)
# The intents of examples/smalltalk.toml.
_ANSWERS: Final = {
    "greeting": "Hello! I'm the automated assistant. What can I help you with today?",
    "thanks": "You're welcome! Is there anything else I can help with?",
    "goodbye": "Goodbye, and thank you for writing. You can come back to this chat at any time.",
    "acknowledgement": "Good. Let me know if there is anything else.",
    "identity": f"I'm an automated assistant, not a person. {_HELP}",
    "help": _HELP,
    "never_mind": "No problem. What else can I help you with?",
    "yes": "Please tell me what you'd like to know. I can explain bills and programs, or look into your account.",
    "log_out": "You're signed out; this chat goes on without knowing who you are.",
    "withdraw": "There is no open ticket. What can I help you with?",
    "no": "All right. If anything comes up, just write.",
}


def answer(task: Task, intent: str) -> Reply:
    """The answer to small talk; by name, if the customer is known."""
    text = _ANSWERS.get(intent, _HELP)
    name = first_name(task.head.user.customer_name) if task.signed_in else ""
    if intent == "greeting" and name:
        text = text.replace("Hello!", f"Hello {name}!", 1)
    return Reply(text, intent.replace("_", " "))
