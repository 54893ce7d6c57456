"""Logs and metrics. Must never carry the text of a message, a token or an answer (I10)."""
