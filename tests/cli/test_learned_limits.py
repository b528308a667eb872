"""Commands that call the platforms themselves respect the limits stored in the state."""

from __future__ import annotations

import pytest

from syncd.cli.learned_limits import load_known_limits
from syncd.lab.sandbox.limit_replies import LimitReply
from syncd.lab.sandbox.limits import RateLimit
from syncd.machine import RealClock
from syncd.model import Fact
from syncd.store import Store
from syncd.systems.learned_limits import REFUSED_RATE
from tests.cli.conftest import CliHarness
from tests.planted.swap import swap

pytestmark = pytest.mark.prove
"""These tests wait in real time."""

ROOM = """
[[provision.rooms]]
system = "clinic"
name = "yoga room"
calendars = ["Alice's calendar"]
"""


def learned(cli: CliHarness) -> RateLimit:
    """Store a low limit for clinic in the state, and set it in the sandbox too."""
    cli.path.write_text(cli.path.read_text() + ROOM)
    store = Store.open(cli.path.parent / "state.db")
    store.save_health(Fact("clinic", REFUSED_RATE, "4/2", RealClock().now()))
    store.close()
    clinic = cli.world.sandbox.clinic
    clinic.limit_reply = LimitReply("Message", 403)
    clinic.gateway_limit = RateLimit(4, 2.0)
    return clinic.gateway_limit


def test_discover_keeps_to_a_learned_limit(cli: CliHarness) -> None:
    limit = learned(cli)
    assert cli.run("discover").code == 0
    assert limit.refused == 0


def test_provision_keeps_to_a_learned_limit_and_counts_the_calls_before_it(cli: CliHarness) -> None:
    limit = learned(cli)
    assert cli.run("provision", "--apply").code == 0
    assert cli.run("provision", "--apply").code == 0
    assert limit.refused == 0


@pytest.mark.parametrize("command", [("discover",), ("provision", "--apply")])
def test_planted_a_command_that_ignores_stored_limits_is_refused(
    cli: CliHarness, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = learned(cli)
    swap(monkeypatch, load_known_limits, lambda *_given: None)
    for _ in range(2):
        cli.run(*command)
    assert limit.refused > 0
