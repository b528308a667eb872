"""The questions of `syncd init` as prompts on a terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import typer

from syncd.cli import terminal
from syncd.cli.discover import PLATFORM_NAMES, print_results
from syncd.cli.init_protocol import (
    DEFAULT_BUSY_TYPE,
    DEFAULT_SYSTEM_NAMES,
    SECRET_LABELS,
    InitAccount,
    MatchAnswer,
    accept_proposal,
)
from syncd.config.fields import is_name
from syncd.config.settings import PLATFORMS
from syncd.provision.credentials import CredentialStorage, EnteredCredential
from syncd.provision.directory import user_ref
from syncd.provision.matching import Proposal, UserRef
from syncd.provision.template import TomlValue
from syncd.systems.inventory import AppointmentType, SystemInventory
from syncd.systems.leadsquared.regions import REGIONS


class PromptInterview:
    """Asks the operator at a terminal. Secrets are not shown while they are typed."""

    def __init__(self) -> None:
        """Start without answers."""
        self._storage: tuple[CredentialStorage, str] | None = None

    def secret_storage(self) -> tuple[CredentialStorage, str]:
        """Ask once how credentials are to be stored; three ways are offered."""
        if self._storage is None:
            self._storage = self._ask_storage()
        return self._storage

    def _ask_storage(self) -> tuple[CredentialStorage, str]:
        terminal.say()
        terminal.say("Where should credentials be stored?")
        terminal.say("  1  in an environment file beside the configuration, mode 0600")
        terminal.say("  2  in one file each for systemd's LoadCredential=, in secrets/")
        terminal.say("  3  in environment variables that are already set; you name them")
        number = _number("Choose", 3, default=1)
        if number == 1:
            return CredentialStorage.ENV_FILE, typer.prompt(
                "Environment file", default="syncd.env", err=True
            )
        if number == 2:  # noqa: PLR2004
            return CredentialStorage.CREDENTIAL, "secrets"
        return CredentialStorage.NAMES, ""

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """Ask for systems until the operator enters 0; ``known`` are the configured systems."""
        accounts: list[InitAccount] = []
        while True:
            names = {*known, *(account.name for account in accounts)}
            terminal.say()
            terminal.say("Add a system:" if not names else "Add another system:")
            for number, platform in enumerate(PLATFORMS, 1):
                terminal.say(f"  {number}  {PLATFORM_NAMES[platform]}")
            terminal.say("  0  no more")
            number = _number("Choose", len(PLATFORMS), least=0, default=0 if names else 1)
            if number == 0:
                return accounts
            accounts.append(self._account(list(PLATFORMS)[number - 1], names))

    def _account(
        self, platform: str, taken: Collection[str], before: InitAccount | None = None
    ) -> InitAccount:
        way = self.secret_storage()[0]
        while True:
            default = _unused_name(DEFAULT_SYSTEM_NAMES[platform], taken)
            name = before.name if before else _name("Name for this system", default, taken)
            values = _VALUES[platform](before.values if before else {})
            secrets = {key: _secret(label, way) for key, label in SECRET_LABELS[platform].items()}
            account = InitAccount(name, platform, values, secrets)
            problems = account.problems()
            if not problems:
                return account
            for problem in problems:
                terminal.warn(str(problem))
            before = account

    def retry_account(self, account: InitAccount, inventory: SystemInventory) -> InitAccount | None:
        """Print why a system could not be read, and offer to enter its settings again.

        ``account`` has the settings that were entered, ``inventory`` the result of the failed read.
        Returns the new settings, or None if the operator keeps the old ones.
        """
        print_results(inventory.findings)
        if not typer.confirm(
            f"Enter the settings of {account.name} again?", default=True, err=True
        ):
            return None
        return self._account(account.type, (), account)

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:
        """Ask for one of the usable types, or for a type that the operator will create."""
        terminal.say()
        terminal.say(f"Which appointment type of {system} should be used only for blocks?")
        for number, kind in enumerate(types, 1):
            terminal.say(f"  {number}  {kind.name}")
        terminal.say(f'  0  none of these: a new type, "{DEFAULT_BUSY_TYPE}"')
        number = _number("Choose", len(types), least=0, default=0)
        return types[number - 1].name if number else DEFAULT_BUSY_TYPE

    def confirm_match(
        self,
        proposal: Proposal,
        inventories: Sequence[SystemInventory],
        *,
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Show the users that would become one provider, with the evidence, and ask for consent.

        ``known`` is true if the proposal extends a configured provider; ``taken`` are the names of
        providers that exist. Returns None if the operator rejects the proposal.
        """
        terminal.say()
        verb = "Add to" if known else "New provider"
        terminal.say(f"{verb} {proposal.name}", style="bold")
        for each in proposal.users:
            terminal.say(f"  {each.system:<10}{_description(each)}")
        for evidence in proposal.evidence:
            terminal.say(f"  same {evidence}, in {', '.join(evidence.systems)}")
        for caution in proposal.cautions:
            terminal.say(f"  but {caution}", style="yellow")
        while True:
            reply = typer.prompt("Is this right? [y]es, [n]o, [e]dit", default="y", err=True)
            match reply.strip().lower()[:1]:
                case "y":
                    return accept_proposal(proposal)
                case "n":
                    return None
                case "e":
                    return self._edited(proposal.name, proposal.users, inventories, known, taken)

    def manual_matches(
        self, inventories: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """Ask for providers to map by hand, until the operator answers no."""
        answers: list[MatchAnswer] = []
        while True:
            terminal.say()
            if not typer.confirm("Map another provider by hand?", default=False, err=True):
                return answers
            names = {*taken, *(answer.name for answer in answers)}
            answer = self._edited("", (), inventories, False, names)
            if answer is not None:
                answers.append(answer)

    def zone(self, proposed: str) -> str:
        """Ask for the time zone, with ``proposed`` as the default."""
        return str(typer.prompt("Time zone for displayed times", default=proposed, err=True))

    def _edited(
        self,
        name: str,
        users: Iterable[UserRef],
        inventories: Sequence[SystemInventory],
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Ask for the name, and for a user in each system."""
        if not known:
            name = _name("Name for this provider", name or "person", taken)
        proposed = {user.system: user for user in users}
        chosen = []
        for inventory in inventories:
            if known and inventory.system not in proposed:
                continue
            active = [user for user in inventory.users if user.active]
            terminal.say(f"Which user of {inventory.system} is {name}?")
            for number, user in enumerate(active, 1):
                terminal.say(f"  {number}  {user.name or '(no name)'}  {user.email}")
            terminal.say("  0  none")
            current = proposed.get(inventory.system)
            offered = [user_ref(inventory, user) for user in active]
            default = offered.index(current) + 1 if current in offered else 0
            number = _number("Choose", len(active), least=0, default=default)
            if number:
                chosen.append(offered[number - 1])
        return MatchAnswer(name, tuple(chosen)) if chosen else None


def _description(user: UserRef) -> str:
    id = "" if user.id == user.email else user.id
    return "  ".join(filter(None, (user.name or "(no name)", user.email, user.phone, id)))


def _number(question: str, most: int, *, least: int = 1, default: int) -> int:
    number = typer.prompt(question, default=default, type=int, err=True)
    while not least <= number <= most:
        terminal.warn(f"enter a number from {least} to {most}")
        number = typer.prompt(question, default=default, type=int, err=True)
    return int(number)


def _name(question: str, default: str, taken: Collection[str]) -> str:
    while True:
        name = str(typer.prompt(question, default=default, err=True)).strip()
        if name in taken:
            terminal.warn(f"{name} is already in use")
        elif not is_name(name):
            terminal.warn("use only small letters, digits, - and _")
        else:
            return name


def _unused_name(base: str, taken: Collection[str]) -> str:
    names = (base if n == 1 else f"{base}{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _secret(label: str, way: CredentialStorage) -> EnteredCredential:
    """Ask for a secret without showing it, or for the name of the variable that contains it."""
    if way is not CredentialStorage.NAMES:
        return EnteredCredential(
            str(typer.prompt(f"{label} (input is hidden)", hide_input=True, err=True)).strip()
        )
    while True:
        name = str(typer.prompt(f"Environment variable with the {label}", err=True)).strip()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            terminal.warn(
                "not a valid name of an environment variable; do not enter the secret itself"
            )
        elif not os.environ.get(name):
            terminal.warn(
                f"{name} is not set: set it and run syncd init again, or name another variable"
            )
        else:
            return EnteredCredential(os.environ[name].strip(), name)


Values = Mapping[str, TomlValue]


def _leadsquared(before: Values) -> dict[str, TomlValue]:
    terminal.say("In which region is the account?")
    hosts = list(REGIONS.items())
    for number, (region, host) in enumerate(hosts, 1):
        terminal.say(f"  {number}  {region:<20}{host}")
    default = str(before.get("base_url", "1"))
    reply = typer.prompt("Number, or the URL of the API", default=default, err=True).strip()
    if reply.isdigit() and 1 <= int(reply) <= len(hosts):
        return {"base_url": f"https://{hosts[int(reply) - 1][1]}/v2"}
    return {"base_url": reply}


def _leadconnector(before: Values) -> dict[str, TomlValue]:
    return {**_base_url("leadconnector", before), **_location(before)}


def _location(before: Values) -> dict[str, TomlValue]:
    reply = typer.prompt(
        "Location id (in the address bar of the location)",
        default=before.get("location_id"),
        err=True,
    )
    return {"location_id": str(reply).strip()}


def _leadconnector_v1(before: Values) -> dict[str, TomlValue]:
    return _base_url("leadconnector-v1", before)


def _base_url(platform: str, before: Values) -> dict[str, TomlValue]:
    usual = PLATFORMS[platform][0].model_fields["base_url"].default
    default = before.get("base_url", usual)
    reply = str(typer.prompt("URL of the API", default=default, err=True)).strip()
    return {} if reply == usual else {"base_url": reply}


_VALUES: Mapping[str, Callable[[Values], dict[str, TomlValue]]] = {
    "leadsquared": _leadsquared,
    "leadconnector": _leadconnector,
    "leadconnector-v1": _leadconnector_v1,
}
