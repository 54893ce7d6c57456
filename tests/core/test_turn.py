"""The answer on its way out: whatever pieces come, its chunks are numbered without gaps and join to its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.limits import MAX_ANSWER
from app.core.turn import Answer, AnswerTooLongError

words = st.text(st.characters(codec="utf-8"), max_size=5)


@given(pieces=st.lists(words | st.none(), max_size=40), stored=st.integers(-1, 20))
def test_chunks_follow_each_other_and_join_to_the_text(pieces: list[str | None], stored: int) -> None:
    before = "kept " * (stored + 1)
    answer, text, last = Answer(2, stored, before), before, stored
    for piece in [*pieces, None]:  # None: a write
        if piece is not None:
            answer.push(piece)
            continue
        chunks = answer.take()
        if chunks is None:
            continue
        assert (chunks.part, chunks.first) == (2, last + 1)
        assert chunks.last >= chunks.first
        last, text = chunks.last, text + chunks.text
    assert answer.take() is None
    assert text == answer.text == before + "".join(piece for piece in pieces if piece)
    assert last - stored == len([piece for piece in pieces if piece])


def test_an_answer_is_bounded_with_what_was_stored_before() -> None:
    answer = Answer(0, 0, "x" * (MAX_ANSWER - 2))
    answer.push("ab")
    with pytest.raises(AnswerTooLongError):
        answer.push("c")
    answer.take()
    with pytest.raises(AnswerTooLongError):
        answer.push("c")


def test_half_a_character_is_not_taken() -> None:
    answer = Answer()
    with pytest.raises(UnicodeEncodeError):
        answer.push("\ud800")
    assert answer.take() is None
