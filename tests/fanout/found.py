"""Schedules in which the fan-out once left somebody behind or told something false, shrunk: what happened, the log's
page, and the steps of `stage.py`.

All but one ("the first event meets a repair") the product did get wrong. Must never be changed to fit the product.
"""

from typing import Final

from tests.fanout.stage import Step


def steps(text: str) -> list[Step]:
    """Steps from words: `name`, or `name number`, `+` for the flag and `.` for a turn of the event loop after it."""
    made: list[Step] = []
    for line in text.strip().split(","):
        words = line.split()
        number = next((int(word) for word in words if word.isdigit()), 0)
        name = " ".join(word for word in words if word.isalpha())
        made.append((name, number, "+" in words, words.count(".")))
    return made


FOUND: Final[dict[str, tuple[int, list[Step]]]] = {
    "an event is published between a join's read and its reply": (
        2,
        steps(
            "join 0, join 1, say, flow +, join 0, read + ., read, say, double 3",
        ),
    ),
    "the first event meets a top check": (
        2,
        steps("join 0, flow +, top check ., read, say, deliver, answer . ."),
    ),
    "a piece of the second message overtakes the first": (
        4,
        steps("join 0 + ., say, flow 1, commit, write, double 11"),
    ),
    "the first event meets a join that read nothing": (
        1,
        steps("join 0, flow +, join 1 ., read, say, deliver"),
    ),
    "the first event meets a repair": (
        1,
        steps("join 0, flow +, interrupt, confirm ., read, say, deliver, answer . ."),
    ),
    "two tabs have read the same seq of two histories": (
        4,
        steps(
            "act, act, say, join 0, slow 0 +, lose tail 0, flow +, act, join 4 ., lose tail 9, say, answer",
        ),
    ),
    "a slow tab and a lost tail": (
        1,
        steps(
            "join 0, join 2, top check . ., say, slow 8 +, confirm + . ., say, answer 11, lose tail, say + ., answer"
        ),
    ),
    "a turn starts that has ended": (
        2,
        steps(
            "join 0, say, flow 8, say, deliver all, write, write, take over, commit +, commit, reorder, drop,"
            "double 8 ., answer . ., deliver",
        ),
    ),
    "a repair crosses a publication and a lost tail": (
        3,
        steps(
            "join 0, say, flow +, deliver all, write, drop, write, deliver . ., act, deliver, lose tail 0, act, act,"
            "answer . . .",
        ),
    ),
    "erased while one tab has events and the other none": (
        4,
        steps("join 0 + . . ., join 11, confirm, act + . . ., read 7, erase"),
    ),
    "erased while a tab without a beginning joins": (
        3,
        steps("join 1, flow 3, say, join 0 ., answer, erase"),
    ),
}
