"""Use cases over ports: what a replica does with a frame, a turn, a lease. Must never import Redis or ASGI."""
