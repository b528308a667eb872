"""What `syncd init` has to be told, whoever answers: a person, or a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import ValidationError

from syncd.config.problems import Problem
from syncd.config.pydantic_errors import translate
from syncd.config.settings import PLATFORMS, SystemSettings
from syncd.provision.credentials import Given, Way
from syncd.provision.matching import Proposal, UserRef
from syncd.provision.template import TomlValue
from syncd.systems.inventory import AppointmentType, SystemInventory

SECRETS: Mapping[str, Mapping[str, str]] = {
    "leadsquared": {"access_key": "access key", "secret_key": "secret key"},
    "leadconnector": {"token": "Private Integration token"},
    "leadconnector-v1": {"api_key": "location API key"},
}
"""The secrets of each platform, and what they are called there."""

USUAL_BUSY = "Busy"
USUAL_NAMES = {"leadsquared": "crm", "leadconnector": "clinic", "leadconnector-v1": "legacy"}


@dataclass(frozen=True, slots=True)
class InitAccount:
    """A system as it was answered: what the file will say, and its secrets."""

    name: str
    type: str
    values: Mapping[str, TomlValue]
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
class MatchAnswer:
    """A provider that was agreed upon: its name, a user for each of its systems, and why."""

    name: str
    seats: tuple[UserRef, ...]
    why: str = "mapped by hand"


def accepted(proposal: Proposal) -> MatchAnswer:
    """A proposal as it is."""
    return MatchAnswer(proposal.name, proposal.seats, f"matched by {proposal.ground}")


class Interview(Protocol):
    """Everything that `syncd init` must be told; raises `UsageError` for what it cannot be."""

    def way(self) -> tuple[Way, str]:
        """Where credentials are kept, and the file or folder for it ('' for none)."""
        ...

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """The systems besides those that are known."""
        ...

    def again(self, account: InitAccount, tree: SystemInventory) -> InitAccount | None:
        """Another try at a system that cannot be looked at; None leaves it as it is."""
        ...

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:
        """Which appointment type stands for busy time; one that is yet to be made may be named."""
        ...

    def judge(
        self,
        proposal: Proposal,
        trees: Sequence[SystemInventory],
        *,
        known: bool,
        taken: Collection[str],
    ) -> MatchAnswer | None:
        """Whether a proposal is right; ``known``: it adds to a provider that is there."""
        ...

    def by_hand(
        self, trees: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """Providers that nothing proposed."""
        ...

    def zone(self, proposed: str) -> str:
        """The zone of the location, in which times are shown."""
        ...
