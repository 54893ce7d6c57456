"""What a replica has from its supervisor: its name, its sockets and, in demo mode, a line to ask for faults.

Descriptors are inherited and their numbers handed over in variables that the replica takes out of its environment. Must
never carry a setting: those have `app/settings.py`.
"""

import os
import secrets
import signal
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Final

from app import leash

_NAME: Final = "BATON_REPLICA_NAME"
_FDS: Final = "BATON_REPLICA_FDS"
_PARENT: Final = "BATON_REPLICA_PARENT"
_CONTROL: Final = "BATON_REPLICA_CONTROL"
_FAULTS: Final = "BATON_REPLICA_FAULTS"


def replica_name() -> str:
    """A new one, for one start of a process."""
    return "r-" + secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Inherited:
    """`control`, if there is one, takes requests for `faults` (`app/faults.py`)."""

    name: str
    sockets: list[socket.socket]
    control: socket.socket | None = None
    faults: tuple[str, ...] = ()

    @property
    def descriptors(self) -> list[int]:
        """What the replica's process must inherit."""
        return [sock.fileno() for sock in (*self.sockets, self.control) if sock is not None]

    def to_environ(self) -> dict[str, str]:
        """The variables from which `adopt` builds this again, in a child of this process."""
        numbers = ",".join(str(sock.fileno()) for sock in self.sockets)
        variables = {_NAME: self.name, _FDS: numbers, _PARENT: str(os.getpid())}
        if self.control is not None:
            variables |= {_CONTROL: str(self.control.fileno()), _FAULTS: ",".join(self.faults)}
        return variables


def adopt(environ: MutableMapping[str, str]) -> Inherited:
    """In a replica: take over what is inherited and tie this process to its supervisor, which is asked no more.

    Takes the variables out of `environ`. Raises KeyError or ValueError if the process was started by hand.
    """
    leash.die_with_parent(int(environ.pop(_PARENT)), signal.SIGKILL)
    sockets = [_own(number) for number in environ.pop(_FDS).split(",")]
    control, faults = environ.pop(_CONTROL, None), environ.pop(_FAULTS, "")
    if control is None:
        return Inherited(environ.pop(_NAME), sockets)
    return Inherited(environ.pop(_NAME), sockets, _own(control), tuple(faults.split(",")))


def _own(number: str) -> socket.socket:
    sock = socket.socket(fileno=int(number))
    sock.set_inheritable(False)
    return sock
