"""From an interview to a draft of the configuration, looking at the systems in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.cli import render, terminal
from syncd.cli.discover import look, show_findings, show_tree
from syncd.cli.init_protocol import USUAL_BUSY, InitAccount, Interview, MatchAnswer
from syncd.config.mapping import check_accounts
from syncd.config.problems import ConfigError, Problem
from syncd.config.settings import ProviderSettings, SystemSettings
from syncd.provision.config_additions import additions, owners_of, place_of
from syncd.provision.credentials import Given, Way, source_of
from syncd.provision.directory import calendar_only, doubt_finding, user_refs
from syncd.provision.matching import Matching, UserRef, match_users, provider_name
from syncd.provision.template import Draft, NewProvider, NewSystem
from syncd.systems.inventory import SystemInventory

_STEPS = """\
LeadSquared makes appointment types by hand only. As an administrator, under Settings, Task Types:
  1. add a type of the category Appointment, called "{name}"
  2. switch Allow Conflicts off, so that its time is not offered for booking
  3. give it no mandatory custom field, since a block cannot fill one in
Until then `syncd check` tells it, and no block can be written to {system}."""


@dataclass(frozen=True, slots=True)
class Before:
    """The configuration as it stands; without a file all of it is empty."""

    path: Path
    text: str | None = None
    systems: Mapping[str, SystemSettings] = field(default_factory=dict)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    env_file: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Credentials to be written, by the name under which the configuration will ask for them."""

    way: Way = Way.NAMES
    place: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


def draft_configuration(before: Before, interview: Interview) -> tuple[Draft, Kept]:
    """Ask everything, and look at the systems in between. Raises ConfigError, UsageError."""
    if before.systems:
        known = render.count(len(before.systems), "system")
        people = render.count(len(before.providers), "provider")
        terminal.say(f"{before.path.name} has {known} and {people}; they stay as they are.")
    accounts = interview.accounts(before.systems)
    _refuse_doubles(before, accounts)
    accounts, trees = _looked_at(before, accounts, interview)
    for tree in trees:
        terminal.say()
        show_tree(tree)
    show_findings(
        [
            finding
            for tree in trees
            for finding in (*tree.findings, *calendar_only(tree, before.providers))
        ]
    )
    accounts = [_with_busy_type(account, trees, interview) for account in accounts]
    verdicts = _verdicts(before, trees, interview)
    zone = before.zone
    if before.text is None:
        zone = interview.zone(_zone(trees))
    kept, systems = _kept(before, accounts, interview, trees)
    draft = Draft(
        systems=systems,
        providers=[_provider(verdict, trees) for verdict in verdicts],
        zone=zone or "UTC",
        env_file=kept.place if kept.way is Way.ENV_FILE else None,
        rooms=list(_rooms(trees)),
    )
    return draft, kept


def _refuse_doubles(before: Before, accounts: Sequence[InitAccount]) -> None:
    merged = {**before.systems, **{a.name: a.settings() for a in accounts}}
    wrong = [
        Problem(None, ".".join(map(str, f.at)), None, f.reason, f.remedy)
        for f in check_accounts(merged)
    ]
    if wrong:
        raise ConfigError(wrong)


def _looked_at(
    before: Before, accounts: Sequence[InitAccount], interview: Interview
) -> tuple[list[InitAccount], list[SystemInventory]]:
    """Look at all systems; one that is new and cannot be looked at may be entered again."""
    by_name = {account.name: account for account in accounts}
    trees = {
        tree.system: tree
        for tree in look({**before.systems, **{n: a.settings() for n, a in by_name.items()}})
    }
    for name in list(by_name):
        while not trees[name].opened:
            better = interview.again(by_name[name], trees[name])
            if better is None:
                break
            by_name[name] = better
            (trees[name],) = look({name: better.settings()})
    return list(by_name.values()), list(trees.values())


def _with_busy_type(
    account: InitAccount, trees: Iterable[SystemInventory], interview: Interview
) -> InitAccount:
    """Choose the type that stands for busy time, or say how to make it."""
    if account.type != "leadsquared":
        return account
    tree = next(tree for tree in trees if tree.system == account.name)
    named = account.values.get("busy_task_type", USUAL_BUSY)
    found = next((t for t in tree.types if t.name.casefold() == str(named).casefold()), None)
    name = found.name if found else str(named)
    fit = [kind for kind in tree.types if not kind.unfit]
    if tree.opened and "busy_task_type" not in account.values and (not found or found.unfit):
        name = interview.busy_type(account.name, fit)
    if tree.opened and name not in {kind.name for kind in fit}:
        terminal.say()
        terminal.say(_STEPS.format(name=name, system=account.name), style="yellow")
    return replace(account, values={**account.values, "busy_task_type": name})


def _verdicts(
    before: Before, trees: Sequence[SystemInventory], interview: Interview
) -> list[MatchAnswer]:
    """Have each proposal judged, and take what is mapped by hand; nobody is claimed twice."""
    found = match_users(user_refs(trees), taken=set(before.providers))
    show_findings([doubt_finding(doubt) for doubt in found.ambiguous])
    owners: dict[tuple[str, str], str] = owners_of(trees, before.providers)
    verdicts: list[MatchAnswer] = []

    def take(verdict: MatchAnswer) -> None:
        free = tuple(seat for seat in verdict.seats if (seat.system, seat.id) not in owners)
        for seat in set(verdict.seats) - set(free):
            owner = owners[seat.system, seat.id]
            terminal.warn(f"{seat.name} in {seat.system} belongs to {owner}, and stays there")
        owners.update({(seat.system, seat.id): verdict.name for seat in free})
        if free:
            verdicts.append(MatchAnswer(verdict.name, free, verdict.why))

    for proposal in additions(found.proposals, owners, before.providers):
        known = proposal.name in before.providers
        taken = {*before.providers, *(verdict.name for verdict in verdicts)}
        verdict = interview.judge(proposal, trees, known=known, taken=taken)
        if verdict is not None:
            take(verdict)
    _tell_alone(found, owners)
    taken = {*before.providers, *(verdict.name for verdict in verdicts)}
    for verdict in interview.by_hand(trees, taken):
        take(verdict)
    return verdicts


def _tell_alone(found: Matching, owners: Mapping[tuple[str, str], str]) -> None:
    alone = [seat for seat in found.alone if (seat.system, seat.id) not in owners]
    if alone:
        told = ", ".join(f"{_who(seat)} ({seat.system})" for seat in alone)
        terminal.say()
        terminal.say(f"Found in one system only, so there is nothing to keep the same: {told}")


def _who(seat: UserRef) -> str:
    return seat.name or seat.email or seat.id


def _zone(trees: Iterable[SystemInventory]) -> str:
    """The first location's zone; an account's is that of its service user."""
    order = ("leadconnector", "leadconnector-v1", "leadsquared")
    ranked = sorted(trees, key=lambda tree: order.index(tree.platform))
    return next((tree.zone for tree in ranked if tree.zone), "UTC")


def _kept(
    before: Before,
    accounts: Sequence[InitAccount],
    interview: Interview,
    trees: Iterable[SystemInventory],
) -> tuple[Kept, list[NewSystem]]:
    """What the configuration says of the new systems, and where their secrets go."""
    if not accounts:
        return Kept(), []
    way, place = interview.way()
    if way is Way.ENV_FILE and before.env_file:
        place = before.env_file
    titles = {tree.system: tree.name for tree in trees}
    values: dict[str, str] = {}
    systems = []
    for account in accounts:
        sources = {key: source_of(way, account.name, key, g) for key, g in account.secrets.items()}
        values |= _named(sources, account.secrets)
        systems.append(
            NewSystem(account.name, account.type, account.values, sources, titles[account.name])
        )
    return Kept(way, place, {} if way is Way.NAMES else values), systems


def _named(
    sources: Mapping[str, Mapping[str, str]], secrets: Mapping[str, Given]
) -> dict[str, str]:
    return {name: secrets[key].value for key, said in sources.items() for name in said.values()}


def _provider(verdict: MatchAnswer, trees: Iterable[SystemInventory]) -> NewProvider:
    by_name = {tree.system: tree for tree in trees}
    seats = {seat.system: seat for seat in verdict.seats}
    places = {
        system: place_of(tree, seats[system]) for system, tree in by_name.items() if system in seats
    }
    return NewProvider(verdict.name, places, verdict.why)


def _rooms(trees: Iterable[SystemInventory]) -> Iterable[str]:
    sort = {"room": "rooms", "equipment": "equipment"}
    for tree in trees:
        for resource in tree.resources:
            name = provider_name([UserRef(tree.system, "", resource.name)], ())
            where = f'{{ resource = "{sort[resource.kind]}/{resource.name}" }}'
            yield f'[providers.{name}] kind = "{resource.kind}", {tree.system} = {where}'
