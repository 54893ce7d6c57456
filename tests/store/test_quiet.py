"""A line that says the same is logged now and then; one that says something else, at once."""

from app.store.quiet import EVERY, Quiet


def test_the_same_reason_is_held_back_and_another_is_not() -> None:
    now = [0.0]
    quiet = Quiet(lambda: now[0])
    assert [quiet.may("refused"), quiet.may("refused"), quiet.may("timeout"), quiet.may("refused")] == [
        True,
        False,
        True,
        True,
    ]
    now[0] = EVERY - 0.1
    assert not quiet.may("refused")
    now[0] = EVERY
    assert quiet.may("refused")
    quiet.over()
    assert quiet.may("refused")
