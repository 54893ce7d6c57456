"""A client of the run leaves at the frame it was told, once, comes back by itself, and its turn ends all the same."""

from functools import partial

from tests.cluster.chaos.faults import AGENT
from tests.cluster.chaos.schedule import LEAVE_AT, Act, Step
from tests.cluster.chaos.tab import Tab
from tests.cluster.chaos.verdict import judged
from tests.support.cluster import exported
from tests.support.records import Record, Way
from tests.support.replica import ReplicaProcess

ENV = {"BATON_AGENT": AGENT, "BATON_ECHO_DELAY_MS": "20"}


def opened(tab: Tab) -> list[Record]:
    return [record for record in tab.log.records if record.way is Way.OPENED]


def come_back(tab: Tab, connections: int) -> bool:
    return len(opened(tab)) >= connections


async def test_it_leaves_at_each_frame_and_comes_back(redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url, env=ENV) as replica, Tab([replica.ws_url], name="a") as tab:
        await tab.begin()
        for at in sorted(set(LEAVE_AT) - {("sent", "hello"), ("received", "welcome")}):
            connections = len(opened(tab)) + 1
            await tab.do(Step(Act.LEAVE, at=at))
            await tab.do(Step(Act.CANCEL if at[1] == "cancel" else Act.ASK, (6, 2), amount=1))
            await tab.wait(partial(come_back, tab, connections), what="another connection")
            assert tab.leave_at is None
        for at in (("sent", "hello"), ("received", "welcome")):
            since = len(tab.log.records)
            await tab.do(Step(Act.LEAVE, at=at))
            await tab.drop()
            await tab.wait(lambda: tab.leave_at is None, what="a hello")
            await tab.do(Step(Act.ASK, (3,)))
            assert sum(record.way is Way.CLOSED for record in tab.log.records[since:]) == 2
        await tab.do(Step(Act.AGAIN, amount=0.5))
        await tab.end()
        document = await exported(replica, tab.frames("welcome")[0]["session"])
    assert judged([tab.log], document, {}) == []
    assert len(opened(tab)) > 10


async def test_a_replica_of_the_run_speaks_as_the_verdict_expects(redis_url: str) -> None:
    async with ReplicaProcess.start(redis_url=redis_url, env=ENV) as replica, Tab([replica.ws_url], name="a") as tab:
        await tab.begin()
        await tab.do(Step(Act.ASK, (3, 5)))
        await tab.do(Step(Act.CANCEL, (30,), amount=4))
        document = await exported(replica, tab.frames("welcome")[0]["session"])
    assert judged([tab.log], document, {}) == []
    first, second, cut = tab.answers()
    assert first == "a-0/0.0·1 a-0/0.1·1 a-0/0.2·1"
    assert second.endswith("a-0/1.4·1 end·1")
    assert cut.startswith("a-1/0.0·1")
    assert not cut.endswith("end·1")
