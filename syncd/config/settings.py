"""The typed settings of a configuration, after validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from syncd.config.base import SettingsTable
from syncd.config.cancel_path import CancelPath, check_cancel
from syncd.config.fields import (
    BaseUrl,
    CaFile,
    Email,
    Hidden,
    Share,
    State,
    Text,
    TimeOfDay,
    ZoneName,
    duration_between,
)
from syncd.config.hours import WorkingHours
from syncd.config.listen import HeartbeatAddress, Listen
from syncd.config.problems import InvalidValueError, Problem
from syncd.config.statuses import StatusWords
from syncd.core.merging.rules import Choice
from syncd.model.all_day import AllDay

if TYPE_CHECKING:
    from syncd.config.provision import ProvisionSettings


AllDayPolicy = Literal[AllDay.BUSY, AllDay.IGNORE, AllDay.HOURS]


class WindowSettings(SettingsTable):
    """How far the whole window reaches before and after now."""

    past: Annotated[timedelta, duration_between("0s", "366d")] = timedelta(days=1)
    future: Annotated[timedelta, duration_between("1h", "366d")] = timedelta(days=60)


class NearSettings(SettingsTable):
    """The interval between reads of the near window, and how far the window reaches after now."""

    every: Annotated[timedelta, duration_between("5s", "1d")] = timedelta(seconds=60)
    ahead: Annotated[timedelta, duration_between("1h", "366d")] = timedelta(days=2)


class FarSettings(SettingsTable):
    """The interval between reads of the whole window."""

    every: Annotated[timedelta, duration_between("1m", "7d")] = timedelta(minutes=15)


class LogSettings(SettingsTable):
    """The format and level of the log; ``auto`` is text on a terminal and JSON elsewhere."""

    format: Literal["auto", "text", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class SlotsSettings(SettingsTable):
    """The interval between reads of free slots."""

    every: Annotated[timedelta, duration_between("1m", "7d")] = timedelta(minutes=15)


class HistorySettings(SettingsTable):
    """The age up to which history is kept in full; older history is compacted."""

    keep: Annotated[timedelta, duration_between("1d", "3660d")] = timedelta(days=180)


class General(SettingsTable):
    """The table ``[syncd]``. ``resync_at`` is a time of day in ``zone``; ``hours`` are defaults.

    - ``state``: an absolute path, or an SQLAlchemy URL, which may contain a password and is
      therefore not shown. In a file the path may be relative to the folder of that file.
    - ``listen``: the host and port, or the socket path, at which the daemon serves health and
      metrics; None: not served.
    - ``heartbeat``: the URL that is called after each whole cycle; None: no calls.
    - ``longest``: the longest event that is still found if it began before the window.
    - ``ca_file``: certificates of authorities that are trusted besides the well-known ones.
    - ``mode``: "observe" reads and decides, but writes nothing to any system.
    - ``env_file``: a file of NAME=value lines, for variables that the environment does not set.
    """

    env_file: Text | None = None
    state: State = Field(default="state/syncd.db", validate_default=True, repr=False)
    window: WindowSettings = WindowSettings()
    near: NearSettings = NearSettings()
    far: FarSettings = FarSettings()
    longest: Annotated[timedelta, duration_between("1d", "366d")] = timedelta(days=60)
    slots: SlotsSettings = SlotsSettings()
    history: HistorySettings = HistorySettings()
    resync_at: TimeOfDay = time(3, 30)
    zone: ZoneName = "UTC"
    hours: WorkingHours = Field(default="06:00-22:00", validate_default=True)
    log: LogSettings = LogSettings()
    listen: Listen | None = None
    heartbeat: HeartbeatAddress | None = None
    ca_file: CaFile | None = None
    all_day: AllDayPolicy = AllDay.BUSY
    mode: Literal["sync", "observe"] = "sync"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.near.ahead > self.window.future:
            reason = "the near window reaches further ahead than the whole window"
            remedy = "Lower near.ahead, or raise window.future."
            raise InvalidValueError(reason, remedy, under=("near", "ahead"))
        if self.far.every < self.near.every:
            reason = "the whole window would be read more often than the near window"
            raise InvalidValueError(
                reason, "Raise far.every, or lower near.every.", under=("far", "every")
            )
        return self

    @property
    def state_path(self) -> Path:
        """The path of the database file."""
        if "://" not in self.state:
            return Path(self.state)
        from syncd.config.urls import sqlite_file  # noqa: PLC0415 - only URLs need SQLAlchemy

        return sqlite_file(self.state) or Path(self.state)


class LeadSquaredSystem(SettingsTable):
    """A LeadSquared account; the fields correspond to its adapter's ``Account``."""

    type: Literal["leadsquared"]
    base_url: BaseUrl
    access_key: Hidden
    secret_key: Hidden
    busy_task_type: Text = "Busy"
    cancel_as: Literal["hold", "complete", "cancel"] = "hold"
    cancel_path: CancelPath | None = None
    title: Text = "Busy"
    key_field: Annotated[str, Field(pattern=r"^mx_Custom_[0-9]+$")] | None = None
    calls_per_5s: Annotated[StrictInt, Field(ge=1, le=100)] = 8
    statuses: StatusWords = Field(default_factory=dict)
    all_day: AllDayPolicy | None = None

    @model_validator(mode="after")
    def _cancels_somewhere(self) -> Self:
        check_cancel(self.cancel_as, self.cancel_path, self.statuses)
        return self


class AssociationsSettings(SettingsTable):
    """Whether bookings of other systems are linked to their contacts, and by which association.

    ``object`` is the custom object whose records represent bookings, ``field`` its property with
    the booking's id. `syncd provision` creates both, and the association.
    """

    on: StrictBool = False
    key: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "external_bookings"
    object: Annotated[str, Field(pattern=r"^custom_objects\.[a-z0-9_]+$")] = (
        "custom_objects.external_booking"
    )
    field: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "external_id"


class LeadConnectorSystem(SettingsTable):
    """A LeadConnector v2 location; the fields correspond to its adapter's ``Account``."""

    type: Literal["leadconnector"]
    location_id: Text
    token: Hidden
    base_url: BaseUrl = "https://services.leadconnectorhq.com"
    version: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|v[0-9]+)$")] = "2021-04-15"
    title: Text = "Busy"
    notify: StrictBool = False
    series: Literal["hold", "write"] = "hold"
    buffers: Literal["ignore", "close"] = "ignore"
    associations: AssociationsSettings = AssociationsSettings()
    statuses: StatusWords = Field(default_factory=dict)
    all_day: AllDayPolicy | None = None


class LeadConnectorV1System(SettingsTable):
    """A LeadConnector v1 location; the fields correspond to its adapter's ``Account``."""

    type: Literal["leadconnector-v1"]
    api_key: Hidden
    base_url: BaseUrl = "https://rest.gohighlevel.com/v1"
    blocks: Literal["event", "hold"] = "event"
    hold_email: Email | None = None
    title: Text = "Busy"
    timezone: ZoneName | None = None
    statuses: StatusWords = Field(default_factory=dict)
    all_day: AllDayPolicy | None = None

    @model_validator(mode="after")
    def _hold_has_its_contact(self) -> Self:
        if self.blocks == "hold" and self.hold_email is None:
            reason = 'blocks = "hold" needs the e-mail address of a hold contact'
            remedy = 'Add hold_email = "…" with an address of yours, or write blocks = "event".'
            raise InvalidValueError(reason, remedy, under=("hold_email",))
        return self


SystemSettings = LeadSquaredSystem | LeadConnectorSystem | LeadConnectorV1System


class LeadSquaredCalendar(SettingsTable):
    """A provider's calendar in LeadSquared: a user, given by e-mail address."""

    user: Email
    write: StrictBool = True


class LeadConnectorCalendar(SettingsTable):
    """A provider's calendar in v2: a user id, calendar ids, or both; or a room or equipment.

    ``calendar`` is a short form for a single id; ``calendars`` then contains it too.
    ``resource`` names a room or equipment: ``rooms/yoga room``, ``equipment/laser``.
    """

    user: Text | None = None
    calendar: Text | None = None
    calendars: tuple[Text, ...] = Field(default=(), validate_default=True)
    resource: Annotated[Text, Field(pattern=r"^(rooms|equipments?)/.*\S")] | None = None
    write: StrictBool = True

    @field_validator("calendars")
    @classmethod
    def _each_once(cls, calendars: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        single = info.data.get("calendar")
        return tuple(dict.fromkeys((*((single,) if single else ()), *calendars)))

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.resource and (self.user or self.calendars):
            reason = "the line names both a resource and a user or calendar"
            raise InvalidValueError(reason, "Remove one of them, or make two providers.")
        if not (self.user or self.calendars or self.resource):
            reason = "the line names neither a user nor a calendar"
            raise InvalidValueError(reason, 'Add user = "ID", calendars = ["ID"], or both.')
        return self


class LeadConnectorV1Calendar(SettingsTable):
    """A provider's calendar in v1: a calendar (service) id, a user id, a team id, or several."""

    calendar: Text | None = None
    user: Text | None = None
    team: Text | None = None
    write: StrictBool = True

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.calendar or self.user or self.team):
            reason = "the line names neither a calendar nor a user nor a team"
            raise InvalidValueError(reason, 'Add calendar = "ID", user = "ID" or team = "ID".')
        return self


CalendarSettings = LeadConnectorCalendar | LeadConnectorV1Calendar | LeadSquaredCalendar

PLATFORMS: Mapping[str, tuple[type[SystemSettings], type[CalendarSettings]]] = {
    "leadsquared": (LeadSquaredSystem, LeadSquaredCalendar),
    "leadconnector": (LeadConnectorSystem, LeadConnectorCalendar),
    "leadconnector-v1": (LeadConnectorV1System, LeadConnectorV1Calendar),
}
"""For each ``type``: the settings of a system, and of a calendar in it."""


class ProviderSettings(SettingsTable):
    """A person, room or piece of equipment, and its calendar in each system (by system name).

    ``capacity`` is the number of simultaneous meetings (for equipment: the number of pieces).
    ``all_day`` says what all-day events without a customer close; this setting overrides that of
    the system, which overrides that of ``[syncd]``.
    """

    kind: Literal["person", "room", "equipment"] = "person"
    zone: ZoneName | None = None
    hours: WorkingHours | None = None
    capacity: Annotated[StrictInt, Field(ge=1)] = 1
    all_day: AllDayPolicy | None = None
    calendars: dict[str, CalendarSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_things_are_resources(self) -> Self:
        for system, calendar in self.calendars.items():
            resource = getattr(calendar, "resource", None)
            kind = "room" if str(resource).startswith("rooms/") else "equipment"
            if resource is not None and self.kind != kind:
                reason = f'"{resource}" does not fit a provider of kind = "{self.kind}"'
                remedy = f'Write kind = "{kind}" in the provider\'s table.'
                raise InvalidValueError(reason, remedy, under=("calendars", system, "resource"))
        return self


class NextFreeSettings(SettingsTable):
    """The search of ``next-free``: the distance from the wanted start, and the step."""

    within: Annotated[timedelta, duration_between("5m", "14d")] = timedelta(hours=4)
    step: Annotated[timedelta, duration_between("5m", "1d")] = timedelta(minutes=15)


class OverrideSettings(SettingsTable):
    """An exception to the rules by provider, system and kind; an absent key means any."""

    choice: Text
    provider: Text | None = None
    system: Text | None = None
    kind: Text | None = None


class RulesSettings(SettingsTable):
    """The rules for conflicts (docs/design.md#policy); ``prefer`` is the tie-break of all rules.

    The first matching ``override`` wins.
    """

    prefer: tuple[str, ...] = ()
    moved_apart: Literal[Choice.LATEST, Choice.PREFER, Choice.HOLD] = Choice.LATEST
    moved_and_cancelled: Literal[Choice.CANCEL, Choice.MOVE, Choice.HOLD] = Choice.CANCEL
    twin_deleted: Literal[Choice.CANCEL, Choice.KEEP, Choice.HOLD] = Choice.CANCEL
    block_edited: Literal[Choice.RESTORE, Choice.RESCHEDULE, Choice.RELEASE] = Choice.RESTORE
    slot_taken: Literal[Choice.HOLD, Choice.REVERT, Choice.NEXT_FREE] = Choice.HOLD
    double_booked: Literal[Choice.REPORT, Choice.HOLD] = Choice.REPORT
    ambiguous: Literal[Choice.HOLD] = Choice.HOLD
    next_free: NextFreeSettings = NextFreeSettings()
    override: tuple[OverrideSettings, ...] = ()


class GuardSettings(SettingsTable):
    """How many meetings of a calendar may disappear or move at once.

    See promise 7 (docs/design.md#promises).

    The guard stops changes of more than ``count`` meetings that are more than ``share`` of all. It
    also stops at least ``common`` meetings that are the whole calendar and move by one amount, and
    at least ``all`` that are the whole calendar and disappear without a proof by id.
    """

    count: Annotated[StrictInt, Field(ge=0)] = 10
    share: Share = 0.2
    common: Annotated[StrictInt, Field(ge=1)] = 5
    all: Annotated[StrictInt, Field(ge=1)] = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration; ``path`` is its file, None if it was built in code.

    ``provision`` is None if there are no such tables. ``places`` is the file and line of each
    configured rule, by key (``syncd.toml:41``).
    """

    systems: Mapping[str, SystemSettings]
    providers: Mapping[str, ProviderSettings]
    path: Path | None = None
    syncd: General = field(default_factory=General)
    rules: RulesSettings = field(default_factory=RulesSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    provision: ProvisionSettings | None = None
    warnings: tuple[Problem, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
