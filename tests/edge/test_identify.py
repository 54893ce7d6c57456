"""`identify` and `sign_out`: only a good assertion of the embedding site changes who the customer is."""

import base64
import json
import time

import jwt
import pytest

from tests.edge.helpers import IDENTITY_SECRET, answer, assertion, beat, errors_of
from tests.support.client import Client
from tests.support.replica import SECRET, ReplicaProcess


def _unsigned() -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'sub': '1', 'exp': time.time() + 60})}."


def _wrong() -> dict[str, str]:
    good = assertion()
    head, claims, signature = good.split(".")
    return {
        "words": "not a token",
        "empty": "",
        "cut": good[:-4],
        "forged": assertion("the-secret-of-someone-else-0123456789"),
        "signed with the session secret": assertion(SECRET),
        "other claims": f"{head}.{assertion(sub='1').split('.')[1]}.{signature}",
        "expired": assertion(exp=int(time.time()) - 5),
        "not yet valid": assertion(nbf=int(time.time()) + 600),
        "alg none": _unsigned(),
        "alg none with a signature": f"{_unsigned().split('.')[0]}.{claims}.{signature}",
        "wrong alg": jwt.encode({"sub": "1", "exp": time.time() + 60}, IDENTITY_SECRET, "HS512"),
        "no exp": assertion(exp=None),
        "no sub": assertion(sub=None),
        "exp is words": assertion(exp="tomorrow"),
        "exp is a list": assertion(exp=[1]),
        "exp beyond time": assertion(exp=10**400),
        "exp after the year 9999": assertion(exp=253_402_300_800),
        "sub is a number": assertion(sub=4242),
        "sub is a list": assertion(sub=["4242"]),
        "sub is empty": assertion(sub=""),
        "sub is long": assertion(sub="4" * 129),
        "sub has controls": assertion(sub="4\n2"),
        "sub has a lone surrogate": assertion(sub="\ud800"),
        "name is a number": assertion(name=7),
        "name is long": assertion(name="A" * 201),
        "name has controls": assertion(name="A\0B"),
    }


@pytest.mark.parametrize("known", [False, True])
async def test_a_wrong_assertion_changes_nothing(replica: ReplicaProcess, known: bool) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        if known:
            await client.send_frame({"type": "identify", "token": assertion()})
            await client.wait_frame("state")
        for kind, token in _wrong().items():
            error = await answer(client, {"type": "identify", "token": token})
            assert error["code"] == "unauthorized", kind
        assert len(client.frames("state")) == int(known)
        assert (await client.open())["state"]["auth"] == ("authenticated" if known else "anonymous")
        assert await client.ask("hi") == "hi"


async def test_a_good_assertion_signs_in_on_every_connection(replica: ReplicaProcess, other: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(other.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await tab.open()
        assert await errors_of(client, {"type": "identify", "token": assertion()}) == []
        for each in (client, tab):
            event = await each.wait_frame("state")
            assert (event["seq"], event["turn"]) == (1, None)
            assert (event["state"]["auth"], event["state"]["customer_name"]) == ("authenticated", "Ada Example")
            assert "4242" not in json.dumps(each.frames()), "the account number is nobody's business"
        assert (await tab.open())["state"]["auth"] == "authenticated"
        assert await tab.ask("who am I") == "who am I"
        await client.wait_turn_end(2)
        assert client.transcript == tab.transcript


async def test_sign_out_forgets_the_customer_once(replica: ReplicaProcess, other: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(other.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await tab.open()
        assert await errors_of(client, {"type": "sign_out"}) == []
        assert client.transcript == [], "nobody was known"
        await client.send_frame({"type": "identify", "token": assertion(name=None)})
        await tab.wait_frame("state")
        assert await errors_of(tab, {"type": "sign_out"}) == [], "it has only watched so far"
        last = await client.wait_frame("state", where=lambda frame: bool(frame["state"]["auth"] == "anonymous"))
        assert (last["seq"], last["state"]["customer_name"]) == (2, None)
        assert await errors_of(tab, {"type": "sign_out"}, {"type": "sign_out"}) == []
        assert len(tab.frames("state")) == 2
        assert await client.ask("goes on") == "goes on"


async def test_a_sign_in_ends_with_its_assertion(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        expires = int(time.time()) + 2
        await client.send_frame({"type": "identify", "token": assertion(exp=expires)})
        assert (await client.wait_frame("state"))["state"]["auth"] == "authenticated"

        while (welcome := await client.open())["state"]["auth"] == "authenticated":
            assert time.time() < expires + 2
            await beat(client)
        assert welcome["state"]["auth"] == "expired"
        assert time.time() >= expires


async def test_identify_after_the_end_is_refused(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.ask("hi")
        await client.send_frame({"type": "end"})
        await client.wait_frame("state")
        frames = ({"type": "identify", "token": assertion()}, {"type": "sign_out"})
        assert await errors_of(client, *frames) == ["conversation_ended"], "nobody was known to sign out"
        assert len(client.frames("state")) == 1
