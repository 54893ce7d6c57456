"""The store over Redis, whole (port: ``engine/ports.py``, class ``Store``). Must never be reached around."""

from app.store.sessions import RedisSessions
from app.store.turns import RedisTurns


class RedisStore(RedisTurns, RedisSessions):
    """Both halves on the same connections: turns (written under a lease) and sessions (read, and changed without)."""
