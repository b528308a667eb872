"""The settings: what a configuration says once it has been read and found right."""

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
    span,
)
from syncd.config.hours import WorkingHours
from syncd.config.listen import Heartbeat, Listen
from syncd.config.problems import InvalidValueError, Problem
from syncd.config.statuses import StatusWords
from syncd.core.rules import Choice
from syncd.model.all_day import AllDay

if TYPE_CHECKING:
    from syncd.config.provision import ProvisionSettings


AllDayPolicy = Literal[AllDay.BUSY, AllDay.IGNORE, AllDay.HOURS]


class WindowSettings(SettingsTable):
    """How far back and ahead of now the whole window reaches."""

    past: Annotated[timedelta, span("0s", "366d")] = timedelta(days=1)
    future: Annotated[timedelta, span("1h", "366d")] = timedelta(days=60)


class NearSettings(SettingsTable):
    """How often the near window is read, and how far ahead of now it reaches."""

    every: Annotated[timedelta, span("5s", "1d")] = timedelta(seconds=60)
    ahead: Annotated[timedelta, span("1h", "366d")] = timedelta(days=2)


class FarSettings(SettingsTable):
    """How often the whole window is read."""

    every: Annotated[timedelta, span("1m", "7d")] = timedelta(minutes=15)


class LogSettings(SettingsTable):
    """How the log looks; ``auto`` is text on a terminal and JSON elsewhere."""

    format: Literal["auto", "text", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class SlotsSettings(SettingsTable):
    """How often the systems are asked for free slots."""

    every: Annotated[timedelta, span("1m", "7d")] = timedelta(minutes=15)


class HistorySettings(SettingsTable):
    """How long history is kept in full; after that it is compacted."""

    keep: Annotated[timedelta, span("1d", "3660d")] = timedelta(days=180)


class General(SettingsTable):
    """``[syncd]``. ``resync_at`` is a time of day in ``zone``; ``hours`` are the usual ones.

    ``state`` is an absolute path (from a file: relative to that file) or an SQLAlchemy URL, which
    may hold a password and is therefore not shown. ``listen`` is where the daemon serves its
    health and metrics, ``heartbeat`` an address that hears of each whole cycle; both off if absent.
    ``longest`` is how long before the window an event that still runs may have begun to be found.
    ``ca_file`` holds certificates of authorities that are trusted besides the well-known ones.
    ``mode = "observe"`` reads and decides, and writes nothing to any system.
    ``env_file`` holds environment variables that the environment itself does not set, one
    NAME=value a line, for secrets that name them.
    """

    env_file: Text | None = None

    state: State = Field(default="state/syncd.db", validate_default=True, repr=False)
    window: WindowSettings = WindowSettings()
    near: NearSettings = NearSettings()
    far: FarSettings = FarSettings()
    longest: Annotated[timedelta, span("1d", "366d")] = timedelta(days=60)
    slots: SlotsSettings = SlotsSettings()
    history: HistorySettings = HistorySettings()
    resync_at: TimeOfDay = time(3, 30)
    zone: ZoneName = "UTC"
    hours: WorkingHours = Field(default="06:00-22:00", validate_default=True)
    log: LogSettings = LogSettings()
    listen: Listen | None = None
    heartbeat: Heartbeat | None = None
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
            reason = "the whole window would be read more often than the near one"
            raise InvalidValueError(
                reason, "Raise far.every, or lower near.every.", under=("far", "every")
            )
        return self

    @property
    def state_path(self) -> Path:
        """The file of the database."""
        if "://" not in self.state:
            return Path(self.state)
        from syncd.config.urls import sqlite_file  # noqa: PLC0415 - only URLs need SQLAlchemy

        return sqlite_file(self.state) or Path(self.state)


class LeadSquaredSystem(SettingsTable):
    """A LeadSquared account; the fields are those of its adapter's ``Account``."""

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
    """Whether bookings elsewhere are tied to their contacts, and by which association.

    ``object`` is the custom object whose records stand for bookings, ``field`` the property of it
    that holds the booking's id; both and the association itself are what `provision` makes.
    """

    on: StrictBool = False
    key: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "external_bookings"
    object: Annotated[str, Field(pattern=r"^custom_objects\.[a-z0-9_]+$")] = (
        "custom_objects.external_booking"
    )
    field: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "external_id"


class LeadConnectorSystem(SettingsTable):
    """A LeadConnector v2 location; the fields are those of its adapter's ``Account``."""

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
    """A LeadConnector v1 location; the fields are those of its adapter's ``Account``."""

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
            reason = 'blocks = "hold" books for a contact, and none is named'
            remedy = 'Add hold_email, an address of your own, or write blocks = "event".'
            raise InvalidValueError(reason, remedy, under=("hold_email",))
        return self


SystemSettings = LeadSquaredSystem | LeadConnectorSystem | LeadConnectorV1System


class LeadSquaredCalendar(SettingsTable):
    """A user, by e-mail address."""

    user: Email
    write: StrictBool = True


class LeadConnectorCalendar(SettingsTable):
    """A user id, calendar ids, or both.

    ``calendar`` is a short way to write a single one; ``calendars`` holds that one, too.
    ``resource`` is a room or equipment instead: ``rooms/yoga room``, ``equipment/laser``.
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
            reason = "it names a room or equipment, and a user or calendar besides"
            raise InvalidValueError(reason, "Leave one of them out; each is a provider of its own.")
        if not (self.user or self.calendars or self.resource):
            reason = "it names neither a user nor a calendar"
            raise InvalidValueError(reason, 'Add user = "ID", calendars = ["ID"], or both.')
        return self


class LeadConnectorV1Calendar(SettingsTable):
    """A calendar (service) id, a user id, a team id, or several of them."""

    calendar: Text | None = None
    user: Text | None = None
    team: Text | None = None
    write: StrictBool = True

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.calendar or self.user or self.team):
            reason = "it names no calendar, no user and no team"
            raise InvalidValueError(reason, 'Add calendar = "ID", user = "ID" or team = "ID".')
        return self


CalendarSettings = LeadConnectorCalendar | LeadConnectorV1Calendar | LeadSquaredCalendar

PLATFORMS: Mapping[str, tuple[type[SystemSettings], type[CalendarSettings]]] = {
    "leadsquared": (LeadSquaredSystem, LeadSquaredCalendar),
    "leadconnector": (LeadConnectorSystem, LeadConnectorCalendar),
    "leadconnector-v1": (LeadConnectorV1System, LeadConnectorV1Calendar),
}
"""For each ``type``: what its system's table holds, and what a calendar's in it."""


class ProviderSettings(SettingsTable):
    """A person, room or piece of equipment, and its calendar in each system (by system name).

    ``capacity`` is how many meetings it may have at one time (equipment: how many there are).
    ``all_day`` is what all-day events without a customer close; it wins over that of a system,
    which wins over that of ``[syncd]``.
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
            sort = "room" if str(resource).startswith("rooms/") else "equipment"
            if resource is not None and self.kind != sort:
                reason = f'the provider is a {self.kind}, and "{resource}" is none'
                remedy = f'Write kind = "{sort}" in the provider\'s table.'
                raise InvalidValueError(reason, remedy, under=("calendars", system, "resource"))
        return self


class NextFreeSettings(SettingsTable):
    """Where ``next-free`` looks: how far from the wanted start, and in which steps from it."""

    within: Annotated[timedelta, span("5m", "14d")] = timedelta(hours=4)
    step: Annotated[timedelta, span("5m", "1d")] = timedelta(minutes=15)


class OverrideSettings(SettingsTable):
    """An exception to the rules, by provider, system and kind; what is not named means any."""

    choice: Text
    provider: Text | None = None
    system: Text | None = None
    kind: Text | None = None


class RulesSettings(SettingsTable):
    """What decides a conflict (docs/design.md#policy); ``prefer`` is the tie-break of all.

    Of ``override`` the first that matches wins.
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
    """How many meetings of a calendar may vanish or move at once (promise 7).

    More than ``count`` and more than ``share`` of them are stopped; so are ``common`` or more that
    are all of them and move by one amount, and ``all`` or more that are all of them and vanish
    without a proof by id.
    """

    count: Annotated[StrictInt, Field(ge=0)] = 10
    share: Share = 0.2
    common: Annotated[StrictInt, Field(ge=1)] = 5
    all: Annotated[StrictInt, Field(ge=1)] = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration; ``path`` is the file it came from, None if from none.

    ``provision`` is None where nothing of it is stated. ``places`` tells where each rule that is
    said in the file stands (``syncd.toml:41``).
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
