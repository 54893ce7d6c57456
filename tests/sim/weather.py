"""A simulated world whose network does what it is ordered to, one fault at a time. It must never invent a fault."""

from app.store.scripts import Scripts
from tests.sim.node import Call, Fate
from tests.sim.wire import Wire
from tests.sim.world import NO_STEPS, World


class Weather(World):
    """A world whose network does to a replica's calls what was ordered: nothing to some, then something to one."""

    def __init__(self, wire: Wire, scripts: Scripts) -> None:
        super().__init__(wire, scripts, revive=False)
        self.ordered: dict[str, tuple[int, Fate]] = {}

    def fate(self, call: Call) -> Fate:
        """Reads don't count: it is the writes whose outcome matters."""
        name = call.process.name
        if name not in self.ordered or call.name in NO_STEPS or call.name == "hmget":
            return Fate.DONE
        after, fate = self.ordered.pop(name)
        if after:
            self.ordered[name] = after - 1, fate
        return Fate.DONE if after else fate
