"""The server under the simulation: one for all of its tests, empty for each run."""

from collections.abc import Iterator

import pytest

from app.store.scripts import Scripts
from tests.sim.wire import Wire, simulated
from tests.sim.world import SIDS
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="session")
def sim_scripts() -> Scripts:
    """Every script, with the clock of the simulation."""
    return simulated(Scripts())


@pytest.fixture(scope="session")
def wire(sim_scripts: Scripts) -> Iterator[Wire]:
    """Nothing is kept on disk: here the server never dies."""
    with RedisServer("--appendonly", "no", "--unixsocket", "socket") as server:  # relative to its folder
        wire = Wire(str(server.folder / "socket"), sim_scripts, SIDS)
        yield wire
        wire.close()
