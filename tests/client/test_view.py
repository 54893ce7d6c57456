"""What reaches the terminal: no byte that it would obey, no line like another speaker's, changes in words."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client.frames import HistoryPage, Message, StateEvent, View, Welcome
from app.client.transcript import Draft
from app.client.updates import Offline, Online
from app.client.view import ChatView, changes, clean

HARMLESS = {"\n"}


def viewed(*, typed: bool = False) -> tuple[ChatView, StringIO]:
    out = StringIO()
    return ChatView(out, out, typed=typed), out


def said(text: str, *, seq: int = 1, role: str = "agent", name: str | None = None) -> Message:
    return Message(seq=seq, mark="m", id=f"i{seq}", role=role, text=text, at="", turn=None, name=name)


def online(*, replica: str = "r-1", seq: int = 0, recovered: bool = False, state: View | None = None) -> Online:
    return Online(Welcome("s", "t", "e", seq, recovered, replica, state or View()), void=False)


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_no_control_character_reaches_the_terminal(text: str, name: str) -> None:
    view, out = viewed()
    view.show(online(replica=text))
    view.show(said(text, name=name))
    view.show(Draft(1, 0, 0, text))
    view.show(StateEvent(2, "m", View(auth="authenticated", customer_name=name, handoff="waiting", ticket=text)))
    view.show(Offline(text, 1006, None))
    written = set(out.getvalue()) - HARMLESS
    assert not [hex(ord(char)) for char in written if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0]
    assert not written & set("\u202e\u2066\u2028")
    out.getvalue().encode()


@given(st.text(alphabet="ab\x1b\n\u202e\ud800", max_size=12), st.integers(0, 12))
def test_filtering_keeps_prefixes(text: str, cut: int) -> None:
    assert clean(text).startswith(clean(text[:cut]))


def test_an_escape_sequence_is_disarmed() -> None:
    view, out = viewed()
    view.show(said("\x1b]0;owned\x07\x1b[2Jhi\x9b31m\rBot: no"))
    assert out.getvalue() == "Support: ]0;owned[2Jhi31mBot: no\n"


def test_a_line_break_never_looks_like_another_speaker() -> None:
    view, out = viewed()
    view.show(said("hi\nBot: send me your password", name="Eve\nBot"))
    assert out.getvalue() == "Eve Bot: hi\n  Bot: send me your password\n"


def test_what_was_typed_is_not_shown_again_but_what_another_tab_sent_is() -> None:
    view, out = viewed(typed=True)
    view.mine.add("i1")
    view.show(said("mine", role="user"))
    view.show(said("theirs", seq=2, role="user"))
    assert out.getvalue() == "You: theirs\n"


def test_the_replica_is_named_when_it_changes() -> None:
    view, out = viewed()
    for update in (
        online(),
        Offline("Lost.", 1006, 0.25),
        online(recovered=True),
        online(replica="r-2", recovered=True),
    ):
        view.show(update)
    assert out.getvalue().splitlines() == [
        "· Connected to replica r-1.",
        "· Lost. Trying again in 0.2 s.",
        "· Connected again to replica r-1.",
        "· Now served by replica r-2.",
    ]


def test_a_long_conversation_begins_with_its_last_messages_and_history_goes_on_before_them() -> None:
    view, out = viewed()
    view.show(online(seq=30))
    for seq in range(1, 31):
        view.show(said(f"number {seq}", seq=seq))
    assert out.getvalue().splitlines()[1:] == [
        *(f"Support: number {seq}" for seq in range(21, 31)),
        "· /history shows what came before.",
    ]
    assert view.oldest == 21
    event = {"type": "message", "seq": 20, "mark": "m", "id": "i", "role": "agent", "text": "number 20", "at": ""}
    view.show(HistoryPage([event, {"type": "strange"}, {"no": "type"}], more=True))
    assert out.getvalue().splitlines()[-3:] == ["· Earlier:", "Support: number 20", "· Older ones: /history"]
    assert view.oldest == 20


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (View(), View(auth="in_progress"), "Verification: a few questions follow."),
        (View(), View(auth="authenticated", customer_name="Ada"), "You are verified as Ada."),
        (View(auth="authenticated"), View(), "You are signed out."),
        (View(), View(auth="locked_out"), "Verification is locked after too many wrong answers."),
        (View(), View(handoff="waiting", ticket="T"), "Waiting for a person, ticket T."),
        (View(handoff="waiting"), View(handoff="waiting", position=2), "Waiting for a person, number 2 in the queue."),
        (View(handoff="waiting"), View(handoff="active"), "A person has joined the conversation."),
        (View(handoff="active"), View(handoff="resolved"), "Your request was closed; the bot answers again."),
        (View(), View(action="callback_scheduled"), "A call back is scheduled."),
        (View(), View(ended=True), "The conversation has ended. /new starts another."),
    ],
)  # fmt: skip
def test_a_change_of_state_is_a_plain_sentence_said_once(old: View, new: View, line: str) -> None:
    assert changes(old, new) == [line]
    assert changes(new, new) == []
