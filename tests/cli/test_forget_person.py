"""`syncd forget-person` erases every trace of one customer from the state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.store import Store
from syncd.store.retention.forget import known_contacts
from syncd.systems.contact_addresses import customer_mark
from tests.cli.conftest import CliHarness


def known(system: str | None = None) -> dict[tuple[str, str], int]:
    """Return the contacts in the state, with their number of appointments."""
    store = Store.open("state.db", write=False)
    try:
        found = known_contacts(store)
    finally:
        store.close()
    return {c: n for c, n in found.items() if system in {None, c[0]}}


def files() -> Iterator[bytes]:
    """Yield the bytes of each file of the state."""
    for file in Path().glob("state.db*"):
        if file.is_file():
            yield file.read_bytes()


def contact_in(cli: CliHarness, system: str, who: str = "alice") -> str:
    """Return the contact of a provider's meetings in the sandbox."""
    return str(cli.world.seed_users[system, who].contact)


def test_a_contact_is_erased_from_every_table_and_from_the_file(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    contact = contact_in(cli, "clinic")
    marks = {customer_mark(contact).encode(), contact.encode()}
    assert all(any(mark in content for content in files()) for mark in marks)
    before = len(known())
    result = cli.run("forget-person", contact, "--yes", "--json")
    data = json.loads(result.out)
    assert result.code == 0
    assert data["contacts"] == [{"system": "clinic", "contact": contact}]
    assert data["erased"]["events"] > 0
    assert len(known()) == before - 1
    assert not any(mark in content for content in files() for mark in marks)


def test_erasing_prints_that_nothing_else_is_stored(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    result = cli.run("forget-person", contact_in(cli, "legacy"), "--yes")
    shown = " ".join(result.out.split())
    assert "Nothing else is stored about this customer." in shown
    assert "Also delete the customer in the systems" in shown
    (copy,) = Path("state.db.backups").iterdir()
    assert copy.name in "".join(result.err.split())
    assert "Also delete copies that `syncd backup` made in other places" in shown


def test_the_next_run_after_erasing_writes_nothing(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.run("forget-person", contact_in(cli, "clinic"), "--yes")
    data = json.loads(cli.run("resync", "--yes", "--json").out)
    assert sum(data["operations"].values()) == 0
    assert data["converged"] is True


def test_an_address_finds_the_contact_in_every_system(cli: CliHarness) -> None:
    for system in ("crm", "clinic"):
        platform, seat = cli.world.sandbox.systems[system], cli.world.seed_users[system, "alice"]
        contact = platform.add_contact("Mia Example", "Mia@Example.com", "")
        start = cli.world.at(3, 15)
        platform.book(seat.calendar, seat.user, start, cli.world.at(3, 16), contact)
    cli.run("resync", "--yes")
    before = known()
    data = json.loads(cli.run("forget-person", " mia@example.COM", "--yes", "--json").out)
    assert {each["system"] for each in data["contacts"]} == {"crm", "clinic"}
    assert len(known()) == len(before) - 2


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("Mia Example", "syncd stores no names"),
        ("zzz", "no contact has the id"),
        ("nobody@example.com", "no contact found for"),
        ("+15550199", "no contact found for"),
        ("", "no contact has the id"),
        ("%", "no contact has the id"),
    ],
)
def test_a_customer_without_a_contact_is_refused_with_a_remedy(
    cli: CliHarness, who: str, words: str
) -> None:
    cli.run("resync", "--yes")
    before = known()
    result = cli.run("forget-person", who, "--yes")
    assert (result.code, words in " ".join(result.err.split())) == (2, True), result.err
    assert known() == before


def test_an_address_shared_by_several_contacts_erases_none(cli: CliHarness) -> None:
    clinic, seat = cli.world.sandbox.clinic, cli.world.seed_users["clinic", "alice"]
    for number, name in enumerate(("Mia", "Max")):
        contact = clinic.add_contact(name, "family@example.com", "")
        start, end = cli.world.at(3, 15 + number), cli.world.at(3, 16 + number)
        clinic.book(seat.calendar, seat.user, start, end, contact)
    cli.run("resync", "--yes")
    before = known()
    result = cli.run("forget-person", "family@example.com", "--yes")
    assert (result.code, "2 contacts in clinic" in " ".join(result.err.split())) == (2, True)
    assert known() == before


def test_a_silent_system_is_named_and_sets_the_exit_code(cli: CliHarness) -> None:
    for system in ("crm", "clinic"):
        platform, seat = cli.world.sandbox.systems[system], cli.world.seed_users[system, "alice"]
        contact = platform.add_contact("Mia", "mia@example.com", "")
        start, end = cli.world.at(3, 15), cli.world.at(3, 16)
        platform.book(seat.calendar, seat.user, start, end, contact)
    cli.run("resync", "--yes")
    cli.world.sandbox.clinic.faults.add(Fault(FaultKind.ERROR, status=500))
    result = cli.run("forget-person", "mia@example.com", "--yes")
    assert result.code == 4
    assert "clinic did not respond" in result.err
    assert "Nothing else is stored" not in result.out


def mia_in(cli: CliHarness, *systems: str) -> dict[str, tuple[str, str]]:
    """Book one customer in these systems; return her contact and appointment in each."""
    found = {}
    for system in systems:
        platform, seat = cli.world.sandbox.systems[system], cli.world.seed_users[system, "alice"]
        contact = platform.add_contact("Mia", "mia@example.com", "")
        start, end = cli.world.at(3, 15), cli.world.at(3, 16)
        found[system] = contact, platform.book(seat.calendar, seat.user, start, end, contact)
    cli.run("resync", "--yes")
    return found


def test_an_address_finds_a_contact_whose_appointment_was_deleted(cli: CliHarness) -> None:
    mia = mia_in(cli, "crm", "clinic")
    cli.world.sandbox.clinic.delete(mia["clinic"][1])
    cli.run("resync", "--yes")
    data = json.loads(cli.run("forget-person", "mia@example.com", "--yes", "--json").out)
    assert {each["system"] for each in data["contacts"]} == {"crm", "clinic"}
    assert not {c for c in known() if c[1] in {contact for contact, _ in mia.values()}}


def test_a_contact_deleted_in_its_system_is_named_as_possibly_stored(cli: CliHarness) -> None:
    mia = mia_in(cli, "crm", "clinic")
    contact = mia["clinic"][0]
    cli.world.sandbox.clinic.contacts.pop(contact)
    result = cli.run("forget-person", "mia@example.com", "--yes")
    assert (result.code, "Nothing else is stored" not in result.out) == (0, True)
    text = " ".join(result.err.split())
    assert (
        "may belong to any customer, because their systems no longer show them: "
        f"{contact} in clinic" in text
    )
    result = cli.run("forget-person", "mia@example.com", "--yes")
    assert (result.code, contact in result.err) == (2, True)
    result = cli.run("forget-person", contact, "--yes")
    assert (result.code, "Nothing else is stored about this customer." in result.out) == (0, True)


def test_no_customer_is_erased_without_consent(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.run("resync", "--yes")
    contact, before = contact_in(cli, "clinic"), known()
    assert cli.run("forget-person", contact).code == 2
    monkeypatch.setattr("syncd.cli.consent.can_ask", lambda: True)
    monkeypatch.setattr("syncd.cli.terminal.confirmed", lambda _question: False)
    result = cli.run("forget-person", contact)
    assert (result.code, "Nothing was written." in result.out) == (4, True)
    assert contact in result.err
    assert known() == before
