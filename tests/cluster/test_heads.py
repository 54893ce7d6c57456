"""A head cached on one replica and changed through the other is acted on at once, with pub/sub or without it."""

import time
from typing import Final

import jwt
import pytest

from tests.support.client import Client
from tests.support.cluster import SLOW, WORDS, exported, judge, only_grew, replicas, settled, shown
from tests.support.poll import until
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

SITE: Final = "the-secret-of-the-embedding-site-0123456789"
WHOAMI: Final = {"BATON_AGENT": "tests.support.agents:make_whoami", "BATON_IDENTITY_SECRET": SITE}


async def identify(client: Client, name: str) -> None:
    claims = {"sub": f"account of {name}", "name": name, "exp": int(time.time()) + 3600}
    await client.send_frame({"type": "identify", "token": jwt.encode(claims, SITE, "HS256")})


async def who_am_i(asks: Client, reads: Client) -> str:
    """Ask at one replica and read the answer at the other: what the first one publishes it may not hear itself."""
    turn = (await asks.wait_ack(await asks.send("who am I?")))["seq"]
    await reads.wait_turn_end(turn)
    return "".join(reads.answers(turn))


@pytest.mark.parametrize("pubsub", ["alive", "killed", "deaf"])
async def test_the_next_turn_sees_what_the_other_replica_changed(
    redis_url: str, redis_server: RedisServer, pubsub: str
) -> None:
    async with (
        Proxy(redis_server.port) as proxy,
        replicas(proxy.url, redis_url, env=WHOAMI) as (one, two),
        Client(one.ws_url, name="talks at one") as here,
        Client(two.ws_url, name="signs in at two") as there,
    ):
        sid = (await here.open())["session"]
        there.token = here.token
        await there.open()
        assert await who_am_i(here, there) == "anonymous None"
        if pubsub == "deaf":  # open, and the replica hasn't noticed yet
            (ear,) = proxy.ears(redis_server)
            ear.deaf = True
        for number in range(12):
            name = f"Ada {number}"
            if pubsub == "killed":
                # One that was just killed may still be waiting to dial again.
                await until(lambda: redis_server.command("CLIENT", "KILL", "TYPE", "pubsub") > 0, what="a connection")
            await identify(there, name)
            # Stored is all that it waits for: nothing has told the first replica anything.
            await until(lambda: customer(two, sid, name), what="the sign-in", every=0.002)  # noqa: B023
            assert await who_am_i(here, there) == f"authenticated {name}"
        await there.send_frame({"type": "sign_out"})
        await there.wait_frame("state", where=lambda frame: frame["state"]["auth"] == "anonymous")
        assert await who_am_i(here, there) == "anonymous None"
        await settled(here, there)
    judge(here, there)


async def customer(replica: ReplicaProcess, sid: str, name: str) -> bool:
    return bool((await exported(replica, sid))["user_context"]["customer_name"] == name)


async def test_a_sign_in_in_mid_answer_neither_stops_nor_repeats_it(redis_url: str) -> None:
    env = {**SLOW, "BATON_IDENTITY_SECRET": SITE}
    async with (
        replicas(redis_url, env=env) as (one, two),
        Client(one.ws_url, name="asks at one") as here,
        Client(two.ws_url, name="signs in at two") as there,
    ):
        await here.open()
        there.token = here.token
        await there.open()
        turn = (await here.wait_ack(await here.send(WORDS)))["seq"]
        await there.wait_frame("delta", where=lambda frame: frame["last"] >= 5)
        await identify(there, "Ada")
        await there.wait_turn_end(turn)
        await settled(here, there, seq=4)
        assert [event["type"] for event in there.transcript] == ["message", "state", "message", "turn_end"]
        for tab in (here, there):
            assert only_grew(shown(tab, turn))
            assert tab.answers() == [WORDS]
    judge(here, there)
