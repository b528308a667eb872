"""`[[provision.…]]`: each error is reported with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.problems import ConfigError
from syncd.config.settings import Settings

HEAD = """\
[systems.crm]
type = "leadsquared"
base_url = "https://crm.example.com/v2"
access_key = { env = "A" }
secret_key = { env = "A" }
[systems.clinic]
type = "leadconnector"
location_id = "L"
token = { env = "A" }
[systems.legacy]
type = "leadconnector-v1"
api_key = { env = "A" }
[providers.alice.calendars]
crm = { user = "alice@example.com" }
clinic = { user = "U" }
legacy = { user = "V" }
"""
ROOM = '[[provision.rooms]]\nsystem = "clinic"\nname = "yoga"\n'
SERVICE = """\
[[provision.services]]
system = "legacy"
team = "T"
name = "N"
slug = "n"
members = [{ user = "alice@example.com" }]
hours = { monday = ["09:00-17:00"] }
"""
ASSOCIATION = """\
[[provision.associations]]
system = "clinic"
key = "k"
first = { object = "lead", label = "L" }
second = { object = "contact", label = "C" }
"""


def read(tmp_path: Path, more: str) -> Settings:
    """Load a configuration with this at its end, which begins in line 17."""
    path = tmp_path / "syncd.toml"
    path.write_text(HEAD + more)
    path.chmod(0o600)
    return load(path, {"A": "secret"})


def test_nothing_need_be_stated(tmp_path: Path) -> None:
    assert read(tmp_path, "").provision is None


def test_defaults_fill_in_what_the_platforms_demand(tmp_path: Path) -> None:
    found = read(tmp_path, ROOM + SERVICE).provision
    assert found is not None
    assert (found.rooms[0].quantity, found.rooms[0].out_of_service) == (1, 0)
    assert found.services[0].hours == {"monday": ((9, 0, 17, 0),)}
    assert found.services[0].confirmation.auto_confirm


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        (ROOM + ROOM, 22, '"yoga" of clinic is defined twice'),
        (ROOM.replace("clinic", "clinik"), 18, 'Did you mean "clinic"?'),
        (ROOM.replace("clinic", "crm"), 18, "crm is of type leadsquared, which has no rooms"),
        (ROOM.replace("clinic", "legacy"), 18, "Name a system of type leadconnector: clinic"),
        (ROOM + ROOM.replace("yoga", "hall") + "size = 3\n", 23, "unknown key"),
        (ROOM + 'capacity = "12"\n', 20, "not a whole number"),
        (ROOM + "quantity = -1\n", 20, "too small. Write 0 or more"),
        (ROOM + f"calendars = {['C'] * 101}\n", 20, "at most 100"),
        (
            '[[provision.equipment]]\nsystem = "clinic"\nname = "e"\nout_of_service = 2\n',
            20,
            "out_of_service is larger than quantity",
        ),
        (
            '[[provision.equipment]]\nsystem = "clinic"\nname = "e"\ncalendars = ["a", "b"]\n',
            20,
            "unknown key",
        ),
        (SERVICE.replace("17:00", "08:00"), 23, "the closing time is not after"),
        (
            SERVICE.replace("09:00-17:00", "all day"),
            23,
            'Write the opening and the closing time: "09',
        ),
        (SERVICE + "slot = { duration = 25 }\n", 24, "Write one of 10, 15, 20"),
        (SERVICE + 'color = "Red"\n', 24, '"Red" is not an allowed value'),
        (SERVICE.replace('slug = "n"', 'slug = "N!"'), 21, "lowercase letters, digits and - only"),
        (SERVICE.replace("members", "member"), 22, "unknown key"),
        (
            SERVICE.replace('user = "alice@example.com"', 'priority = "Top"'),
            22,
            '"Top" is not an allowed value',
        ),
        (
            ASSOCIATION,
            20,
            'Write "contact" or "custom_objects.NAME"',
        ),
        ("[[provision.halls]]\n", 17, "unknown key"),
        ("[provision]\nrooms = 3\n", 18, "not a list"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, more: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, more)
    told = [str(problem) for problem in caught.value.problems]
    assert any(f"syncd.toml:{line}:" in each and said in each for each in told), told


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            'kind = "room"\ncalendars = { clinic = { resource = "hall" } }',
            'Write "rooms/NAME" or "equipment/NAME"',
        ),
        (
            'calendars = { clinic = { resource = "rooms/hall" } }',
            '"rooms/hall" does not fit a provider',
        ),
        (
            'kind = "room"\ncalendars = { clinic = { resource = "rooms/hall", user = "U" } }',
            "the line names both a resource and a user or calendar",
        ),
    ],
)
def test_a_provider_that_is_no_such_thing_is_told(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[providers.hall]\n{table}\n")
    assert said in str(caught.value)


def test_a_room_belongs_to_one_provider(tmp_path: Path) -> None:
    table = 'kind = "room"\ncalendars = { clinic = { resource = "rooms/hall" } }\n'
    with pytest.raises(ConfigError, match='already belongs to provider "hall"'):
        read(tmp_path, f"[providers.hall]\n{table}[providers.again]\n{table}")
