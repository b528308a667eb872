"""The file of answers for `syncd init --answers FILE`.

The file is TOML. ``[systems.NAME]`` is written as in syncd.toml. A secret is given as
{ env = "NAME" }, { file = "PATH" } or in plain text, and is stored as ``secrets`` says::

    secrets = "env-file"            # or "credential", or "names": variables that are already set
    accept = ["e-mail"]             # kinds of proposals to accept: "e-mail", "name", "phone"
    [providers]
    bob = false                     # reject this proposal
    carol = true                    # accept this proposal, whatever its kind
    dora = { crm = "dora@example.com", clinic = "Dora Old" }     # by id, e-mail or name
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, ValidationError

from syncd.cli.init_protocol import (
    DEFAULT_BUSY_TYPE,
    SECRET_LABELS,
    InitAccount,
    MatchAnswer,
    accept_proposal,
)
from syncd.cli.options import UsageError
from syncd.config.base import SettingsTable
from syncd.config.fields import Text, ZoneName, is_name
from syncd.config.problems import ConfigError, Finding, InvalidValueError, Problem, join_names
from syncd.config.pydantic_errors import translate
from syncd.config.secrets import ReadContext, read_secret
from syncd.config.settings import PLATFORMS
from syncd.config.toml_positions import key_lines, line_of
from syncd.provision.config_additions import find_user
from syncd.provision.credentials import CredentialStorage, EnteredCredential
from syncd.provision.matching import MatchEvidence, Proposal
from syncd.systems.inventory import AppointmentType, SystemInventory


def _yes_no_or_users(value: object) -> object:
    users = isinstance(value, dict) and all(isinstance(u, str) and u for u in value.values())
    if not (isinstance(value, bool) or (users and value)):
        reason = "not true, false or a table of users"
        remedy = 'Write true, false or a user for each system: { crm = "USER", clinic = "USER" }.'
        raise InvalidValueError(reason, remedy)
    return value


class AnswerFile(SettingsTable):
    """The keys of the file."""

    secrets: Literal[
        CredentialStorage.ENV_FILE, CredentialStorage.CREDENTIAL, CredentialStorage.NAMES
    ] = CredentialStorage.ENV_FILE
    env_file: Text = "syncd.env"
    zone: ZoneName | None = None
    accept: tuple[Literal[MatchEvidence.EMAIL, MatchEvidence.NAME, MatchEvidence.PHONE], ...] = (
        MatchEvidence.EMAIL,
    )
    systems: dict[str, dict[str, Any]] = Field(default_factory=dict)
    providers: dict[
        str, Annotated[StrictBool | dict[str, Text], BeforeValidator(_yes_no_or_users)]
    ] = Field(default_factory=dict)


class FileInterview:
    """Answers the questions of `init_protocol.Interview` from a file."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """Read the file. Raises ConfigError with all its errors."""
        self._path = path
        self._context = ReadContext(path.parent.absolute(), env)
        try:
            text = path.read_text(encoding="utf-8-sig")
            raw = tomllib.loads(text)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            remedy = "Name a TOML file of answers; `syncd init --help` describes it."
            raise ConfigError(
                [Problem(path, "", None, f"the file cannot be read ({why})", remedy)]
            ) from None
        self._lines = key_lines(text)
        self._proposed: set[str] = set()
        try:
            self._answers = AnswerFile.model_validate(raw)
        except ValidationError as error:
            raise self._error(*translate(error, AnswerFile, ())) from None

    def secret_storage(self) -> tuple[CredentialStorage, str]:
        """Return the way of storing secrets that the file names."""
        way = CredentialStorage(self._answers.secrets)
        folder = {
            CredentialStorage.ENV_FILE: self._answers.env_file,
            CredentialStorage.CREDENTIAL: "secrets",
            CredentialStorage.NAMES: "",
        }
        return way, folder[way]

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """Return the systems in the file that are not configured yet. Raises ConfigError."""
        way = self.secret_storage()[0]
        accounts, errors = [], list[Finding]()
        for name, table in self._answers.systems.items():
            if name in known:
                continue
            account, findings = self._account(name, table, way)
            errors += findings
            if account is not None:
                accounts.append(account)
        if errors:
            raise self._error(*errors)
        return accounts

    def _account(
        self, name: str, table: Mapping[str, Any], way: CredentialStorage
    ) -> tuple[InitAccount | None, list[Finding]]:
        at = ("systems", name)
        platform = table.get("type")
        if not is_name(name):
            remedy = "Use small letters, digits, - and _ only."
            return None, [Finding(at, f'"{name}" is not a valid name', remedy)]
        if not isinstance(platform, str) or platform not in PLATFORMS:
            remedy = f"Write type = {join_names([*PLATFORMS])}."
            return None, [Finding((*at, "type"), "not a type of system", remedy)]
        secrets, errors = {}, []
        for key in SECRET_LABELS[platform]:
            try:
                secrets[key] = self._secret(table.get(key), way)
            except InvalidValueError as error:
                errors.append(Finding((*at, key), error.reason, error.remedy))
        values = {
            k: v for k, v in table.items() if k != "type" and k not in SECRET_LABELS[platform]
        }
        if errors:
            return None, errors
        account = InitAccount(name, platform, values, secrets)
        try:
            account.settings()
        except ValidationError as error:
            return None, list(translate(error, PLATFORMS[platform][0], at))
        return account, []

    def _secret(self, source: object, way: CredentialStorage) -> EnteredCredential:
        value = read_secret(source, self._context).reveal()
        if way is not CredentialStorage.NAMES:
            return EnteredCredential(value)
        if not isinstance(source, dict) or "env" not in source:
            reason = 'secrets = "names" needs an environment variable here'
            raise InvalidValueError(reason, 'Write { env = "NAME" }, or secrets = "env-file".')
        return EnteredCredential(value, str(source["env"]))

    def retry_account(
        self,
        account: InitAccount,  # noqa: ARG002
        inventory: SystemInventory,
    ) -> InitAccount | None:
        """Raise UsageError: the file cannot give another answer for this system."""
        errors = [f for f in inventory.findings if f.level == "error"]
        reasons = "; ".join(f"{f.subject}: {f.message}" for f in errors)
        remedies = ". ".join(f.remedy[:1].upper() + f.remedy[1:] for f in errors).removesuffix(".")
        raise UsageError(f"nothing was written: {reasons}", f"{remedies}.")

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:  # noqa: ARG002
        """Return the default name; to use another name, the file sets busy_task_type."""
        return DEFAULT_BUSY_TYPE

    def confirm_match(
        self,
        proposal: Proposal,
        inventories: Sequence[SystemInventory],  # noqa: ARG002
        *,
        known: bool,  # noqa: ARG002
        taken: Collection[str],  # noqa: ARG002
    ) -> MatchAnswer | None:
        """Accept a proposal that the file names, or whose kind is in ``accept``."""
        self._proposed.add(proposal.name)
        answer = self._answers.providers.get(proposal.name)
        if isinstance(answer, dict):
            return None  # `manual_matches` returns it
        wanted = answer if answer is not None else proposal.ground in self._answers.accept
        return accept_proposal(proposal) if wanted else None

    def manual_matches(
        self, inventories: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """Return the providers that the file maps by hand. Raises ConfigError for unknown users."""
        by_name = {inventory.system: inventory for inventory in inventories}
        answers, errors = [], list[Finding]()
        for name, answer in self._answers.providers.items():
            if answer is True and name not in self._proposed and name not in taken:
                remedy = f'Write {name} = {{ SYSTEM = "USER", … }} to map users by hand.'
                errors.append(
                    Finding(("providers", name), "syncd proposes no provider of this name", remedy)
                )
            if not isinstance(answer, dict) or name in taken:
                continue
            if not is_name(name):
                remedy = "Use small letters, digits, - and _ only."
                errors.append(Finding(("providers", name), f'"{name}" is not a valid name', remedy))
            users = []
            for system, user_name in answer.items():
                at = ("providers", name, system)
                if system not in by_name:
                    remedy = f"The systems are: {join_names(list(by_name))}."
                    errors.append(Finding(at, f'there is no system "{system}"', remedy))
                elif (user := find_user(by_name[system], user_name)) is not None:
                    users.append(user)
                else:
                    remedy = "Write an id, an e-mail address or a name that `syncd discover` shows."
                    errors.append(
                        Finding(at, f"no user, or more than one, matches {user_name!r}", remedy)
                    )
            answers.append(MatchAnswer(name, tuple(users)))
        if errors:
            raise self._error(*errors)
        return answers

    def zone(self, proposed: str) -> str:
        """Return the time zone in the file, or else the proposed time zone."""
        return self._answers.zone or proposed

    def _error(self, *findings: Finding) -> ConfigError:
        return ConfigError(
            Problem(
                self._path,
                ".".join(map(str, finding.at)),
                line_of(finding.at, self._lines),
                finding.reason,
                finding.remedy,
            )
            for finding in findings
        )
