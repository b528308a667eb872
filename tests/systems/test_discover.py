"""The inventory that each adapter reads from a filled sandbox, and its messages about refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.leadconnector import EmulatedLeadConnector
from syncd.lab.sandbox.leadconnector.associations_api import AssociationRecord
from syncd.lab.sandbox.leadsquared.records import Category
from syncd.lab.sandbox.scenario import Clinic, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import UserState
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.inventory import SystemInventory
from syncd.systems.leadconnector.members import MAX_NAMES
from tests.systems.scripted import FakeClock

Adapter = leadconnector.LeadConnector | leadconnector_v1.LeadConnectorV1 | leadsquared.LeadSquared


@dataclass
class UnmappedAccounts:
    """The filled sandbox, and adapters that have credentials but no mapping."""

    world: Clinic
    told: list[str] = field(default_factory=list)
    opened: list[Adapter] = field(default_factory=list)

    async def clinic(self, *, location_id: str = "", token: str = "") -> SystemInventory:
        clinic = self.world.sandbox.clinic
        account = leadconnector.Account(
            base_url=self.world.sandbox.urls["clinic"],
            location_id=location_id or clinic.location_id,
            token=token or clinic.token,
        )
        return await self._read(leadconnector.LeadConnector("clinic", account, {}, FakeClock()))

    async def legacy(self, key: str = "") -> SystemInventory:
        sandbox = self.world.sandbox
        account = leadconnector_v1.Account(
            base_url=sandbox.urls["legacy"], api_key=key or sandbox.legacy.token
        )
        return await self._read(
            leadconnector_v1.LeadConnectorV1("legacy", account, {}, FakeClock())
        )

    async def crm(self, *, access_key: str = "", base_url: str = "") -> SystemInventory:
        crm = self.world.sandbox.crm
        account = leadsquared.Account(
            base_url=base_url or self.world.sandbox.urls["crm"],
            access_key=access_key or crm.access_key,
            secret_key=crm.secret_key,
        )
        return await self._read(leadsquared.LeadSquared("crm", account, {}, FakeClock()))

    def account(self, system: str) -> Adapter:
        """Return an adapter with alice mapped by user."""
        sandbox, seat = self.world.sandbox, self.world.seed_users[system, "alice"]
        if system == "clinic":
            v2 = leadconnector.Account(
                base_url=sandbox.urls["clinic"],
                location_id=sandbox.clinic.location_id,
                token=sandbox.clinic.token,
            )
            mapped = {"alice": leadconnector.CalendarMapping(user=seat.user)}
            return leadconnector.LeadConnector("clinic", v2, mapped, FakeClock())
        v1 = leadconnector_v1.Account(base_url=sandbox.urls["legacy"], api_key=sandbox.legacy.token)
        member = {"alice": leadconnector_v1.CalendarMapping(user=seat.user)}
        return leadconnector_v1.LeadConnectorV1("legacy", v1, member, FakeClock())

    async def _read(self, adapter: Adapter) -> SystemInventory:
        try:
            return await adapter.discover(self.told.append)
        finally:
            await adapter.aclose()


@pytest.fixture
async def accounts() -> AsyncIterator[UnmappedAccounts]:
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC), empty=True)
    async with sandbox.serve():
        yield UnmappedAccounts(world)


def associate(clinic: EmulatedLeadConnector) -> None:
    """Create an association between patients and visits."""
    ends = ("contact", "patient", "custom_objects.visits", "visit")
    clinic.associations.all["a1"] = AssociationRecord("a1", "visit", *ends)


def messages(tree: SystemInventory) -> list[tuple[str, str]]:
    return [(f.level, f.message) for f in tree.findings]


async def test_a_v2_location_shows_its_whole_tree(accounts: UnmappedAccounts) -> None:
    clinic, seat = accounts.world.sandbox.clinic, accounts.world.seed_users["clinic", "alice"]
    at = (seat.calendar,)
    clinic.resources.add("rooms", "yoga room", calendars=at, capacity=85)
    clinic.resources.add("equipments", "laser", calendars=at, quantity=3, out_of_service=1)
    associate(clinic)
    tree = await accounts.clinic()
    assert (tree.account, tree.name, tree.zone) == (clinic.location_id, "clinic", "Europe/Berlin")
    assert (tree.users[0].name, tree.users[0].email) == ("Alice", "alice@example.com")
    first = next(c for c in tree.calendars if c.id == seat.calendar)
    assert (first.name, first.type, first.users) == ("Alice's calendar", "personal", (seat.user,))
    assert [g.name for g in tree.groups] == ["Staff"]
    assert first.group == tree.groups[0].id
    room, laser = tree.resources
    assert (room.kind, room.name, room.capacity) == ("room", "yoga room", 85)
    assert (laser.kind, laser.quantity, laser.out_of_service) == ("equipment", 3, 1)
    assert room.calendars == laser.calendars == (seat.calendar,)
    assert room.id in clinic.resources.all
    (visit,) = tree.associations
    assert (visit.key, visit.first_key, visit.second_label) == ("visit", "contact", "visit")
    assert tree.findings == ()
    assert accounts.told == [
        "location", "calendars", "groups", "users", "rooms", "equipment", "associations",
    ]  # fmt: skip


async def test_more_rooms_than_a_page_holds_are_all_found_once(accounts: UnmappedAccounts) -> None:
    for number in range(230):
        accounts.world.sandbox.clinic.resources.add("rooms", f"room {number}")
    names = [room.name for room in (await accounts.clinic()).resources]
    assert names == [f"room {number}" for number in range(230)]


async def test_a_v1_location_shows_teams_with_members_services_and_users(
    accounts: UnmappedAccounts,
) -> None:
    seat = accounts.world.seed_users["legacy", "bob"]
    tree = await accounts.legacy()
    legacy = accounts.world.sandbox.legacy
    assert (tree.account, tree.name, tree.zone) == (legacy.location_id, "legacy", "Europe/Berlin")
    (team,) = tree.groups
    assert team.name == "Staff"
    assert set(team.users) == {u.id for u in tree.users}
    service = next(c for c in tree.calendars if c.id == seat.calendar)
    assert (service.type, service.users, service.group) == ("service", (seat.user,), team.id)
    assert tree.findings == ()


async def test_an_account_shows_users_with_zone_and_status_and_what_fits_busy_time(
    accounts: UnmappedAccounts,
) -> None:
    crm = accounts.world.sandbox.crm
    crm.shows_conflicts = True
    crm.add_user("Dora Old", "dora@example.com")
    crm.deactivate("dora@example.com")
    crm.add_user("Eve Far", "eve@example.com", timezone="Asia/Kolkata", phone="+91 98765 43210")
    crm.add_type("Form", mandatory=["mx_Custom_7"], allow_conflicts=False)
    crm.add_type("Loose", allow_conflicts=True)
    crm.add_type("Call", Category.TO_DO)
    tree = await accounts.crm()
    users = {u.email: u for u in tree.users}
    assert (users["eve@example.com"].zone, users["alice@example.com"].zone) == (
        "Asia/Kolkata",
        "Europe/Berlin",
    )
    assert users["eve@example.com"].phone == "+91 98765 43210"
    assert [email for email, user in users.items() if not user.active] == ["dora@example.com"]
    types = {t.name: t for t in tree.types}
    assert set(types) == {"Consultation", "Busy", "Form", "Loose"}
    assert types["Busy"].unfit == types["Busy"].unknown == ()
    assert types["Form"].unfit == ("mandatory custom field mx_Custom_7",)
    assert "Allow Conflicts" in types["Loose"].unfit[0]
    assert [c.method for c in crm.calls] == ["GET", "GET", "POST", "GET"]


async def test_properties_of_a_type_that_the_api_omits_are_unknown(
    accounts: UnmappedAccounts,
) -> None:
    types = {t.name: t for t in (await accounts.crm()).types}
    assert types["Busy"].unknown == ("Allow Conflicts is off",)


async def test_a_missing_scope_is_named_and_the_rest_is_still_read(
    accounts: UnmappedAccounts,
) -> None:
    clinic = accounts.world.sandbox.clinic
    clinic.scopes = frozenset({"locations.readonly", "calendars.readonly", "users.readonly"})
    tree = await accounts.clinic()
    assert tree.opened
    assert len(tree.users) == len(tree.calendars) == 3
    assert {level for level, _ in messages(tree)} == {"warning"}
    missing = {message.split("scope ")[1] for _, message in messages(tree)}
    assert missing == {
        "calendars/groups.readonly", "calendars/resources.readonly", "associations.readonly",
    }  # fmt: skip
    assert all("Private Integrations" in f.remedy for f in tree.findings)


async def test_without_the_scope_for_users_nobody_can_be_mapped(accounts: UnmappedAccounts) -> None:
    accounts.world.sandbox.clinic.scopes = frozenset({"locations.readonly", "calendars.readonly"})
    tree = await accounts.clinic()
    assert not tree.opened
    assert [f.subject for f in tree.findings if f.level == "error"] == ["clinic: users"]


async def test_a_token_for_another_location_has_its_own_message(accounts: UnmappedAccounts) -> None:
    (other,) = (await accounts.clinic(location_id="elsewhere")).findings
    assert "another location than elsewhere" in other.message
    assert "location_id" in other.remedy
    (old,) = (await accounts.clinic(token="eyJ-old")).findings
    assert "not accepted" in old.message
    assert "v1 API key" in old.remedy
    (wrong,) = (await accounts.clinic(token="pit-wrong")).findings
    assert "not accepted" in wrong.message
    assert "pit-wrong" not in str(wrong)


async def test_a_key_with_many_locations_is_reported_as_an_agency_key(
    accounts: UnmappedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = accounts.world.sandbox.legacy
    monkeypatch.setattr(legacy, "more_locations", ({"id": "b", "name": "B"},))
    (finding,) = (await accounts.legacy()).findings
    assert "can access 2 locations" in finding.message
    assert "api_key" in finding.remedy


async def test_a_v2_token_in_place_of_a_v1_key_is_recognised(accounts: UnmappedAccounts) -> None:
    (v2,) = (await accounts.legacy("pit-12345678")).findings
    assert "v2 token" in v2.message
    (wrong,) = (await accounts.legacy("nonsense")).findings
    assert "not accepted" in wrong.message
    assert wrong.remedy != v2.remedy


async def test_a_wrong_region_shows_the_right_host_and_does_not_follow_it(
    accounts: UnmappedAccounts,
) -> None:
    crm = accounts.world.sandbox.crm
    crm.home_host = "api-us11.leadsquared.com"
    tree = await accounts.crm()
    (region,) = tree.findings
    assert "is served by api-us11.leadsquared.com, not by 127.0.0.1" in region.message
    assert "https://api-us11.leadsquared.com/v2" in region.remedy
    assert "does not call that host" in region.remedy
    assert not tree.opened
    assert tree.users == ()


async def test_wrong_keys_and_a_wrong_path_have_their_own_messages(
    accounts: UnmappedAccounts,
) -> None:
    (keys,) = (await accounts.crm(access_key="u$r-wrong")).findings
    assert "keys are not accepted" in keys.message
    base = accounts.world.sandbox.urls["crm"].removesuffix("/v2")
    (path,) = (await accounts.crm(base_url=base)).findings
    assert "not the address of a LeadSquared API" in path.message
    assert "/v2" in path.remedy


@pytest.mark.parametrize("system", ["crm", "clinic", "legacy"])
async def test_a_system_that_cannot_be_reached_is_one_finding(
    accounts: UnmappedAccounts, system: str
) -> None:
    accounts.world.sandbox.urls[system] = "http://127.0.0.1:9"
    tree = await getattr(accounts, system)()
    (finding,) = tree.findings
    assert finding.level == "error"
    assert "cannot be reached" in finding.remedy


HIDDEN = Fault(FaultKind.EMPTY, path=".*[Uu]sers.*")
"""There are users, but the user list is empty."""


async def test_an_empty_list_of_users_on_v2_falls_back_to_team_members_with_names(
    accounts: UnmappedAccounts,
) -> None:
    clinic = accounts.world.sandbox.clinic
    everybody = (await accounts.clinic()).users
    clinic.faults.add(HIDDEN)
    tree = await accounts.clinic()
    assert {u.id: (u.name, u.email) for u in tree.users} == {
        u.id: (u.name, u.email) for u in everybody
    }
    assert (tree.opened, tree.users_listed) == (True, False)
    (finding,) = tree.findings
    assert (finding.level, finding.subject) == ("warning", "clinic: users")
    assert "team members of the calendars" in finding.message


async def test_members_whose_names_cannot_be_read_are_known_by_id(
    accounts: UnmappedAccounts,
) -> None:
    clinic = accounts.world.sandbox.clinic
    clinic.faults.add(HIDDEN)
    clinic.staff.shows_by_id = False
    calls = len(clinic.calls)
    tree = await accounts.clinic()
    seats = {accounts.world.seed_users["clinic", who].user for who in ("alice", "bob", "carol")}
    assert {(u.id, u.name) for u in tree.users} == {(user, "") for user in seats}
    assert sum("/users/" in c.path for c in clinic.calls[calls:]) == 2  # the list, and one of them


async def test_names_of_a_large_team_are_asked_for_in_bounds(accounts: UnmappedAccounts) -> None:
    clinic = accounts.world.sandbox.clinic
    clinic.limit = None
    users = [clinic.add_user(f"User {n}", f"u{n}@example.com") for n in range(60)]
    clinic.add_calendar("All", users=users)
    clinic.faults.add(HIDDEN)
    tree = await accounts.clinic()
    assert len(tree.users) == 63
    assert sum(c.path.startswith("/users/") for c in clinic.calls) == 1 + MAX_NAMES


async def test_an_empty_list_of_users_on_v1_falls_back_to_teams_and_services(
    accounts: UnmappedAccounts,
) -> None:
    legacy = accounts.world.sandbox.legacy
    everybody = {u.id: u.name for u in (await accounts.legacy()).users}
    legacy.faults.add(HIDDEN)
    tree = await accounts.legacy()
    assert {u.id: u.name for u in tree.users} == everybody
    assert not tree.users_listed
    assert "team members" in tree.findings[0].message


@pytest.mark.parametrize("system", ["crm", "clinic", "legacy"])
async def test_an_account_with_an_empty_user_list_is_opened_with_a_warning(
    accounts: UnmappedAccounts, system: str
) -> None:
    platform = accounts.world.sandbox.systems[system]
    platform.faults.add(HIDDEN)
    accounts.world.sandbox.clinic.calendars.clear()
    accounts.world.sandbox.legacy.calendars.clear()
    accounts.world.sandbox.legacy.groups.clear()
    tree = await getattr(accounts, system)()
    assert (tree.opened, tree.users, tree.users_listed) == (True, (), False)
    assert any("syncd cannot tell" in f.message for f in tree.findings)


@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_team_members_are_no_proof_that_a_user_exists(
    accounts: UnmappedAccounts, system: str
) -> None:
    accounts.world.sandbox.systems[system].faults.add(HIDDEN)
    account = accounts.account(system)
    try:
        found = await account.users()
    finally:
        await account.aclose()
    assert (found.listed, found.users) == (False, frozenset())
    assert found.state_of("alice") is UserState.UNKNOWN
