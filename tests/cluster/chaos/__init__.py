"""A cluster of real processes under faults from a seeded schedule, and the verdict on every conversation in it.

`make chaos MINUTES=10`, or `python -m tests.cluster.chaos --help`. It must never judge more kindly than
`tests/support/history.py` does.
"""
