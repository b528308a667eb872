"""The questions of `syncd init`, answered by the operator at a terminal or by a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import ValidationError

from syncd.config.problems import Problem
from syncd.config.pydantic_errors import translate
from syncd.config.settings import PLATFORMS, SystemSettings
from syncd.provision.credentials import CredentialStorage, EnteredCredential
from syncd.provision.matching import Proposal, UserRef
from syncd.provision.template import TomlValue
from syncd.systems.inventory import AppointmentType, SystemInventory

SECRET_LABELS: Mapping[str, Mapping[str, str]] = {
    "leadsquared": {"access_key": "access key", "secret_key": "secret key"},
    "leadconnector": {"token": "Private Integration token"},
    "leadconnector-v1": {"api_key": "location API key"},
}
"""The keys of the secrets of each platform, and the names that the platform uses for them."""

DEFAULT_BUSY_TYPE = "Busy"
DEFAULT_SYSTEM_NAMES = {
    "leadsquared": "crm",
    "leadconnector": "clinic",
    "leadconnector-v1": "legacy",
}


@dataclass(frozen=True, slots=True)
class InitAccount:
    """A new system: its configuration values and its secrets."""

    name: str
    type: str
    values: Mapping[str, TomlValue]
    secrets: Mapping[str, EnteredCredential] = field(repr=False)

    def settings(self) -> SystemSettings:
        """Return the settings with the secrets in plain text. Raises ValidationError."""
        plain = {key: given.value for key, given in self.secrets.items()}
        whole = {"type": self.type, **self.values, **plain}
        return PLATFORMS[self.type][0].model_validate(whole)

    def problems(self) -> list[Problem]:
        """Return the errors in the entered settings, without calling the system."""
        try:
            self.settings()
        except ValidationError as error:
            at = ("systems", self.name)
            findings = translate(error, PLATFORMS[self.type][0], at)
            return [
                Problem(None, ".".join(map(str, f.at)), None, f.reason, f.remedy) for f in findings
            ]
        return []


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """A provider to add: its name, a user in each of its systems, and the reason."""

    name: str
    users: tuple[UserRef, ...]
    why: str = "mapped by hand"


def accept_proposal(proposal: Proposal) -> MatchAnswer:
    """Return the answer that accepts a proposal unchanged."""
    return MatchAnswer(proposal.name, proposal.users, f"matched by {proposal.ground}")


class Interview(Protocol):
    """The questions of `syncd init`; each method raises `UsageError` if there is no answer."""

    def secret_storage(self) -> tuple[CredentialStorage, str]:
        """Return how credentials are stored, and the file or folder ('' for none)."""
        ...

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """Return the new systems; ``known`` are the names of the configured systems."""
        ...

    def retry_account(self, account: InitAccount, inventory: SystemInventory) -> InitAccount | None:
        """Return corrected settings for a system that could not be read.

        Return None to keep the settings as they are. ``inventory`` has the errors of the failed
        read.
        """
        ...

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:
        """Return the name of the appointment type to use for blocks.

        The type need not exist on the platform yet.
        """
        ...

    def confirm_match(
        self,
        proposal: Proposal,
        inventories: Sequence[SystemInventory],
        *,
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Return the accepted or edited proposal, or None if it is rejected.

        ``known`` is true if the proposal extends a configured provider.
        """
        ...

    def manual_matches(
        self, inventories: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """Return providers that are mapped by hand; names in ``taken`` are in use."""
        ...

    def zone(self, proposed: str) -> str:
        """Return the time zone in which times are shown."""
        ...
