"""The tests. A package, so that `tests.support` is ours in every import mode and `python -m tests.cluster...` runs."""
