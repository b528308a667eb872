"""Turn the answers and the inventories of the systems into a draft of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.cli import render, terminal
from syncd.cli.discover import print_inventory, print_results, read_inventories
from syncd.cli.init_protocol import DEFAULT_BUSY_TYPE, InitAccount, Interview, MatchAnswer
from syncd.config.mapping import check_accounts
from syncd.config.problems import ConfigError, Problem
from syncd.config.settings import ProviderSettings, SystemSettings
from syncd.provision.config_additions import additions, calendar_line, owners_of
from syncd.provision.credentials import CredentialStorage, EnteredCredential, source_of
from syncd.provision.directory import ambiguity_finding, check_calendar_only, user_refs
from syncd.provision.matching import Matching, UserRef, match_users, provider_name
from syncd.provision.template import ConfigDraft, NewProvider, NewSystem
from syncd.systems.inventory import SystemInventory

_STEPS = """\
In LeadSquared, appointment types can only be made by hand. As an administrator, under Settings,
Task Types:
  1. add a type of the category Appointment, called "{name}"
  2. switch Allow Conflicts off, so that its time cannot be booked
  3. give it no mandatory custom field, since a block cannot fill one in
Until then, no block can be written to {system}, and `syncd check` reports an error."""


@dataclass(frozen=True, slots=True)
class ExistingConfig:
    """The configuration to extend; without a file, every field but ``path`` is empty."""

    path: Path
    text: str | None = None
    systems: Mapping[str, SystemSettings] = field(default_factory=dict)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    env_file: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialsToWrite:
    """Credentials to store, by the name under which the configuration refers to each."""

    way: CredentialStorage = CredentialStorage.NAMES
    place: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


def draft_configuration(
    existing: ExistingConfig, interview: Interview
) -> tuple[ConfigDraft, CredentialsToWrite]:
    """Ask all questions and read the systems; return the draft and the credentials to store.

    Raises ConfigError, UsageError.
    """
    if existing.systems:
        systems = render.count(len(existing.systems), "system")
        providers = render.count(len(existing.providers), "provider")
        terminal.say(f"{existing.path.name} has {systems} and {providers}; they are not changed.")
    accounts = interview.accounts(existing.systems)
    _refuse_duplicates(existing, accounts)
    accounts, inventories = _read_inventories(existing, accounts, interview)
    for inventory in inventories:
        terminal.say()
        print_inventory(inventory)
    print_results(
        [
            result
            for inventory in inventories
            for result in (*inventory.findings, *check_calendar_only(inventory, existing.providers))
        ]
    )
    accounts = [_with_busy_type(account, inventories, interview) for account in accounts]
    answers = _match_answers(existing, inventories, interview)
    zone = existing.zone
    if existing.text is None:
        zone = interview.zone(_zone(inventories))
    credentials, new_systems = _credentials(existing, accounts, interview, inventories)
    draft = ConfigDraft(
        systems=new_systems,
        providers=[_provider(answer, inventories) for answer in answers],
        zone=zone or "UTC",
        env_file=credentials.place if credentials.way is CredentialStorage.ENV_FILE else None,
        rooms=list(_room_hints(inventories)),
    )
    return draft, credentials


def _refuse_duplicates(existing: ExistingConfig, accounts: Sequence[InitAccount]) -> None:
    """Raise ConfigError if two systems are the same account."""
    merged = {**existing.systems, **{a.name: a.settings() for a in accounts}}
    problems = [
        Problem(None, ".".join(map(str, f.at)), None, f.reason, f.remedy)
        for f in check_accounts(merged)
    ]
    if problems:
        raise ConfigError(problems)


def _read_inventories(
    existing: ExistingConfig, accounts: Sequence[InitAccount], interview: Interview
) -> tuple[list[InitAccount], list[SystemInventory]]:
    """Read all systems; a new one that cannot be read may be entered again."""
    by_name = {account.name: account for account in accounts}
    new_systems = {name: account.settings() for name, account in by_name.items()}
    inventories = {
        inventory.system: inventory
        for inventory in read_inventories({**existing.systems, **new_systems})
    }
    for name in list(by_name):
        while not inventories[name].opened:
            corrected = interview.retry_account(by_name[name], inventories[name])
            if corrected is None:
                break
            by_name[name] = corrected
            (inventories[name],) = read_inventories({name: corrected.settings()})
    return list(by_name.values()), list(inventories.values())


def _with_busy_type(
    account: InitAccount, inventories: Iterable[SystemInventory], interview: Interview
) -> InitAccount:
    """Set the appointment type that is used for blocks; if none fits, say how to create one."""
    if account.type != "leadsquared":
        return account
    inventory = next(each for each in inventories if each.system == account.name)
    wanted = str(account.values.get("busy_task_type", DEFAULT_BUSY_TYPE))
    existing = next((t for t in inventory.types if t.name.casefold() == wanted.casefold()), None)
    name = existing.name if existing else wanted
    usable = [kind for kind in inventory.types if not kind.unfit]
    is_default = "busy_task_type" not in account.values
    if inventory.opened and is_default and (not existing or existing.unfit):
        name = interview.busy_type(account.name, usable)
    if inventory.opened and name not in {kind.name for kind in usable}:
        terminal.say()
        terminal.say(_STEPS.format(name=name, system=account.name), style="yellow")
    return replace(account, values={**account.values, "busy_task_type": name})


def _match_answers(
    existing: ExistingConfig, inventories: Sequence[SystemInventory], interview: Interview
) -> list[MatchAnswer]:
    """Ask about each proposed provider and for those mapped by hand; use each user only once."""
    matching = match_users(user_refs(inventories), taken=set(existing.providers))
    print_results([ambiguity_finding(match) for match in matching.ambiguous])
    owners: dict[tuple[str, str], str] = owners_of(inventories, existing.providers)
    answers: list[MatchAnswer] = []

    def add(answer: MatchAnswer) -> None:
        free = tuple(user for user in answer.users if (user.system, user.id) not in owners)
        for user in set(answer.users) - set(free):
            owner = owners[user.system, user.id]
            terminal.warn(f"{user.name} in {user.system} already belongs to {owner}: not mapped")
        owners.update({(user.system, user.id): answer.name for user in free})
        if free:
            answers.append(MatchAnswer(answer.name, free, answer.why))

    for proposal in additions(matching.proposals, owners, existing.providers):
        known = proposal.name in existing.providers
        taken = {*existing.providers, *(answer.name for answer in answers)}
        answer = interview.confirm_match(proposal, inventories, known=known, taken=taken)
        if answer is not None:
            add(answer)
    _print_unmatched(matching, owners)
    taken = {*existing.providers, *(answer.name for answer in answers)}
    for answer in interview.manual_matches(inventories, taken):
        add(answer)
    return answers


def _print_unmatched(matching: Matching, owners: Mapping[tuple[str, str], str]) -> None:
    unmatched = [user for user in matching.alone if (user.system, user.id) not in owners]
    if unmatched:
        names = ", ".join(f"{_label(user)} ({user.system})" for user in unmatched)
        terminal.say()
        terminal.say(f"Found in one system only, so there is nothing to sync: {names}")


def _label(user: UserRef) -> str:
    return user.name or user.email or user.id


def _zone(inventories: Iterable[SystemInventory]) -> str:
    """Return the time zone to propose: a location's, else that of a LeadSquared service user."""
    order = ("leadconnector", "leadconnector-v1", "leadsquared")
    ranked = sorted(inventories, key=lambda inventory: order.index(inventory.platform))
    return next((inventory.zone for inventory in ranked if inventory.zone), "UTC")


def _credentials(
    existing: ExistingConfig,
    accounts: Sequence[InitAccount],
    interview: Interview,
    inventories: Iterable[SystemInventory],
) -> tuple[CredentialsToWrite, list[NewSystem]]:
    """Return the credentials to store and the tables of the new systems."""
    if not accounts:
        return CredentialsToWrite(), []
    way, place = interview.secret_storage()
    if way is CredentialStorage.ENV_FILE and existing.env_file:
        place = existing.env_file
    titles = {inventory.system: inventory.name for inventory in inventories}
    values: dict[str, str] = {}
    systems = []
    for account in accounts:
        sources = {key: source_of(way, account.name, key, g) for key, g in account.secrets.items()}
        values |= _values_by_name(sources, account.secrets)
        systems.append(
            NewSystem(account.name, account.type, account.values, sources, titles[account.name])
        )
    return CredentialsToWrite(way, place, {} if way is CredentialStorage.NAMES else values), systems


def _values_by_name(
    sources: Mapping[str, Mapping[str, str]], secrets: Mapping[str, EnteredCredential]
) -> dict[str, str]:
    return {name: secrets[key].value for key, source in sources.items() for name in source.values()}


def _provider(answer: MatchAnswer, inventories: Iterable[SystemInventory]) -> NewProvider:
    users = {user.system: user for user in answer.users}
    places = {
        inventory.system: calendar_line(inventory, users[inventory.system])
        for inventory in inventories
        if inventory.system in users
    }
    return NewProvider(answer.name, places, answer.why)


def _room_hints(inventories: Iterable[SystemInventory]) -> Iterable[str]:
    """Yield a commented-out line for each room and piece of equipment."""
    folders = {"room": "rooms", "equipment": "equipment"}
    for inventory in inventories:
        for resource in inventory.resources:
            name = provider_name([UserRef(inventory.system, "", resource.name)], ())
            where = f'{{ resource = "{folders[resource.kind]}/{resource.name}" }}'
            yield f'[providers.{name}] kind = "{resource.kind}", {inventory.system} = {where}'
