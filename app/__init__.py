"""Baton: a chat server whose conversations outlive every process that serves them.

The folders in the order in which a message passes them:

1. ``edge/``    the socket: ASGI, outbox, origin and token checks, HTTP routes
2. ``core/``    what a frame means: pure, no I/O, no clock (``now`` is passed)
3. ``engine/``  use cases over ports: hello, send, cancel; the turns and their leases
4. ``agents/``  the bot that answers: orchestrator, its agents, what they know
5. ``store/``   Redis: keys, Lua scripts and their typed callers, the embedded server
6. ``fanout/``  back to the sockets: what Redis published, in order, without gaps
7. ``observe/`` logs and metrics, on the way

``wiring/`` builds all of it, ``asgi.py`` serves it, ``cli.py`` starts it; ``web/`` is the browser's side.
This package must never hold state at module level: two replicas in one process are two independent servers.
"""

__version__ = "0.1.0"
