"""The store over Redis, whole (port: ``engine/ports.py``, class ``Store``). Must never be reached around."""

from app.store.tickets import RedisTickets
from app.store.turns import RedisTurns


class RedisStore(RedisTurns, RedisTickets):
    """Everything on the same connections: turns (under a lease), sessions (without one), and who waits for a person."""
