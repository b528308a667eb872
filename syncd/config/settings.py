"""The settings: what a configuration says once it has been read and found right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from syncd.config.fields import (
    BaseUrl,
    Email,
    Hidden,
    Share,
    State,
    Text,
    TimeOfDay,
    ZoneName,
    span,
)
from syncd.config.problems import Problem, Refused
from syncd.core.facts import Choice


class Table(BaseModel):
    """A TOML table: read-only, and with no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WindowSettings(Table):
    """How far back and ahead of now the whole window reaches."""

    past: Annotated[timedelta, span("0s", "366d")] = timedelta(days=1)
    future: Annotated[timedelta, span("1h", "366d")] = timedelta(days=60)


class NearSettings(Table):
    """How often the near window is read, and how far ahead of now it reaches."""

    every: Annotated[timedelta, span("10s", "1d")] = timedelta(seconds=60)
    ahead: Annotated[timedelta, span("1h", "366d")] = timedelta(days=2)


class FarSettings(Table):
    """How often the whole window is read."""

    every: Annotated[timedelta, span("1m", "7d")] = timedelta(minutes=15)


class LogSettings(Table):
    """How the log looks; ``auto`` is text on a terminal and JSON elsewhere."""

    format: Literal["auto", "text", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class General(Table):
    """``[syncd]``. ``resync_at`` is a time of day in ``zone``.

    ``state`` is an absolute path (from a file: relative to that file) or an SQLAlchemy URL, which
    may hold a password and is therefore not shown.
    """

    state: State = Field(default="state/syncd.db", validate_default=True, repr=False)
    window: WindowSettings = WindowSettings()
    near: NearSettings = NearSettings()
    far: FarSettings = FarSettings()
    resync_at: TimeOfDay = time(3, 30)
    zone: ZoneName = "UTC"
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.near.ahead > self.window.future:
            reason = "the near window reaches further ahead than the whole window"
            remedy = "Lower near.ahead, or raise window.future."
            raise Refused(reason, remedy, under=("near", "ahead"))
        if self.far.every < self.near.every:
            reason = "the whole window would be read more often than the near one"
            raise Refused(reason, "Raise far.every, or lower near.every.", under=("far", "every"))
        return self

    @property
    def state_path(self) -> Path:
        """The file of the database."""
        if "://" not in self.state:
            return Path(self.state)
        from syncd.config.urls import sqlite_file  # noqa: PLC0415 - only URLs need SQLAlchemy

        return sqlite_file(self.state) or Path(self.state)


class LeadSquaredSystem(Table):
    """A LeadSquared account; the fields are those of its adapter's ``Account``."""

    type: Literal["leadsquared"]
    base_url: BaseUrl
    access_key: Hidden
    secret_key: Hidden
    busy_task_type: Text = "Busy"
    cancel_as: Literal["hold", "complete"] = "hold"
    title: Text = "Busy"
    key_field: Annotated[str, Field(pattern=r"^mx_Custom_[0-9]+$")] | None = None
    calls_per_5s: Annotated[StrictInt, Field(ge=1, le=100)] = 8


class LeadConnectorSystem(Table):
    """A LeadConnector v2 location; the fields are those of its adapter's ``Account``."""

    type: Literal["leadconnector"]
    location_id: Text
    token: Hidden
    base_url: BaseUrl = "https://services.leadconnectorhq.com"
    version: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|v[0-9]+)$")] = "2021-04-15"
    title: Text = "Busy"
    notify: StrictBool = False


class LeadConnectorV1System(Table):
    """A LeadConnector v1 location; the fields are those of its adapter's ``Account``."""

    type: Literal["leadconnector-v1"]
    api_key: Hidden
    base_url: BaseUrl = "https://rest.gohighlevel.com/v1"
    blocks: Literal["event", "hold"] = "event"
    hold_email: Email | None = None
    title: Text = "Busy"
    timezone: ZoneName | None = None

    @model_validator(mode="after")
    def _hold_has_its_contact(self) -> Self:
        if self.blocks == "hold" and self.hold_email is None:
            reason = 'blocks = "hold" books for a contact, and none is named'
            remedy = 'Add hold_email, an address of your own, or write blocks = "event".'
            raise Refused(reason, remedy, under=("hold_email",))
        return self


SystemSettings = LeadSquaredSystem | LeadConnectorSystem | LeadConnectorV1System


class LeadSquaredCalendar(Table):
    """A user, by e-mail address."""

    user: Email
    write: StrictBool = True


class LeadConnectorCalendar(Table):
    """A user id, calendar ids, or both.

    ``calendar`` is a short way to write a single one; ``calendars`` holds that one, too.
    """

    user: Text | None = None
    calendar: Text | None = None
    calendars: tuple[Text, ...] = Field(default=(), validate_default=True)
    write: StrictBool = True

    @field_validator("calendars")
    @classmethod
    def _each_once(cls, calendars: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        single = info.data.get("calendar")
        return tuple(dict.fromkeys((*((single,) if single else ()), *calendars)))

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.user or self.calendars):
            reason = "it names neither a user nor a calendar"
            raise Refused(reason, 'Add user = "ID", calendars = ["ID"], or both.')
        return self


class LeadConnectorV1Calendar(Table):
    """A calendar (service) id, a user id, a team id, or several of them."""

    calendar: Text | None = None
    user: Text | None = None
    team: Text | None = None
    write: StrictBool = True

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.calendar or self.user or self.team):
            reason = "it names no calendar, no user and no team"
            raise Refused(reason, 'Add calendar = "ID", user = "ID" or team = "ID".')
        return self


CalendarSettings = LeadConnectorCalendar | LeadConnectorV1Calendar | LeadSquaredCalendar

PLATFORMS: Mapping[str, tuple[type[SystemSettings], type[CalendarSettings]]] = {
    "leadsquared": (LeadSquaredSystem, LeadSquaredCalendar),
    "leadconnector": (LeadConnectorSystem, LeadConnectorCalendar),
    "leadconnector-v1": (LeadConnectorV1System, LeadConnectorV1Calendar),
}
"""For each ``type``: what its system's table holds, and what a calendar's in it."""


class ProviderSettings(Table):
    """A person, room or piece of equipment, and its calendar in each system (by system name)."""

    kind: Literal["person", "room", "equipment"] = "person"
    zone: ZoneName | None = None
    calendars: dict[str, CalendarSettings] = Field(default_factory=dict)


class RulesSettings(Table):
    """What decides a conflict (DESIGN section 5); ``prefer`` is the tie-break of all."""

    prefer: tuple[str, ...] = ()
    moved_apart: Literal[Choice.LATEST, Choice.PREFER, Choice.HOLD] = Choice.LATEST
    moved_and_cancelled: Literal[Choice.CANCEL, Choice.MOVE, Choice.HOLD] = Choice.CANCEL
    block_edited: Literal[Choice.RESTORE] = Choice.RESTORE
    slot_taken: Literal[Choice.HOLD] = Choice.HOLD
    double_booked: Literal[Choice.REPORT] = Choice.REPORT
    ambiguous: Literal[Choice.HOLD] = Choice.HOLD


class GuardSettings(Table):
    """When a system's news is not believed (promise 7): more than ``count`` and than ``share``."""

    count: Annotated[StrictInt, Field(ge=0)] = 10
    share: Share = 0.2


class Settings(Table):
    """The whole configuration; ``path`` is the file it came from, None if from none."""

    systems: dict[str, Annotated[SystemSettings, Field(discriminator="type")]]
    providers: dict[str, ProviderSettings]
    path: Path | None = None
    syncd: General = General()
    rules: RulesSettings = RulesSettings()
    guard: GuardSettings = GuardSettings()
    warnings: tuple[Problem, ...] = ()
