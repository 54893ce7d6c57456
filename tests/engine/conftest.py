"""The fixtures of those who test at the store."""

from tests.support.store_fixtures import chat, ear, other_store, store

__all__ = ["chat", "ear", "other_store", "store"]
