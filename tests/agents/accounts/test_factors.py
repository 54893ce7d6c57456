import base64
import hashlib
import subprocess
import sys
from typing import Any

import pytest

from app.agents.accounts.factors import hash_factor, matches

SALT = base64.b64encode(bytes(16)).decode()
HASH = base64.b64encode(hashlib.scrypt(b"4821", salt=bytes(16), n=4096, r=8, p=1, dklen=32)).decode()
LONG = base64.b64encode(bytes(10**6)).decode()


def test_a_factor_matches_its_hash_alone() -> None:
    stored = hash_factor("4821")
    assert stored.startswith("scrypt$4096$8$1$")
    assert matches("4821", stored)
    assert not matches("4822", stored)
    assert not matches("", stored)
    assert not matches("\ud800", stored)


def test_the_form_is_the_documented_one() -> None:
    assert hash_factor("4821", bytes(16)) == f"scrypt$4096$8$1${SALT}${HASH}"


def test_a_salt_is_used_once() -> None:
    assert hash_factor("4821") != hash_factor("4821")


@pytest.mark.parametrize("salt", [b"", bytes(7), bytes(65)])
def test_a_salt_that_would_never_match_is_refused(salt: bytes) -> None:
    with pytest.raises(ValueError, match="salt"):
        hash_factor("4821", salt)


HOSTILE = [
    "", "4821", "scrypt", "scrypt$", "scrypt$4096$8$1$", "scrypt$4096$8$1$$", "scrypt$4096$8$1$$$", "\0" * 100,
    f"scrypt$1073741824$8$1${SALT}${HASH}", f"scrypt$4096$8$1000000${SALT}${HASH}", f"scrypt$4096$-8$1${SALT}${HASH}",
    f"scrypt$0$8$1${SALT}${HASH}", f"scrypt$4096$8$1${SALT}$", f"scrypt$4096$8$1$${HASH}",
    f"scrypt$2$8$1${SALT}${HASH}",
    f"scrypt$4096$8$1${SALT}${HASH}$", f"scrypt$4096$8$1${SALT}${HASH[:20]}", f"scrypt$4096$8$1${SALT}${HASH}\n",
    f"scrypt$4096$8$1$!{SALT}${HASH}", f"scrypt$4096$8$1${LONG}${HASH}", f"scrypt$4096$8$1${SALT}${LONG}",
    f"scrypt$4096$8$1${SALT}$é{HASH}", f"scrypt$\uff14096$8$1${SALT}${HASH}", "scrypt$4096$8$1$\ud800$\ud800",
]  # fmt: skip


@pytest.mark.parametrize("stored", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_hash_is_no_match_and_costs_what_any_costs(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[tuple[Any, ...]] = []
    real = hashlib.scrypt

    def counted(text: bytes, *, salt: bytes, n: int, r: int, p: int, dklen: int) -> bytes:
        costs.append((n, r, p, dklen, len(salt) <= 64))
        return real(text, salt=salt, n=n, r=r, p=p, dklen=dklen)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    assert not matches("4821", stored)
    assert costs == [(4096, 8, 1, 32, True)]


def hashed_by_the_command(line: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.agents.accounts.factors"]
    return subprocess.run(command, input=line, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("factor", ["4821", "1985-03-15"])
def test_the_command_hashes_a_line(factor: str) -> None:
    ran = hashed_by_the_command(f"{factor}\n")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert matches(factor, ran.stdout.strip())


@pytest.mark.parametrize("line", ["", "\n", "482\n", "03/15/1985\n", "1985-02-30\n", "19850315\n", "٤٨٢١\n"])
def test_the_command_refuses_what_could_never_match(line: str) -> None:
    ran = hashed_by_the_command(line)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "1985-03-15" in ran.stderr
