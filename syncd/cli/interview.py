"""What `syncd init` asks: the questions, and a person at a terminal who answers them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import typer
from pydantic import ValidationError

from syncd.cli import terminal
from syncd.cli.discover import PLATFORM_NAMES, show_findings
from syncd.config.fields import is_name
from syncd.config.problems import Problem
from syncd.config.settings import PLATFORMS, SystemSettings
from syncd.config.translate import translate
from syncd.provision.additions import seat_of
from syncd.provision.credentials import Given, Way
from syncd.provision.matching import Proposal, Seat
from syncd.provision.template import Value
from syncd.systems.leadsquared.hosts import REGIONS
from syncd.systems.tree import AppointmentType, Tree

SECRETS: Mapping[str, Mapping[str, str]] = {
    "leadsquared": {"access_key": "access key", "secret_key": "secret key"},
    "leadconnector": {"token": "Private Integration token"},
    "leadconnector-v1": {"api_key": "location API key"},
}
"""The secrets of each platform, and what they are called there."""

USUAL_BUSY = "Busy"
USUAL_NAMES = {"leadsquared": "crm", "leadconnector": "clinic", "leadconnector-v1": "legacy"}


@dataclass(frozen=True, slots=True)
class Account:
    """A system as it was answered: what the file will say, and its secrets."""

    name: str
    type: str
    values: Mapping[str, Value]
    secrets: Mapping[str, Given] = field(repr=False)

    def settings(self) -> SystemSettings:
        """The settings, with the secrets as they are. Raises ValidationError."""
        plain = {key: given.value for key, given in self.secrets.items()}
        whole = {"type": self.type, **self.values, **plain}
        return PLATFORMS[self.type][0].model_validate(whole)

    def problems(self) -> list[Problem]:
        """What is wrong with the answers, without looking at the system."""
        try:
            self.settings()
        except ValidationError as error:
            at = ("systems", self.name)
            found = translate(error, PLATFORMS[self.type][0], at)
            return [
                Problem(None, ".".join(map(str, f.at)), None, f.reason, f.remedy) for f in found
            ]
        return []


@dataclass(frozen=True, slots=True)
class Verdict:
    """A provider that was agreed upon: its name, a user for each of its systems, and why."""

    name: str
    seats: tuple[Seat, ...]
    why: str = "mapped by hand"


def accepted(proposal: Proposal) -> Verdict:
    """A proposal as it is."""
    return Verdict(proposal.name, proposal.seats, f"matched by {proposal.ground}")


class Interview(Protocol):
    """Everything that `syncd init` must be told; raises `UsageError` for what it cannot be."""

    def way(self) -> tuple[Way, str]:
        """Where credentials are kept, and the file or folder for it ('' for none)."""
        ...

    def accounts(self, known: Collection[str]) -> list[Account]:
        """The systems besides those that are known."""
        ...

    def again(self, account: Account, tree: Tree) -> Account | None:
        """Another try at a system that cannot be looked at; None leaves it as it is."""
        ...

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:
        """Which appointment type stands for busy time; one that is yet to be made may be named."""
        ...

    def judge(
        self, proposal: Proposal, trees: Sequence[Tree], *, known: bool, taken: Collection[str]
    ) -> Verdict | None:
        """Whether a proposal is right; ``known``: it adds to a provider that is there."""
        ...

    def by_hand(self, trees: Sequence[Tree], taken: Collection[str]) -> list[Verdict]:
        """Providers that nothing proposed."""
        ...

    def zone(self, proposed: str) -> str:
        """The zone of the location, in which times are shown."""
        ...


class Terminal:
    """A person at a terminal. Secrets are not shown while they are typed."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._way: tuple[Way, str] | None = None

    def way(self) -> tuple[Way, str]:
        """Ask once for one of three ways, each explained."""
        if self._way is None:
            self._way = self._ask_way()
        return self._way

    def _ask_way(self) -> tuple[Way, str]:
        terminal.say()
        terminal.say("Where are credentials kept?")
        terminal.say("  1  an environment file beside the configuration, mode 0600")
        terminal.say("  2  one file each for systemd's LoadCredential=, in secrets/")
        terminal.say("  3  environment variables that are set already; you name them")
        number = _number("Choose", 3, default=1)
        if number == 1:
            return Way.ENV_FILE, typer.prompt("Environment file", default="syncd.env", err=True)
        return (Way.CREDENTIAL, "secrets") if number == 2 else (Way.NAMES, "")  # noqa: PLR2004

    def accounts(self, known: Collection[str]) -> list[Account]:
        """Ask for systems until there are enough."""
        found: list[Account] = []
        while True:
            names = {*known, *(account.name for account in found)}
            terminal.say()
            terminal.say("Add a system:" if not names else "Add another system:")
            for number, platform in enumerate(PLATFORMS, 1):
                terminal.say(f"  {number}  {PLATFORM_NAMES[platform]}")
            terminal.say("  0  no more")
            number = _number("Choose", len(PLATFORMS), least=0, default=0 if names else 1)
            if number == 0:
                return found
            found.append(self._account(list(PLATFORMS)[number - 1], names))

    def _account(
        self, platform: str, taken: Collection[str], before: Account | None = None
    ) -> Account:
        way = self.way()[0]
        while True:
            usual = before.name if before else _unlike(USUAL_NAMES[platform], taken)
            name = before.name if before else _name("Call it", usual, taken)
            values = _VALUES[platform](before.values if before else {})
            secrets = {key: _secret(what, way) for key, what in SECRETS[platform].items()}
            account = Account(name, platform, values, secrets)
            problems = account.problems()
            if not problems:
                return account
            for problem in problems:
                terminal.warn(str(problem))
            before = account

    def again(self, account: Account, tree: Tree) -> Account | None:
        """Show why, and ask whether to correct it."""
        show_findings(tree.findings)
        if not typer.confirm(f"Enter {account.name} again?", default=True, err=True):
            return None
        return self._account(account.type, (), account)

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:
        """Ask for one of those that fit, or for the one that is to be made."""
        terminal.say()
        terminal.say(f"Which appointment type of {system} stands for busy time, and nothing else?")
        for number, kind in enumerate(types, 1):
            terminal.say(f"  {number}  {kind.name}")
        terminal.say(f'  0  none of these: a new one, "{USUAL_BUSY}"')
        number = _number("Choose", len(types), least=0, default=0)
        return types[number - 1].name if number else USUAL_BUSY

    def judge(
        self, proposal: Proposal, trees: Sequence[Tree], *, known: bool, taken: Collection[str]
    ) -> Verdict | None:
        """Show who would be one person and why, and ask."""
        terminal.say()
        verb = "Add to" if known else "New provider"
        terminal.say(f"{verb} {proposal.name}", style="bold")
        for seat in proposal.seats:
            terminal.say(f"  {seat.system:<10}{_spoken(seat)}")
        for evidence in proposal.evidence:
            terminal.say(f"  same {evidence}, in {', '.join(evidence.systems)}")
        for caution in proposal.cautions:
            terminal.say(f"  but {caution}", style="yellow")
        while True:
            said = typer.prompt("Is this right? [y]es, [n]o, [e]dit", default="y", err=True)
            match said.strip().lower()[:1]:
                case "y":
                    return accepted(proposal)
                case "n":
                    return None
                case "e":
                    return self._edited(proposal.name, proposal.seats, trees, known, taken)

    def by_hand(self, trees: Sequence[Tree], taken: Collection[str]) -> list[Verdict]:
        """Ask for people whom nothing proposed."""
        found: list[Verdict] = []
        while True:
            terminal.say()
            if not typer.confirm("Map somebody else by hand?", default=False, err=True):
                return found
            names = {*taken, *(verdict.name for verdict in found)}
            verdict = self._edited("", (), trees, False, names)
            if verdict is not None:
                found.append(verdict)

    def zone(self, proposed: str) -> str:
        """Ask, with the location's own as the usual answer."""
        return str(typer.prompt("Time zone in which times are shown", default=proposed, err=True))

    def _edited(
        self,
        name: str,
        seats: Iterable[Seat],
        trees: Sequence[Tree],
        known: bool,
        taken: Collection[str],
    ) -> Verdict | None:
        """Ask for the name and, in each system, for the user."""
        if not known:
            name = _name("Call it", name or "person", taken)
        before = {seat.system: seat for seat in seats}
        chosen = []
        for tree in trees:
            if known and tree.system not in before:
                continue
            users = [user for user in tree.users if user.active]
            terminal.say(f"Who is {name} in {tree.system}?")
            for number, user in enumerate(users, 1):
                terminal.say(f"  {number}  {user.name or '(no name)'}  {user.email}")
            terminal.say("  0  nobody")
            now = before.get(tree.system)
            usual = next((n for n, u in enumerate(users, 1) if now and _is(u.id, u.email, now)), 0)
            number = _number("Choose", len(users), least=0, default=usual)
            seat = seat_of(tree, users[number - 1].id) if number else None
            if seat is not None:
                chosen.append(seat)
        return Verdict(name, tuple(chosen)) if chosen else None


def _is(id: str, email: str, seat: Seat) -> bool:
    return seat.id in {id, email}


def _spoken(seat: Seat) -> str:
    own = "" if seat.id == seat.email else seat.id
    return "  ".join(filter(None, (seat.name or "(no name)", seat.email, seat.phone, own)))


def _number(question: str, most: int, *, least: int = 1, default: int) -> int:
    kind = typer.prompt(question, default=default, type=int, err=True)
    while not least <= kind <= most:
        terminal.warn(f"a number from {least} to {most}, please")
        kind = typer.prompt(question, default=default, type=int, err=True)
    return int(kind)


def _name(question: str, default: str, taken: Collection[str]) -> str:
    while True:
        name = str(typer.prompt(question, default=default, err=True)).strip()
        if name in taken:
            terminal.warn(f"{name} is taken")
        elif not is_name(name):
            terminal.warn("a name has small letters, digits, - and _ only")
        else:
            return name


def _unlike(usual: str, taken: Collection[str]) -> str:
    names = (usual if n == 1 else f"{usual}{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _secret(what: str, way: Way) -> Given:
    """Ask for a secret without showing it, or for the name of a variable that holds it."""
    if way is not Way.NAMES:
        return Given(str(typer.prompt(f"{what} (not shown)", hide_input=True, err=True)).strip())
    while True:
        name = str(typer.prompt(f"Environment variable with the {what}", err=True)).strip()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            terminal.warn("that is no name of a variable; the secret itself does not go here")
        elif not os.environ.get(name):
            terminal.warn(f"{name} is not set here: set it and run this again, or name another")
        else:
            return Given(os.environ[name].strip(), name)


Values = Mapping[str, Value]


def _leadsquared(before: Values) -> dict[str, Value]:
    terminal.say("Which region is the account in?")
    hosts = list(REGIONS.items())
    for number, (region, host) in enumerate(hosts, 1):
        terminal.say(f"  {number}  {region:<20}{host}")
    default = str(before.get("base_url", "1"))
    said = typer.prompt("Number, or the address of the API", default=default, err=True).strip()
    if said.isdigit() and 1 <= int(said) <= len(hosts):
        return {"base_url": f"https://{hosts[int(said) - 1][1]}/v2"}
    return {"base_url": said}


def _leadconnector(before: Values) -> dict[str, Value]:
    return {**_base_url("leadconnector", before), **_location(before)}


def _location(before: Values) -> dict[str, Value]:
    said = typer.prompt(
        "Location id (in the address bar of the location)",
        default=before.get("location_id"),
        err=True,
    )
    return {"location_id": str(said).strip()}


def _leadconnector_v1(before: Values) -> dict[str, Value]:
    return _base_url("leadconnector-v1", before)


def _base_url(platform: str, before: Values) -> dict[str, Value]:
    usual = PLATFORMS[platform][0].model_fields["base_url"].default
    default = before.get("base_url", usual)
    said = str(typer.prompt("Address of the API", default=default, err=True)).strip()
    return {} if said == usual else {"base_url": said}


_VALUES: Mapping[str, Callable[[Values], dict[str, Value]]] = {
    "leadsquared": _leadsquared,
    "leadconnector": _leadconnector,
    "leadconnector-v1": _leadconnector_v1,
}
