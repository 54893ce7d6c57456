"""Whatever happens to replicas, network and clocks, in any order: nothing acked is lost, and turns end once (I1–I7).

Hypothesis invents lives of two conversations on three replicas; what fails it shrinks to a few steps, which are the
same run each time. BATON_SIM_EXAMPLES: how many lives.
"""

import os
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.store.scripts import Scripts
from tests.sim.machine import Machine
from tests.sim.wire import Wire

EXAMPLES: Final = int(os.environ.get("BATON_SIM_EXAMPLES", "60"))


@pytest.mark.timeout(1800)
def test_nothing_acked_is_lost_and_every_turn_ends_once(wire: Wire, sim_scripts: Scripts) -> None:
    """Shrinking may take its time; a run without a failure takes seconds."""
    here: dict[str, Any] = {"wire": wire, "scripts": sim_scripts}
    machine = type("Lives", (Machine,), here)
    some = settings(
        max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=some)
