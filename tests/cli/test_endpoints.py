"""Every endpoint of the documents that we were given is called, over real sockets, by commands."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.cli.conftest import CliHarness
from tests.cli.test_provision import ALL, write
from tests.end_to_end.test_calls import CALLS

pytestmark = pytest.mark.sockets

_ID = re.compile(r"/[A-Za-z0-9]{20}(?=/|$)")
_OBJECT = "custom_objects.external_booking"

THINGS: Mapping[str, set[str]] = {
    "crm": set(),
    "clinic": {
        "GET /calendars/resources/rooms",
        "POST /calendars/resources/rooms",
        "PUT /calendars/resources/rooms/{id}",
        "DELETE /calendars/resources/rooms/{id}",
        "GET /calendars/resources/equipments",
        "POST /calendars/resources/equipments",
        "PUT /calendars/resources/equipments/{id}",
        "DELETE /calendars/resources/equipments/{id}",
        "GET /associations/",
        "GET /associations/key/external_bookings",
        "POST /associations/",
        "PUT /associations/{id}",
        "DELETE /associations/{id}",
        "POST /associations/relations",
        "DELETE /associations/relations/{id}",
        "POST /objects/",
        f"GET /objects/{_OBJECT}",
        f"POST /objects/{_OBJECT}/records",
        f"POST /objects/{_OBJECT}/records/search",
        f"DELETE /objects/{_OBJECT}/records/{{id}}",
        "GET /contacts/search/duplicate",
    },
    "legacy": {
        "GET /calendars/check-slug-availability/sales-team",
        "GET /calendars/check-slug-availability/first-talk",
        "GET /calendars/teams",
        "POST /calendars/teams/",
        "PUT /calendars/teams/{id}",
        "DELETE /calendars/teams/{id}",
        "GET /calendars/services",
        "POST /calendars/services/",
        "PUT /calendars/services/{id}",
        "DELETE /calendars/services/{id}",
    },
}
"""What `provision`, `discover` and associations call, besides what the adapters do anyway."""

DOCUMENTED: Mapping[str, set[str]] = {
    "crm": {"POST /Task.svc/BulkUpdateAppointmentTime"},
    "clinic": {
        "POST /calendars/events/block-slots",
        "POST /calendars/resources/rooms",
        "POST /calendars/resources/equipments",
        "POST /associations/",
    },
    "legacy": {
        "GET /calendars/teams",
        "GET /calendars/check-slug-availability/sales-team",
        "POST /calendars/teams/",
        "PUT /calendars/teams/{id}",
        "DELETE /calendars/teams/{id}",
        "GET /calendars/services",
        "POST /calendars/services/",
        "PUT /calendars/services/{id}",
        "DELETE /calendars/services/{id}",
        "GET /appointments/slots",
        "GET /appointments/",
        "POST /appointments/",
        "GET /appointments/{id}",
        "PUT /appointments/{id}",
        "PUT /appointments/{id}/status",
    },
}
"""The endpoints of the five documents."""

_CHANGED = {
    "capacity = 12": "capacity = 8",
    "quantity = 3": "quantity = 4",
    '"Guest"': '"Person"',
    "Talks": "Chats",
    "interval = 30": "interval = 60",
}


def test_every_endpoint_of_the_documents_is_on_a_list_that_a_test_compares() -> None:
    for name, documented in DOCUMENTED.items():
        assert documented <= CALLS[name] | THINGS[name]


@pytest.mark.prove
def test_provision_discover_and_associations_make_every_call_over_a_real_socket(
    cli: CliHarness,
) -> None:
    systems = cli.world.sandbox.systems
    for system in systems.values():
        for meeting in system.appointments():
            system.delete(meeting.id)
    write(cli, ALL)
    assert cli.run("provision", "--apply").code == 0
    assert cli.run("discover").code == 0
    table = "[systems.clinic]\n"
    text = cli.path.read_text().replace(table, f"{table}associations = {{ on = true }}\n")
    cli.path.write_text(text)
    booked = cli.world.book("crm", "alice", cli.world.at(1, 11))
    assert cli.run("resync", "--yes").code == 0
    systems["crm"].delete(booked)
    assert cli.run("resync", "--yes").code == 0
    for old, new in _CHANGED.items():
        text = text.replace(old, new)
    cli.path.write_text(text)
    assert cli.run("provision", "--apply").code == 0
    write(cli, "")
    # The custom object is left: no API takes it away.
    assert cli.run("provision", "--apply", "--prune").code == 3
    for name in ("clinic", "legacy"):
        calls = [call for call in systems[name].calls if call.status < 300]
        made = {f"{call.method} {_ID.sub('/{id}', call.path)}" for call in calls}
        assert THINGS[name] - made == set()
