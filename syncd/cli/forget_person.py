"""`syncd forget-person`: erase from the state what is stored about one customer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from syncd.app import App, build
from syncd.cli import consent, render, terminal
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two
from syncd.cli.resync_run import ask_daemon
from syncd.config.settings import Settings
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.report.run_report import RunExit
from syncd.model import Event, Kind, Person
from syncd.store import Store
from syncd.store.backup.nightly import kept_backups
from syncd.store.database.files import state_exists
from syncd.store.retention.forget import (
    ContactRef,
    ErasureReport,
    event_of_contact,
    forget_customers,
    known_contacts,
)
from syncd.systems.contact_addresses import normalize_contact
from syncd.systems.errors import PlatformError, RejectedError

_MAX_NAMED = 5

_NOTHING_ELSE = (
    "Nothing else is stored about this customer. syncd stores times, statuses and ids of "
    "appointments, and never a name, an e-mail address, a phone number or a title."
)


def forget_person(
    context: typer.Context,
    customer: Annotated[
        str,
        typer.Argument(
            metavar="WHO",
            help="A contact's id in a system, an e-mail address, or a phone number (+15550100).",
            show_default=False,
        ),
    ],
    *,
    system: Annotated[
        str | None, typer.Option("--system", metavar="SYSTEM", help="Only in this system.")
    ] = None,
    yes: bool = typer.Option(
        False, "--yes", "-y", help="Skip the list of contacts and the question."
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase from the state what is stored about one customer: contact ids and hashes.

    syncd stores no addresses or phone numbers. To find an address or number, it asks the systems
    for each contact that the state lists. An id needs no calls. Nothing is written to any system.
    Delete the customer in the systems first: while a system shows an appointment of the customer,
    the next read stores its contact id again. If the daemon is running, it does the work. Exit: 0
    erased; 2 no contact matches, or several do; 4 a system did not respond, or the operator
    answered no.
    """
    consent.expect_consent(
        "this erases a customer from the state", yes=yes, as_json=as_json, preview=""
    )
    settings, full = settings_in_two(context, config)
    if system is not None and system not in settings.systems:
        known = ", ".join(sorted(settings.systems))
        raise UsageError(f"there is no system {system!r}", f"The configuration has: {known}.")
    stored = _stored_contacts(settings, system)
    search = _Search([contact for contact in stored if contact[1] == customer])
    if not search.matches:
        address = normalize_contact([customer], [customer])
        if not (address.emails or address.phones):
            raise UsageError(
                f"no contact has the id {customer[:100]!r}",
                "Write a contact id, an e-mail address or a phone number with its country code "
                "(+15550100). syncd stores no names.",
            )
        search = asyncio.run(_search(full(), address, list(stored), quiet=as_json))
    matches = search.matches
    _expect_one(search, customer)
    rows = [(name, contact, str(stored[name, contact])) for name, contact in matches]
    consent.ask_consent(
        "Erase these contacts from the state?",
        lambda: terminal.table("", ("system", "contact", "appointments"), rows),
        yes=yes,
        as_json=as_json,
    )
    erased = _erase(settings, matches, quiet=as_json)
    copies = _copies(settings.syncd.state_path)
    if as_json:
        data = {
            "contacts": [{"system": s, "contact": c} for s, c in matches],
            "erased": erased.to_json(),
            "not_asked": search.silent_systems,
            "nobody": [{"system": s, "contact": c} for s, c in search.unidentified],
            "copies": [str(each) for each in copies],
        }
        terminal.print_json(data)
    else:
        _print_result(erased, search, copies)
    raise typer.Exit(RunExit.UNANSWERED.code if search.silent_systems else 0)


@dataclass(slots=True)
class _Search:
    """The result of the search for a customer's contacts.

    ``silent_systems`` are the systems that did not respond. ``unidentified`` are stored contacts
    that their system no longer shows; each may belong to this customer or to another customer.
    """

    matches: list[ContactRef] = field(default_factory=list)
    silent_systems: list[str] = field(default_factory=list)
    unidentified: list[ContactRef] = field(default_factory=list)


def _stored_contacts(settings: Settings, system: str | None) -> dict[ContactRef, int]:
    path = settings.syncd.state_path
    if not state_exists(path):
        raise UsageError("nothing is stored about any customer: there is no state yet", "")
    store = Store.open(path, write=False)
    try:
        contacts = known_contacts(store)
    finally:
        store.close()
    return {c: number for c, number in contacts.items() if system is None or c[0] == system}


async def _search(
    settings: Settings, address: Person, stored: Sequence[ContactRef], *, quiet: bool
) -> _Search:
    """Ask the systems which stored contacts have this e-mail address or phone number."""
    store = Store.open(settings.syncd.state_path, write=False)
    app = build(settings, store=store)
    app.reset_backoff()
    search = _Search()
    silent: set[str] = set()
    try:
        with terminal.progress("reading contacts", quiet=quiet) as on_progress:
            for number, contact in enumerate(stored, 1):
                on_progress(f"reading contacts: {number} of {len(stored)}")
                if contact[0] in silent or contact[0] not in app.systems:
                    silent.add(contact[0])
                    continue
                try:
                    person = await _person(app, store, contact)
                except PlatformError:
                    silent.add(contact[0])
                    continue
                if person is None:
                    search.unidentified.append(contact)
                elif {*person.emails, *person.phones} & {*address.emails, *address.phones}:
                    search.matches.append(contact)
    finally:
        await app.aclose()
    search.silent_systems = sorted(silent)
    return search


async def _person(app: App, store: Store, contact: ContactRef) -> Person | None:
    """Ask a system for a contact's addresses; return None if it no longer shows the contact.

    The request names an appointment of the contact, even a deleted one: most systems still return
    the contact. Raises PlatformError.
    """
    record = event_of_contact(store, contact)
    value = None if record is None else record.observed or record.base
    if record is None or value is None:
        return None
    event = Event(contact[0], record.provider, record.id, Kind.APPOINTMENT, value, contact[1])
    try:
        return await app.systems[contact[0]].customer(event)
    except RejectedError:
        return None


def _expect_one(search: _Search, customer: str) -> None:
    """Raise UsageError unless the search found exactly one contact per system."""
    matches = search.matches
    if not matches:
        silent = search.silent_systems
        unanswered = f" ({', '.join(silent)} did not respond)" if silent else ""
        unidentified = f" {_unidentified(search.unidentified)}" if search.unidentified else ""
        raise UsageError(
            f"no contact found for {customer[:100]!r}{unanswered}",
            f"If the contact is already deleted in the system, write its id.{unidentified}",
        )
    for system, number in Counter(system for system, _ in matches).items():
        if number > 1:
            ids = ", ".join(contact for name, contact in matches if name == system)
            raise UsageError(
                f"{number} contacts in {system} have that address or phone number: {ids}",
                "Write the id of the right contact. Several customers may share an address or a "
                "phone number.",
            )
    if len({contact for _, contact in matches}) < len(matches):
        systems = ", ".join(system for system, _ in matches)
        raise UsageError(
            f"contacts in several systems have that id: {systems}",
            "Choose the system with --system SYSTEM.",
        )


def _unidentified(contacts: Sequence[ContactRef]) -> str:
    """Name contacts that may belong to any customer."""
    ids = ", ".join(f"{contact} in {system}" for system, contact in contacts[:_MAX_NAMED])
    more = len(contacts) - _MAX_NAMED
    ids += f" and {more} more (--json lists all)" if more > 0 else ""
    return (
        "These stored contacts may belong to any customer, because their systems no longer show "
        f"them: {ids}"
    )


def _erase(settings: Settings, matches: Sequence[ContactRef], *, quiet: bool) -> ErasureReport:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="forget-person"):
            store = Store.open(path)
            try:
                return forget_customers(store, matches)
            finally:
                store.close()
    except StateLockedError as holder:
        if holder.role != "daemon":
            raise
    contacts = [list(contact) for contact in matches]
    answer = ask_daemon(settings, "forget-person", {"contacts": contacts}, quiet=quiet)
    return ErasureReport.from_json(answer.result)


def _copies(state: Path) -> list[Path]:
    """Return the copies of the state that may still contain the erased ids."""
    aside = sorted(state.parent.glob(f"{state.name}.before-restore-*"))
    return [*(each.path for each in kept_backups(state)), *aside]


def _print_result(erased: ErasureReport, search: _Search, copies: Sequence[Path]) -> None:
    events = render.count(erased.events, "stored event")
    links = render.count(erased.replicas, "link")
    terminal.say(
        f"contact ids were erased from {events}, {links} and {erased.relations} associations"
    )
    for system in search.silent_systems:
        terminal.warn(
            f"{system} did not respond, so a contact of that system may still be "
            "stored: run the command again"
        )
    if search.unidentified:
        terminal.warn(
            f"{_unidentified(search.unidentified)}. To erase one: syncd forget-person ID."
        )
    if not (search.silent_systems or search.unidentified):
        terminal.say(_NOTHING_ELSE)
    if copies:
        terminal.warn(
            "These older copies of the state still contain the ids. Delete them, or wait until "
            "newer backups replace them:"
        )
        for each in copies:
            terminal.warn(f"  {each}")
    terminal.say(
        "Also delete copies that `syncd backup` made in other places; syncd does not list them."
    )
    terminal.say(
        "Also delete the customer in the systems: while a system shows an appointment of this "
        "customer, the next read stores its contact id again."
    )
