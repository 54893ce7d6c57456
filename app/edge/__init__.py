"""The socket and HTTP: framing, limits, authentication. Must never decide what a message means."""
