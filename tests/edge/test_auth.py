"""What seals a verification answer, and what stands for accounts and clients where they may not be named (I10)."""

import itertools
from collections.abc import Callable
from typing import Final

import pytest

from app.agents.port import Secret
from app.edge.auth import Fingerprints, SecretVault, client_of

ONE: Final = "a secret of the deployment, only for tests"
TWO: Final = "another secret of the deployment, for tests"
ANSWERS: Final = ["1234", "", "03/15/1985", "ünïcödé \N{GRINNING FACE}", '"quoted", ["a"]', "x" * 8000, "null", "\n\t"]


def counted() -> Callable[[int], bytes]:
    """Nonces that never repeat."""
    numbers = itertools.count()
    return lambda count: next(numbers).to_bytes(count)


def vault(*secrets: str) -> SecretVault:
    """A vault with these keys, the first one seals."""
    return SecretVault(secrets or (ONE,), counted())


@pytest.mark.parametrize("client", [None, "203.0.113.7", "2001:db8::/64"])
@pytest.mark.parametrize("text", ANSWERS)
def test_what_is_sealed_is_opened_again(text: str, client: str | None) -> None:
    sealed = vault().seal(Secret(text, client), "s1")
    assert vault().open(sealed, "s1") == Secret(text, client)
    assert not [word for word in (text, client or "") if len(word) > 3 and word.encode() in sealed]


def test_no_two_are_sealed_alike() -> None:
    same = vault()
    assert len({same.seal(Secret("1234"), "s1") for _ in range(100)}) == 100


@pytest.mark.parametrize("sid", ["s2", "", "s1 ", "S1", "s11"])
def test_it_is_opened_for_its_own_session_alone(sid: str) -> None:
    assert vault().open(vault().seal(Secret("1234"), "s1"), sid) is None


def test_another_key_opens_nothing() -> None:
    sealed = vault(ONE).seal(Secret("1234"), "s1")
    assert vault(TWO).open(sealed, "s1") is None


def test_while_keys_are_rotated_both_open() -> None:
    """First the new one is made known to all replicas, then it seals, then the old one goes."""
    old, both, turned, new = vault(ONE), vault(ONE, TWO), vault(TWO, ONE), vault(TWO)
    by_old, by_new = old.seal(Secret("1234"), "s1"), turned.seal(Secret("5678"), "s1")
    for reader in (old, both, turned):
        assert reader.open(by_old, "s1") == Secret("1234")
    for reader in (both, turned, new):
        assert reader.open(by_new, "s1") == Secret("5678")
    assert (new.open(by_old, "s1"), old.open(by_new, "s1")) == (None, None)


def test_garbage_is_nothing() -> None:
    sealed = vault().seal(Secret("1234"), "s1")
    changed = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    cut = [sealed[:length] for length in range(len(sealed))]
    for garbage in (*changed, *cut, sealed + b"\0", b"\xff" * 200, sealed * 2):
        assert vault(TWO, ONE).open(garbage, "s1") is None, garbage


def test_a_fingerprint_is_the_same_for_the_same_and_for_nothing_else() -> None:
    mine, again, others = Fingerprints([ONE]), Fingerprints([ONE, TWO]), Fingerprints([TWO, ONE])
    pairs = [(kind, value) for kind in ("account", "client") for value in ("84620017", "84620018", "", "ü")]
    prints = [mine.of(kind, value) for kind, value in pairs]
    assert prints == [again.of(kind, value) for kind, value in pairs]
    assert len({*prints, *(others.of(kind, value) for kind, value in pairs)}) == 2 * len(pairs)
    assert {len(bytes.fromhex(one)) for one in prints} == {16}


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.8", "203.0.113.8"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::", "::/64"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64"),
    ],
)
def test_a_client_is_an_address_or_the_network_that_one_customer_has(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize(
    "address",
    [
        None, "", " ", "unknown", "testclient", "203.0.113", "203.0.113.256", "203.0.113.7:8080", "203.0.113.7 ",
        "203.0.113.0/24", "[2001:db8::1]", "2001:db8::1::2", "2001:db8::g", "/run/baton.sock", "1", "\0", "é",
        "0x7f000001", "127.1", "010.0.0.1", "203.0.113.7, 198.51.100.1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_nobody(address: str | None) -> None:
    assert client_of(address) is None
