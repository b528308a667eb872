"""`syncd forget-person`: erase what the state holds of one customer."""

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
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine.report import RunExit
from syncd.model import Event, Kind, Person
from syncd.store import Store
from syncd.store.files import state_exists
from syncd.store.forget import (
    ContactRef,
    ErasureReport,
    event_of_contact,
    forget_persons,
    known_contacts,
)
from syncd.store.nightly import kept_backups
from syncd.systems.contact_addresses import normalize_contact as normalised
from syncd.systems.port import PlatformError, RejectedError

_MOST_NAMED = 5

_NOTHING_ELSE = (
    "Stored of this customer now: nothing. syncd stores times, statuses and ids of appointments, "
    "and never a name, an e-mail address, a phone number or a title."
)


def forget_person(
    context: typer.Context,
    who: Annotated[
        str,
        typer.Argument(
            metavar="WHO",
            help="A contact's id in a system, an e-mail address, or a phone number (+15550100).",
            show_default=False,
        ),
    ],
    *,
    system: Annotated[
        str | None, typer.Option("--system", metavar="SYSTEM", help="Only there.")
    ] = None,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show what is erased and ask."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase what the state holds of one customer, and say what else is stored: nothing.

    That are the ids and hashes by which the systems' records name the contact. An address or number
    is stored nowhere, so the systems are asked for each contact that the state knows; an id needs
    no question. Nothing is written to any system. Delete the customer there first: as long as a
    system still shows an appointment of theirs, the next read stores its contact's id again. While
    the daemon runs, the daemon does it. Exit: 0 erased; 2 nothing or several are meant; 4 a system
    did not answer, or a person said no.
    """
    consent.expect_consent(
        "this erases a customer from the state", yes=yes, as_json=as_json, look=""
    )
    settings, full = settings_in_two(context, config)
    if system is not None and system not in settings.systems:
        known = ", ".join(sorted(settings.systems))
        raise UsageError(f"there is no system {system!r}", f"The configuration has: {known}.")
    stored = _stored(settings, system)
    found = _Found([contact for contact in stored if contact[1] == who])
    if not found.named:
        address = normalised([who], [who])
        if not (address.emails or address.phones):
            raise UsageError(
                f"no contact has the id {who[:100]!r}",
                "Name a contact's id, an e-mail address or a phone number with its country "
                "(+15550100). syncd stores no names.",
            )
        found = asyncio.run(_of_address(full(), address, list(stored), quiet=as_json))
    named, unasked = found.named, found.unasked
    _expect_one(found, who)
    rows = [(name, contact, str(stored[name, contact])) for name, contact in named]
    consent.ask_consent(
        "Erase this?",
        lambda: terminal.table("", ("system", "contact", "appointments"), rows),
        yes=yes,
        as_json=as_json,
    )
    erased = _erase(settings, named, quiet=as_json)
    copies = _copies(settings.syncd.state_path)
    if as_json:
        told = {
            "contacts": [{"system": s, "contact": c} for s, c in named],
            "erased": erased.to_json(),
            "not_asked": unasked,
            "nobody": [{"system": s, "contact": c} for s, c in found.nobody],
            "copies": [str(each) for each in copies],
        }
        terminal.print_json(told)
    else:
        _tell(erased, found, copies)
    raise typer.Exit(RunExit.UNANSWERED.code if unasked else 0)


@dataclass(slots=True)
class _Found:
    """The contacts that are meant, and of whom that cannot be told.

    ``unasked`` are the systems that did not answer, ``nobody`` contacts that are stored and of
    which their system shows no address any more: whose they were cannot be told.
    """

    named: list[ContactRef] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    nobody: list[ContactRef] = field(default_factory=list)


def _stored(settings: Settings, system: str | None) -> dict[ContactRef, int]:
    path = settings.syncd.state_path
    if not state_exists(path):
        raise UsageError("nothing is stored of anybody: there is no state yet", "")
    store = Store.open(path, write=False)
    try:
        found = known_contacts(store)
    finally:
        store.close()
    return {c: number for c, number in found.items() if system is None or c[0] == system}


async def _of_address(
    settings: Settings, address: Person, stored: Sequence[ContactRef], *, quiet: bool
) -> _Found:
    """Ask the systems which contacts have an address."""
    store = Store.open(settings.syncd.state_path, write=False)
    app = build(settings, store=store)
    app.reset_backoff()
    found = _Found()
    silent: set[str] = set()
    try:
        with terminal.progress("asking for contacts", quiet=quiet) as told:
            for number, contact in enumerate(stored, 1):
                told(f"asking for contacts: {number} of {len(stored)}")
                if contact[0] in silent or contact[0] not in app.systems:
                    silent.add(contact[0])
                    continue
                try:
                    person = await _person(app, store, contact)
                except PlatformError:
                    silent.add(contact[0])
                    continue
                if person is None:
                    found.nobody.append(contact)
                elif {*person.emails, *person.phones} & {*address.emails, *address.phones}:
                    found.named.append(contact)
    finally:
        await app.aclose()
    found.unasked = sorted(silent)
    return found


async def _person(app: App, store: Store, contact: ContactRef) -> Person | None:
    """Ask a system for a contact's addresses; None if it shows no such contact any more.

    It is asked by an appointment, also by one that is gone: most systems answer for the contact.
    Raises PlatformError.
    """
    record = event_of_contact(store, contact)
    value = None if record is None else record.observed or record.base
    if record is None or value is None:
        return None
    event = Event(contact[0], record.provider, record.id, Kind.APPOINTMENT, value, contact[1])
    try:
        return await app.systems[contact[0]].person(event)
    except RejectedError:
        return None


def _expect_one(found: _Found, who: str) -> None:
    """Refuse to erase nobody, or several contacts of one system. Raises UsageError."""
    named = found.named
    if not named:
        silent = f" ({', '.join(found.unasked)} did not answer)" if found.unasked else ""
        unknown = f" {_whose(found.nobody)}" if found.nobody else ""
        raise UsageError(
            f"nothing is found of {who[:100]!r}{silent}",
            f"If the contact is deleted there already, name it by its id.{unknown}",
        )
    for system, number in Counter(system for system, _ in named).items():
        if number > 1:
            ids = ", ".join(contact for name, contact in named if name == system)
            raise UsageError(
                f"{number} contacts in {system} have that address: {ids}",
                "Name the one that is meant by its id; others may share an address with it.",
            )
    if len({contact for _, contact in named}) < len(named):
        systems = ", ".join(system for system, _ in named)
        raise UsageError(f"that id is known in {systems}", "Say in which: --system SYSTEM.")


def _whose(nobody: Sequence[ContactRef]) -> str:
    """Name the contacts of which nobody can tell whose they were."""
    ids = ", ".join(f"{contact} in {system}" for system, contact in nobody[:_MOST_NAMED])
    more = len(nobody) - _MOST_NAMED
    ids += f" and {more} more (--json lists all)" if more > 0 else ""
    return f"Stored, but shown by their systems no more, so whose they are cannot be told: {ids}"


def _erase(settings: Settings, named: Sequence[ContactRef], *, quiet: bool) -> ErasureReport:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="forget-person"):
            store = Store.open(path)
            try:
                return forget_persons(store, named)
            finally:
                store.close()
    except StateHeldError as held:
        if held.role != "daemon":
            raise
    contacts = [list(contact) for contact in named]
    answer = ask_daemon(settings, "forget-person", {"contacts": contacts}, quiet=quiet)
    return ErasureReport.from_json(answer.result)


def _copies(state: Path) -> list[Path]:
    """Return the copies of the state that may still hold what was erased from it."""
    aside = sorted(state.parent.glob(f"{state.name}.before-restore-*"))
    return [*(each.path for each in kept_backups(state)), *aside]


def _tell(erased: ErasureReport, found: _Found, copies: Sequence[Path]) -> None:
    events, links = render.count(erased.events, "record"), render.count(erased.replicas, "link")
    terminal.say(f"erased from {events}, {links} and {erased.relations} associations")
    for system in found.unasked:
        terminal.warn(f"{system} did not answer, so a contact there may still be stored")
    if found.nobody:
        terminal.warn(f"{_whose(found.nobody)}. If one is meant: syncd forget-person ID.")
    if not (found.unasked or found.nobody):
        terminal.say(_NOTHING_ELSE)
    if copies:
        terminal.warn(
            "These copies of the state were made before and still hold the ids: delete them, or "
            "wait until newer backups replace them:"
        )
        for each in copies:
            terminal.warn(f"  {each}")
    terminal.say(
        "Copies that `syncd backup` made elsewhere are not known here: look for them, too."
    )
    terminal.say(
        "As long as a system still shows an appointment of this customer, the next read stores "
        "its contact's id again: delete the customer there, too."
    )
