"""A file of answers, for `syncd init --answers FILE`: the same questions, nobody at a terminal.

The file is TOML. ``[systems.NAME]`` is written as in syncd.toml; a secret may stand there as
{ env = "NAME" }, { file = "PATH" } or itself, and is kept where ``secrets`` says::

    secrets = "env-file"            # or "credential", or "names": variables that are set already
    accept = ["e-mail"]             # which proposals are right: "e-mail", "name", "phone"
    [providers]
    bob = false                     # a proposal that is not wanted
    carol = true                    # one that is, whatever it rests on
    dora = { crm = "dora@example.com", clinic = "Dora Old" }     # by id, e-mail or name
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, ValidationError

from syncd.cli.init_protocol import SECRETS, USUAL_BUSY, InitAccount, MatchAnswer, accepted
from syncd.cli.options import UsageError
from syncd.config.base import SettingsTable
from syncd.config.fields import Text, ZoneName, is_name
from syncd.config.problems import ConfigError, Finding, InvalidValueError, Problem, join_names
from syncd.config.pydantic_errors import translate
from syncd.config.secrets import ReadContext, read_secret
from syncd.config.settings import PLATFORMS
from syncd.config.toml_positions import key_lines, line_of
from syncd.provision.config_additions import calendar_settings_of
from syncd.provision.credentials import Given, Way
from syncd.provision.matching import MatchEvidence, Proposal
from syncd.systems.inventory import AppointmentType, SystemInventory


def _yes_no_or_users(value: object) -> object:
    users = isinstance(value, dict) and all(isinstance(u, str) and u for u in value.values())
    if not (isinstance(value, bool) or (users and value)):
        reason = "it is neither yes, no nor the users of somebody"
        remedy = 'Write true, false or a user for each system: { crm = "USER", clinic = "USER" }.'
        raise InvalidValueError(reason, remedy)
    return value


class AnswerFile(SettingsTable):
    """What the file may say."""

    secrets: Literal[Way.ENV_FILE, Way.CREDENTIAL, Way.NAMES] = Way.ENV_FILE
    env_file: Text = "syncd.env"
    zone: ZoneName | None = None
    accept: tuple[Literal[MatchEvidence.EMAIL, MatchEvidence.NAME, MatchEvidence.PHONE], ...] = (
        MatchEvidence.EMAIL,
    )
    systems: dict[str, dict[str, Any]] = Field(default_factory=dict)
    providers: dict[
        str, Annotated[StrictBool | dict[str, Text], BeforeValidator(_yes_no_or_users)]
    ] = Field(default_factory=dict)


class Answers:
    """The answers of a file. Keeps `init_protocol.Interview`."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """Read the file. Raises ConfigError with all that is wrong."""
        self._path = path
        self._around = ReadContext(path.parent.absolute(), env)
        try:
            text = path.read_text(encoding="utf-8-sig")
            raw = tomllib.loads(text)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            remedy = "Name a TOML file of answers; `syncd init --help` says what it holds."
            raise ConfigError(
                [Problem(path, "", None, f"it cannot be read ({why})", remedy)]
            ) from None
        self._lines = key_lines(text)
        self._judged: set[str] = set()
        try:
            self._said = AnswerFile.model_validate(raw)
        except ValidationError as error:
            raise self._wrong(*translate(error, AnswerFile, ())) from None

    def way(self) -> tuple[Way, str]:
        """As the file says."""
        way = Way(self._said.secrets)
        folder = {Way.ENV_FILE: self._said.env_file, Way.CREDENTIAL: "secrets", Way.NAMES: ""}
        return way, folder[way]

    def accounts(self, known: Collection[str]) -> list[InitAccount]:
        """The file's systems that are not there yet. Raises ConfigError."""
        way = self.way()[0]
        found, wrong = [], list[Finding]()
        for name, table in self._said.systems.items():
            if name in known:
                continue
            account, findings = self._account(name, table, way)
            wrong += findings
            if account is not None:
                found.append(account)
        if wrong:
            raise self._wrong(*wrong)
        return found

    def _account(
        self, name: str, table: Mapping[str, Any], way: Way
    ) -> tuple[InitAccount | None, list[Finding]]:
        at = ("systems", name)
        platform = table.get("type")
        if not is_name(name):
            remedy = "Use small letters, digits, - and _ only."
            return None, [Finding(at, f'"{name}" cannot be a name', remedy)]
        if not isinstance(platform, str) or platform not in PLATFORMS:
            remedy = f"Write type = {join_names([*PLATFORMS])}."
            return None, [Finding((*at, "type"), "it is no type of system", remedy)]
        secrets, wrong = {}, []
        for key in SECRETS[platform]:
            try:
                secrets[key] = self._secret(table.get(key), way)
            except InvalidValueError as refused:
                wrong.append(Finding((*at, key), refused.reason, refused.remedy))
        values = {k: v for k, v in table.items() if k != "type" and k not in SECRETS[platform]}
        if wrong:
            return None, wrong
        account = InitAccount(name, platform, values, secrets)
        try:
            account.settings()
        except ValidationError as error:
            return None, list(translate(error, PLATFORMS[platform][0], at))
        return account, []

    def _secret(self, source: object, way: Way) -> Given:
        value = read_secret(source, self._around).reveal()
        if way is not Way.NAMES:
            return Given(value)
        if not isinstance(source, dict) or "env" not in source:
            reason = 'secrets = "names", and this names no environment variable'
            raise InvalidValueError(reason, 'Write { env = "NAME" }, or secrets = "env-file".')
        return Given(value, str(source["env"]))

    def again(self, account: InitAccount, tree: SystemInventory) -> InitAccount | None:  # noqa: ARG002
        """Nobody is there to try again. Raises UsageError."""
        wrong = [f for f in tree.findings if f.level == "error"]
        told = "; ".join(f"{f.subject}: {f.message}" for f in wrong)
        remedies = ". ".join(f.remedy[:1].upper() + f.remedy[1:] for f in wrong).removesuffix(".")
        raise UsageError(f"nothing is written, as {told}", f"{remedies}.")

    def busy_type(self, system: str, types: Sequence[AppointmentType]) -> str:  # noqa: ARG002
        """The usual one: any other stands in the file as busy_task_type."""
        return USUAL_BUSY

    def judge(
        self,
        proposal: Proposal,
        trees: Sequence[SystemInventory],  # noqa: ARG002
        *,
        known: bool,  # noqa: ARG002
        taken: Collection[str],  # noqa: ARG002
    ) -> MatchAnswer | None:
        """Yes to a ground that is accepted, and to what is named; no to what is refused."""
        self._judged.add(proposal.name)
        said = self._said.providers.get(proposal.name)
        if isinstance(said, dict):
            return None  # `by_hand` has it
        wanted = said if said is not None else proposal.ground in self._said.accept
        return accepted(proposal) if wanted else None

    def by_hand(
        self, trees: Sequence[SystemInventory], taken: Collection[str]
    ) -> list[MatchAnswer]:
        """The providers that the file spells out. Raises ConfigError for unknown users."""
        by_name = {tree.system: tree for tree in trees}
        found, wrong = [], list[Finding]()
        for name, said in self._said.providers.items():
            if said is True and name not in self._judged and name not in taken:
                remedy = f'Write {name} = {{ SYSTEM = "USER", … }} to map users by hand.'
                wrong.append(Finding(("providers", name), "nothing proposes this one", remedy))
            if not isinstance(said, dict) or name in taken:
                continue
            if not is_name(name):
                remedy = "Use small letters, digits, - and _ only."
                wrong.append(Finding(("providers", name), f'"{name}" cannot be a name', remedy))
            seats = []
            for system, who in said.items():
                at = ("providers", name, system)
                if system not in by_name:
                    remedy = f"Known here: {join_names(list(by_name))}."
                    wrong.append(Finding(at, f'there is no system "{system}"', remedy))
                elif (seat := calendar_settings_of(by_name[system], who)) is not None:
                    seats.append(seat)
                else:
                    remedy = "Write an id, an e-mail address or a name that `syncd discover` shows."
                    wrong.append(Finding(at, f"no user, or several, is {who!r}", remedy))
            found.append(MatchAnswer(name, tuple(seats)))
        if wrong:
            raise self._wrong(*wrong)
        return found

    def zone(self, proposed: str) -> str:
        """The file's, else the location's."""
        return self._said.zone or proposed

    def _wrong(self, *findings: Finding) -> ConfigError:
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
