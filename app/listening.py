"""Listening TCP sockets: bound before anything else starts, so that a taken port ends the start with one plain line.

Must never set SO_REUSEPORT: a stopped replica would keep its share of the new connections hanging.
"""

import errno
import os
import socket

BACKLOG = 2048
SPARE_FILES = 256  # what a process opens besides its clients' sockets
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not bound to


class ListenError(RuntimeError):
    """An address can't be listened on. Its `str` is one line for the person who starts Baton."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the first address of `host`; port 0 takes a free one. Raises ListenError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ListenError(f"{host} is not an address of this machine: choose another with --host") from None
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(_why(host, port, error)) from None
    sock.setblocking(False)
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the URL at which a browser on this machine reaches the socket."""
    host, port = sock.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_open_files(wanted: int) -> int:
    """Raise this process's soft limit of open files so that `wanted` connections fit, if the hard one allows it.

    Return how many do. Without it a login shell's 1,024 would end a replica's growth long before its own limit, in
    accept calls that fail again and again (EMFILE).
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < need:
        soft = need if hard == resource.RLIM_INFINITY else min(need, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - SPARE_FILES))


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop the program that has it, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} isn't allowed for this user: choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: choose another with --host"
    return f"Port {port} on {host} can't be listened on: {(error.strerror or 'unknown reason').lower()}"
