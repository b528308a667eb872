"""A person at a terminal who answers what `syncd init` asks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import typer

from syncd.cli import terminal
from syncd.cli.discover import PLATFORM_NAMES, show_findings
from syncd.cli.init_protocol import (
    SECRETS,
    USUAL_BUSY,
    USUAL_NAMES,
    InitAccount,
    MatchAnswer,
    accepted,
)
from syncd.config.fields import is_name
from syncd.config.settings import PLATFORMS
from syncd.provision.credentials import Given, Way
from syncd.provision.directory import user_ref
from syncd.provision.matching import Proposal, UserRef
from syncd.provision.template import TomlValue
from syncd.systems.inventory import AppointmentType, SystemInventory
from syncd.systems.leadsquared.regions import REGIONS


class PromptInterview:
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

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """Ask for systems until there are enough."""
        found: list[InitAccount] = []
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
        self, platform: str, taken: Collection[str], before: InitAccount | None = None
    ) -> InitAccount:
        way = self.way()[0]
        while True:
            usual = before.name if before else _unlike(USUAL_NAMES[platform], taken)
            name = before.name if before else _name("Call it", usual, taken)
            values = _VALUES[platform](before.values if before else {})
            secrets = {key: _secret(what, way) for key, what in SECRETS[platform].items()}
            account = InitAccount(name, platform, values, secrets)
            problems = account.problems()
            if not problems:
                return account
            for problem in problems:
                terminal.warn(str(problem))
            before = account

    def again(self, account: InitAccount, tree: SystemInventory) -> InitAccount | None:
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
        self,
        proposal: Proposal,
        trees: Sequence[SystemInventory],
        *,
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Show who would be one person and why, and ask."""
        terminal.say()
        verb = "Add to" if known else "New provider"
        terminal.say(f"{verb} {proposal.name}", style="bold")
        for each in proposal.seats:
            terminal.say(f"  {each.system:<10}{_spoken(each)}")
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

    def by_hand(
        self, trees: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """Ask for people whom nothing proposed."""
        found: list[MatchAnswer] = []
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
        seats: Iterable[UserRef],
        trees: Sequence[SystemInventory],
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Ask for the name and, in each system, for the user."""
        if not known:
            name = _name("Call it", name or "person", taken)
        before = {each.system: each for each in seats}
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
            offered = [user_ref(tree, user) for user in users]
            usual = offered.index(now) + 1 if now in offered else 0
            number = _number("Choose", len(users), least=0, default=usual)
            if number:
                chosen.append(offered[number - 1])
        return MatchAnswer(name, tuple(chosen)) if chosen else None


def _spoken(one: UserRef) -> str:
    own = "" if one.id == one.email else one.id
    return "  ".join(filter(None, (one.name or "(no name)", one.email, one.phone, own)))


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


Values = Mapping[str, TomlValue]


def _leadsquared(before: Values) -> dict[str, TomlValue]:
    terminal.say("Which region is the account in?")
    hosts = list(REGIONS.items())
    for number, (region, host) in enumerate(hosts, 1):
        terminal.say(f"  {number}  {region:<20}{host}")
    default = str(before.get("base_url", "1"))
    said = typer.prompt("Number, or the address of the API", default=default, err=True).strip()
    if said.isdigit() and 1 <= int(said) <= len(hosts):
        return {"base_url": f"https://{hosts[int(said) - 1][1]}/v2"}
    return {"base_url": said}


def _leadconnector(before: Values) -> dict[str, TomlValue]:
    return {**_base_url("leadconnector", before), **_location(before)}


def _location(before: Values) -> dict[str, TomlValue]:
    said = typer.prompt(
        "Location id (in the address bar of the location)",
        default=before.get("location_id"),
        err=True,
    )
    return {"location_id": str(said).strip()}


def _leadconnector_v1(before: Values) -> dict[str, TomlValue]:
    return _base_url("leadconnector-v1", before)


def _base_url(platform: str, before: Values) -> dict[str, TomlValue]:
    usual = PLATFORMS[platform][0].model_fields["base_url"].default
    default = before.get("base_url", usual)
    said = str(typer.prompt("Address of the API", default=default, err=True)).strip()
    return {} if said == usual else {"base_url": said}


_VALUES: Mapping[str, Callable[[Values], dict[str, TomlValue]]] = {
    "leadsquared": _leadsquared,
    "leadconnector": _leadconnector,
    "leadconnector-v1": _leadconnector_v1,
}
