"""Two conversations, three replicas, and everything that may happen to them, as rules of a Hypothesis state machine.

It must never draw anything but from Hypothesis: what fails is to be the same run again.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.store.scripts import Scripts
from tests.sim.agent import BETWEEN, LATER, PAUSE, SECRET
from tests.sim.crowd import Crowd
from tests.sim.feed import Reader
from tests.sim.judge import judge
from tests.sim.node import Fate
from tests.sim.replica import Replica
from tests.sim.weather import Weather
from tests.sim.wire import Wire
from tests.sim.world import SIDS
from tests.support.history import check

NAMES: Final = ("A", "B", "C")
STYLES: Final = (
    "{} one two three", "{} one", "{} a b c d e f g", f"{{}} one {PAUSE} two", f"{{}} a b{BETWEEN}c d{BETWEEN}e",
    LATER + "{}", SECRET + "{}",
)  # fmt: skip
CAUGHT_UP: Final = 6.0  # seconds: the top check looks every 4
MANY: Final = 3  # crashes after which a turn may fail

SOME_SID: Final = st.sampled_from(SIDS)
ANY: Final = st.integers(0, 5)
SOME_FATE: Final = st.sampled_from([fate for fate in Fate if fate is not Fate.DONE])


class Machine(RuleBasedStateMachine):
    """One life. ``wire`` and ``scripts`` are its test's."""

    wire: Wire
    scripts: Scripts

    def __init__(self) -> None:
        super().__init__()
        self.world = Weather(self.wire, self.scripts).__enter__()
        self.crowd = Crowd(self.world)
        self.bad = 0  # things that may have cost somebody a lease
        for name in NAMES:
            self.world.start(name)
        self.sent: list[tuple[str, str]] = []
        self.readers = [Reader(SIDS[0], "first"), Reader(SIDS[1], "second"), Reader(SIDS[0], "third")]
        for reader in self.readers:
            self.at(0).connect(reader)

    def at(self, number: int) -> Replica:
        """A replica that lives."""
        alive = list(self.world.replicas.values())
        return alive[number % len(alive)]

    # customers

    @rule(sid=SOME_SID, at=ANY, style=st.sampled_from(STYLES))
    def send(self, sid: str, at: int, style: str) -> None:
        """A new message."""
        id = f"{sid}-m{len(self.sent) + 1}"
        self.sent.append((sid, id))
        self.crowd.send(self.at(at), sid, id, style.format(id))

    @precondition(lambda self: self.sent)
    @rule(at=ANY, which=ANY)
    def send_again(self, at: int, which: int) -> None:
        """One of the last messages, wherever."""
        sid, id = self.sent[-1 - which % len(self.sent)]
        self.crowd.send(self.at(at), sid, id, self.world.told[sid].sent[id])

    @rule(sid=SOME_SID, at=ANY, which=ANY)
    def cancel(self, sid: str, at: int, which: int) -> None:
        """One of the last turns, ended or not."""
        turns = [event.seq for event in self.world.log(sid) if event.turn == event.seq]
        if turns:
            self.crowd.cancel(self.at(at), sid, turns[-1 - which % len(turns)])

    @rule(sid=SOME_SID, at=ANY, account=st.sampled_from(("1", "2")))
    def identify(self, sid: str, at: int, account: str) -> None:
        """Sign in."""
        self.crowd.identify(self.at(at), sid, account)

    @rule(sid=SOME_SID, at=ANY)
    def sign_out(self, sid: str, at: int) -> None:
        """Sign out."""
        self.crowd.sign_out(self.at(at), sid)

    @precondition(lambda self: len(self.sent) > 5)
    @rule(sid=SOME_SID, at=ANY)
    def end(self, sid: str, at: int) -> None:
        """The last thing that happens to a conversation."""
        self.crowd.end(self.at(at), sid)

    # readers

    @rule(which=ANY, at=ANY)
    def connect(self, which: int, at: int) -> None:
        """A connection, in place of the one before."""
        self.at(at).connect(self.readers[which % len(self.readers)])

    @rule(at=ANY, lost=st.integers(0, 4), slow=st.booleans(), deaf=st.booleans())
    def muffle(self, at: int, lost: int, slow: bool, deaf: bool) -> None:
        """Publications are lost there without a word, or late, or none arrives."""
        feed = self.at(at).feed
        feed.lost, feed.slow, feed.deaf = lost, slow, deaf

    # time

    @rule(seconds=st.sampled_from((0.05, 0.15, 0.3, 0.6)))
    def moment(self, seconds: float) -> None:
        """Some words."""
        self.world.loop.advance(seconds)

    @rule(seconds=st.sampled_from((1.1, 2.9, 3.6, 8.0)))
    def while_(self, seconds: float) -> None:
        """Renewals, or a lease and more."""
        self.world.loop.advance(seconds)

    @rule(ms=st.sampled_from((-20_000, -2_000, 2_000, 20_000)))
    def clock_jumps(self, ms: int) -> None:
        """Redis's; everybody else's goes on as ever."""
        self.bad += 1
        self.world.skew_ms += ms

    # the network

    @rule(at=ANY, after=st.integers(0, 4), fate=SOME_FATE)
    def order(self, at: int, after: int, fate: Fate) -> None:
        """This will become of a write of this replica."""
        self.bad += 1
        self.world.ordered[self.at(at).name] = after, fate

    @rule(at=ANY, mute=st.booleans())
    def hold(self, at: int, mute: bool) -> None:
        """Nothing leaves this replica, or what it asks for happens, and it isn't told."""
        self.bad += 1
        node = self.at(at).node
        node.held, node.mute = not mute, mute

    @rule(at=ANY, count=st.integers(1, 3))
    def deliver(self, at: int, count: int) -> None:
        """Some of what it holds back leaves."""
        replica = self.at(at)
        for _ in range(count):
            replica.node.deliver()

    @rule(at=ANY)
    def cut(self, at: int) -> None:
        """It has no connection."""
        self.bad += 1
        self.at(at).node.cut = True

    @rule(at=ANY)
    def flow(self, at: int) -> None:
        """Everything is well with it."""
        replica = self.at(at)
        replica.feed.flow()
        replica.node.flow()

    @rule(which=ANY)
    def arrive(self, which: int) -> None:
        """A late request reaches the server, perhaps of a replica that is no more."""
        late = [replica for replica in self.world.everyone if replica.node.late]
        if late:
            late[which % len(late)].node.arrive()

    # replicas

    @precondition(lambda self: len(self.world.replicas) > 1)
    @rule(at=ANY)
    def kill(self, at: int) -> None:
        """kill -9."""
        self.bad += 1
        self.world.kill(self.at(at).process)

    @precondition(lambda self: len(self.world.replicas) < 3)
    @rule(name=st.sampled_from(NAMES))
    def start(self, name: str) -> None:
        """A new process."""
        self.world.start(name)

    @rule(at=ANY)
    def stop(self, at: int) -> None:
        """SIGSTOP."""
        self.bad += 1
        self.at(at).stop()

    @rule(at=ANY)
    def wake(self, at: int) -> None:
        """SIGCONT."""
        self.at(at).wake()

    @rule(at=ANY)
    def drain(self, at: int) -> None:
        """SIGTERM; its process ends when it is killed."""
        _ = self.at(at).drain()

    # always, and in the end

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Whatever was started by a rule has had its time."""
        self.world.loop.advance()
        if not self.world.replicas:
            self.world.start("A")
        self.crowd.hear()
        wrong = self.world.verdict()
        assert not wrong, "\n".join(wrong)

    def teardown(self) -> None:
        """Everything heals, and is judged."""
        try:
            self.heal()
            found = [
                line for sid in SIDS for line in judge(self.world.rest(sid), self.world.told[sid], self.bad >= MANY)
            ]
            for sid in SIDS:
                found += map(str, check([reader.log for reader in self.readers if reader.sid == sid]))
            found += self.world.verdict() + [f"I1 {id} is never answered" for id in self.crowd.unanswered]
            assert not found, "\n".join(found)
        finally:
            self.world.__exit__(None, None, None)

    def heal(self) -> None:
        """No fault any more: what lives works, what is late arrives, what wasn't answered is sent again."""
        world = self.world
        world.ordered.clear()
        healthy = world.start("A")
        for replica in list(world.replicas.values()):
            replica.wake()
            replica.node.flow()
            replica.feed.flow()
        for replica in world.everyone:
            while replica.node.late:
                replica.node.arrive()
        world.settle(SIDS)
        self.crowd.hear()
        self.crowd.send_again(healthy)
        world.settle(SIDS)
        self.crowd.hear()
        for _ in range(2):  # who was connected stays, unless that connection ends
            for reader in self.readers:
                if not reader.connected:
                    healthy.connect(reader)
            world.loop.advance(CAUGHT_UP)
