"""A client of `baton.v1`, for programs and for `baton chat`.

`frames` (what arrives), `transcript` (the rules for applying it), `pending` (what the server still owes an answer to),
`link` (one socket), `connection` (the whole: resuming and retrying), `updates` (what it tells); for the terminal `view`
(what it shows) and `session_file` (what it keeps between runs).

It knows the wire only; it must never import the server's packages.
"""

from app.client.connection import ChatClient
from app.client.link import socket_url
from app.client.updates import Offline, Online, Refused, Update

__all__ = ["ChatClient", "Offline", "Online", "Refused", "Update", "socket_url"]
