"""Control characters are refused wherever a text for a platform can be configured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from syncd.config import fields
from syncd.config.load import load
from syncd.config.problems import ConfigError, Problem
from tests.config.test_provision import ASSOCIATION, HEAD, ROOM, SERVICE

EQUIPMENT = '[[provision.equipment]]\nsystem = "clinic"\nname = "laser"\n'
TEAM = """\
[[provision.teams]]
system = "legacy"
name = "T"
users = ["alice@example.com"]
calendar = { name = "C", slug = "c" }
"""
OBJECT = """\
[[provision.objects]]
system = "clinic"
key = "custom_objects.x"
singular = "S"
plural = "P"
"""
LINES = ("\\n", "\\r", "\\u2028", "\\u2029", "\\u0085")
OTHERS = ("\\t", "\\u0000", "\\u001b", "\\u202e", "\\u200b", "\\ufeff", "\\u00ad")


def problem(tmp_path: Path, text: str) -> Problem:
    """The only thing that is wrong with a configuration."""
    path = tmp_path / "syncd.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load(path, {"A": "secret"})
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize("letter", [*LINES, *OTHERS])
@pytest.mark.parametrize("system", ["crm", "clinic", "legacy"])
def test_a_block_title_with_a_control_character_is_refused_with_its_place(
    tmp_path: Path, system: str, letter: str
) -> None:
    table = f"[systems.{system}]\n"
    found = problem(tmp_path, HEAD.replace(table, f'{table}title = "Bu{letter}sy"\n'))
    assert found.key.endswith("title")
    assert found.line == HEAD.split(table, maxsplit=1)[0].count("\n") + 2
    assert "control character (U+" in found.reason
    assert "one line of plain text" in found.remedy


@pytest.mark.parametrize(
    ("more", "old", "new", "key"),
    [
        (ROOM, '"yoga"', '"yo{}ga"', "name"),
        (ROOM, '"yoga"\n', '"yoga"\ncalendars = ["A{}B"]\n', "calendars"),
        (EQUIPMENT, '"laser"', '"la{}ser"', "name"),
        (ASSOCIATION.replace("lead", "contact"), 'label = "L"', 'label = "L{}L"', "label"),
        (OBJECT, '"S"', '"S{}S"', "singular"),
        (OBJECT, '"P"', '"P{}P"', "plural"),
        (TEAM, '"T"', '"T{}T"', "name"),
        (TEAM, '"C"', '"C{}C"', "name"),
        (SERVICE, '"N"', '"N{}N"', "name"),
        (SERVICE, 'slug = "n"', 'slug = "n"\nappointment_title = "a{}b"', "appointment_title"),
    ],
)
@pytest.mark.parametrize("letter", ["\\n", "\\t", "\\u2028", "\\u202e"])
def test_a_name_for_a_platform_with_a_control_character_is_refused(
    tmp_path: Path, more: str, old: str, new: str, key: str, letter: str
) -> None:
    found = problem(tmp_path, HEAD + more.replace(old, new.format(letter)))
    assert key in found.key
    assert "control character" in found.reason


@pytest.mark.parametrize(
    ("more", "new", "key"),
    [
        (ROOM, 'description = "a{}b"\n', "description"),
        (SERVICE, 'description = "a{}b"\n', "description"),
        (SERVICE, 'confirmation = {{ notes = "a{}b" }}\n', "notes"),
        (SERVICE, 'confirmation = {{ content = "a{}b" }}\n', "content"),
    ],
)
@pytest.mark.parametrize("letter", OTHERS)
def test_a_note_may_have_lines_and_no_other_control_character(
    tmp_path: Path, more: str, new: str, key: str, letter: str
) -> None:
    found = problem(tmp_path, HEAD + more + new.format(letter))
    assert key in found.key
    assert "control character" in found.reason
    path = tmp_path / "syncd.toml"
    path.write_text(HEAD + more + new.format("\\n"))
    assert load(path, {"A": "secret"}).provision is not None


def test_the_contact_of_holds_has_no_control_character(tmp_path: Path) -> None:
    table = "[systems.legacy]\n"
    said = f'{table}blocks = "hold"\nhold_email = "ho\\u0000ld@example.com"\n'
    found = problem(tmp_path, HEAD.replace(table, said))
    assert "hold_email" in found.key


@pytest.mark.parametrize(
    "title",
    [
        "Besetzt (\u00e4rztlich)",
        "\U0001f469\u200d\u2695\ufe0f",
        "\u0645\u06cc\u200c\u062e",
        "\u4e88",
    ],
)
def test_joined_emojis_and_other_scripts_are_text(tmp_path: Path, title: str) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text(HEAD.replace("[systems.crm]\n", f'[systems.crm]\ntitle = "{title}"\n'))
    path.chmod(0o600)
    assert load(path, {"A": "secret"}).systems["crm"].title == title


def test_planted_a_check_for_line_breaks_only_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_breaks = SimpleNamespace(category=lambda letter: "Cc" if letter == "\n" else "Lu")
    monkeypatch.setattr(fields, "unicodedata", only_breaks)
    with pytest.raises(pytest.fail.Exception):
        test_a_block_title_with_a_control_character_is_refused_with_its_place(
            tmp_path, "clinic", "\\u2028"
        )
