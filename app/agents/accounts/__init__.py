"""The account data of a utility's customers, behind a port: agents ask, a database answers.

Agents must never see more of it than `port.py` and `records.py`.
"""
