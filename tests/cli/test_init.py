"""`syncd init` at a real terminal, and with a file of answers; what it leaves is tried for real."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.sandbox import Fault, FaultKind
from tests.cli.conftest import Desk
from tests.cli.typist import Typist

pytestmark = pytest.mark.sockets

Sit = Callable[..., Typist]


@pytest.fixture
def sit(desk: Desk) -> Iterator[Sit]:
    """Sit down at a terminal in a folder that has no configuration yet."""
    desk.path.unlink()
    sitting: list[Typist] = []

    def start(*arguments: str, **env: str) -> Typist:
        sitting.append(Typist(desk.path.parent, *arguments, elsewhere=None, **env))
        return sitting[-1]

    yield start
    for typist in sitting:
        typist.kill()


def enter_all(typist: Typist, desk: Desk) -> None:
    """Enter the three systems of the sandbox."""
    sandbox = desk.world.sandbox
    typist.reads("Add a system:")
    typist.answers("Choose", "1")
    typist.answers("Where are credentials kept?")
    typist.answers("Environment file")
    typist.answers("Call it [crm]")
    typist.answers("Number, or the address", sandbox.urls["crm"])
    typist.answers("access key (not shown): ", sandbox.crm.access_key)
    typist.answers("secret key (not shown): ", sandbox.crm.secret_key)
    typist.reads("Add another system:")
    typist.answers("Choose", "2")
    typist.answers("Call it [clinic]")
    typist.answers("Address of the API", sandbox.urls["clinic"])
    typist.answers("Location id", sandbox.clinic.location_id)
    typist.answers("Private Integration token (not shown): ", sandbox.clinic.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "3")
    typist.answers("Call it [legacy]")
    typist.answers("Address of the API", sandbox.urls["legacy"])
    typist.answers("location API key (not shown): ", sandbox.legacy.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "0")


def test_a_whole_session_ends_in_a_configuration_that_syncs(desk: Desk, sit: Sit) -> None:
    world, sandbox = desk.world, desk.world.sandbox
    typist = sit("init")
    enter_all(typist, desk)
    typist.reads("crm · LeadSquared")
    typist.reads("New provider alice")
    typist.reads("same e-mail alice@example.com, in clinic, crm, legacy")
    typist.answers("[y]es, [n]o, [e]dit", "y")
    typist.reads("New provider bob")
    typist.answers("[y]es, [n]o, [e]dit", "n")
    typist.reads("New provider carol")
    typist.answers("[y]es, [n]o, [e]dit", "e")
    typist.answers("Call it [carol]", "caro")
    typist.answers("Who is caro in crm?")
    typist.answers("Who is caro in clinic?")
    typist.reads("Who is caro in legacy?")
    typist.answers("Choose", "0")
    typist.answers("Map somebody else by hand?", "n")
    typist.answers("Time zone in which times are shown [Europe/Berlin]")
    typist.reads("written: syncd.env, mode 0600")
    typist.reads("all well")
    typist.reads("writes would be made; this was a dry run")
    assert typist.ends() == 0
    for secret in (sandbox.crm.access_key, sandbox.crm.secret_key, sandbox.clinic.token):
        assert secret not in typist.screen
        assert secret not in desk.path.read_text()
        assert secret in (desk.path.parent / "syncd.env").read_text()
    assert max(map(len, typist.screen.splitlines())) <= 100
    assert stat.S_IMODE((desk.path.parent / "syncd.env").stat().st_mode) == 0o600
    raw = tomllib.loads(desk.path.read_text())
    assert set(raw["providers"]) == {"alice", "caro"}
    assert raw["providers"]["caro"]["calendars"] == {
        "crm": {"user": "carol@example.com"},
        "clinic": {"user": world.seats["clinic", "carol"].user},
    }
    assert not (desk.path.parent / "state" / "syncd.db").exists()
    assert desk.say("resync", "--yes").code == 0
    wrong = " ".join(desk.wrong())
    assert "alice" not in wrong
    assert "bob" in wrong


@pytest.mark.slow
@pytest.mark.prove
def test_a_wrong_token_can_be_entered_again(desk: Desk, sit: Sit) -> None:
    sandbox = desk.world.sandbox
    typist = sit("init")
    typist.answers("Choose", "2")
    typist.reads("Where are credentials kept?")
    typist.answers("Choose", "2")
    typist.answers("Call it [clinic]", "front desk")
    typist.answers("small letters, digits", "front")
    typist.answers("Address of the API", sandbox.urls["clinic"])
    typist.answers("Location id", "elsewhere")
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "0")
    typist.reads("another location than elsewhere")
    typist.answers("Enter front again?", "y")
    typist.answers("Address of the API")
    typist.answers("Location id (in the address bar of the location) [elsewhere]", "nowhere")
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.answers("Enter front again?", "y")
    typist.answers("Address of the API")
    typist.answers("Location id", sandbox.clinic.location_id)
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.reads("Found in one system only")
    typist.answers("Map somebody else by hand?", "y")
    typist.answers("Call it [person]", "alice")
    typist.reads("Who is alice in front?")
    typist.answers("Choose", "1")
    typist.answers("Map somebody else by hand?")
    typist.answers("Time zone", "Europe/Lisbon")
    typist.reads("LoadCredential=front_token:")
    assert typist.ends() == 0
    kept = desk.path.parent / "secrets" / "front_token"
    assert kept.read_text() == sandbox.clinic.token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    settings = load(desk.path, {"CREDENTIALS_DIRECTORY": str(kept.parent)})
    assert settings.syncd.zone == "Europe/Lisbon"
    assert list(settings.providers) == ["alice"]


@pytest.mark.slow
@pytest.mark.prove
def test_names_of_variables_need_no_file_at_all(desk: Desk, sit: Sit) -> None:
    sandbox = desk.world.sandbox
    typist = sit("init", MY_KEY=sandbox.legacy.token)
    typist.answers("Choose", "3")
    typist.reads("Where are credentials kept?")
    typist.answers("Choose", "3")
    typist.answers("Call it [legacy]")
    typist.answers("Address of the API", sandbox.urls["legacy"])
    typist.answers("Environment variable with the location API key", "v1-key with space")
    typist.answers("that is no name of a variable")
    typist.answers("Environment variable", "OTHER_KEY")
    typist.reads("OTHER_KEY is not set here")
    typist.answers("Environment variable", "MY_KEY")
    typist.reads("Add another system:")
    typist.answers("Choose", "0")
    typist.answers("Map somebody else by hand?", "y")
    typist.answers("Call it", "alice")
    typist.answers("Choose", "1")
    typist.answers("Map somebody else by hand?")
    typist.answers("Time zone")
    assert typist.ends() == 0
    assert tomllib.loads(desk.path.read_text())["systems"]["legacy"]["api_key"] == {"env": "MY_KEY"}
    assert sorted(p.name for p in desk.path.parent.iterdir()) == ["syncd.toml"]


@pytest.mark.slow
def test_ctrl_c_writes_nothing(desk: Desk, sit: Sit) -> None:
    typist = sit("init")
    enter_all(typist, desk)
    typist.answers("[y]es, [n]o, [e]dit", "\x03")
    typist.reads("stopped: nothing was written")
    assert typist.ends() == 4
    assert list(desk.path.parent.iterdir()) == []


# --- with a file of answers ---------------------------------------------------------------------


def answers(desk: Desk, *systems: str, top: str = "", providers: str = "") -> Path:
    sandbox = desk.world.sandbox
    tables = {
        "crm": f"""[systems.crm]
type = "leadsquared"
base_url = "{sandbox.urls["crm"]}"
access_key = "{sandbox.crm.access_key}"
secret_key = {{ env = "LSQ" }}
calls_per_5s = 100
""",
        "clinic": f"""[systems.clinic]
type = "leadconnector"
base_url = "{sandbox.urls["clinic"]}"
location_id = "{sandbox.clinic.location_id}"
token = "{sandbox.clinic.token}"
""",
        "legacy": f"""[systems.legacy]
type = "leadconnector-v1"
base_url = "{sandbox.urls["legacy"]}"
api_key = "{sandbox.legacy.token}"
""",
    }
    path = desk.path.parent / "answers.toml"
    path.write_text("\n".join([top, *(tables[s] for s in systems), providers]))
    return path


@pytest.fixture
def bare(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """No configuration yet; one secret is in the environment."""
    desk.path.unlink()
    monkeypatch.setenv("LSQ", desk.world.sandbox.crm.secret_key)
    return desk


def test_a_file_of_answers_does_it_all_without_a_terminal(bare: Desk) -> None:
    said = bare.say("init", "--answers", answers(bare, "crm", "clinic", "legacy"))
    assert said.code == 0, said.err
    assert "all well" in said.out
    assert "writes would be made" in said.out
    assert set(load(bare.path, {}).providers) == {"alice", "bob", "carol"}
    assert bare.say("resync", "--yes").code == 0
    assert bare.wrong() == []


def test_a_second_run_keeps_every_byte(bare: Desk) -> None:
    file = answers(bare, "crm", "clinic", "legacy")
    bare.say("init", "--answers", file)
    edited = bare.path.read_text().replace('kind = "person"', 'kind = "person"   # mine', 1)
    bare.path.write_text(edited)
    env = (bare.path.parent / "syncd.env").read_text()
    said = bare.say("init", "--answers", file)
    assert said.code == 0, said.err
    assert "nothing to add" in said.out
    assert bare.path.read_text() == edited
    assert (bare.path.parent / "syncd.env").read_text() == env


def test_a_system_that_is_added_later_reaches_those_who_are_there(bare: Desk) -> None:
    file = answers(bare, "crm", "clinic", providers="[providers]\nbob = false")
    bare.say("init", "--answers", file)
    assert set(load(bare.path, {}).providers) == {"alice", "carol"}
    before = bare.path.read_text()
    bare.path.write_text(before + "\n# the last word is mine\n")
    said = bare.say("init", "--answers", answers(bare, "legacy"))
    assert said.code == 0, said.err
    text = bare.path.read_text()
    assert "# the last word is mine" in text
    settings = load(bare.path, {})
    assert set(settings.providers) == {"alice", "bob", "carol"}
    for provider in settings.providers.values():
        assert set(provider.calendars) == {"crm", "clinic", "legacy"}
    assert settings.rules.prefer == ("crm", "clinic", "legacy")
    for line in before.splitlines():
        assert line in text or line.startswith("prefer")
    assert bare.say("init", "--answers", answers(bare, "legacy")).code == 0
    assert bare.path.read_text() == text


def test_weaker_grounds_count_only_where_the_answers_accept_them(bare: Desk) -> None:
    sandbox = bare.world.sandbox
    sandbox.clinic.add_user("José Núñez", "private@example.com")
    sandbox.crm.add_user("jose nunez", "jose@example.com")
    bare.say("init", "--answers", answers(bare, "crm", "clinic"))
    assert set(load(bare.path, {}).providers) == {"alice", "bob", "carol"}
    bare.path.unlink()
    bare.say("init", "--answers", answers(bare, "crm", "clinic", top='accept = ["e-mail", "name"]'))
    assert set(load(bare.path, {}).providers) == {"alice", "bob", "carol", "jose-nunez"}


def test_people_can_be_mapped_by_hand_in_the_answers(bare: Desk) -> None:
    sandbox = bare.world.sandbox
    user = sandbox.clinic.add_user("Front Desk", "desk@example.com")
    by_hand = '[providers]\ndesk = { crm = "Integration Account", clinic = "desk@example.com" }'
    file = answers(bare, "crm", "clinic", providers=by_hand)
    assert bare.say("init", "--answers", file).code == 0
    desk = load(bare.path, {}).providers["desk"]
    assert tomllib.loads(bare.path.read_text())["providers"]["desk"]["calendars"] == {
        "crm": {"user": "integration@example.com"},
        "clinic": {"user": user},
    }
    assert desk.kind == "person"


def test_without_a_fit_type_the_steps_are_told_and_check_says_so(bare: Desk) -> None:
    crm = bare.world.sandbox.crm
    crm.types["Busy"] = replace(crm.types["Busy"], mandatory=("mx_Custom_1",))
    said = bare.say("init", "--answers", answers(bare, "crm", "clinic"))
    assert said.code == 2
    assert 'called "Busy"' in said.out
    assert "switch Allow Conflicts off" in said.out
    assert "the type has mandatory custom fields: mx_Custom_1" in " ".join(said.out.split())
    assert "would be made" not in said.out
    assert load(bare.path, {}).providers


@pytest.mark.parametrize(
    ("top", "providers", "words"),
    [
        ('secrets = "names"', "", "names no environment variable"),
        ("zone = 7", "", "zone"),
        ("zoen = 'UTC'", "", "zoen"),
        ("", '[providers]\nx = { crm = "nobody" }', "no user, or several, is 'nobody'"),
        ("", '[providers]\nx = { crn = "alice" }', 'there is no system "crn"'),
        ("", '[providers]\nx = "yes"', "providers.x: it is neither yes, no nor the users"),
        ("", "[providers]\ndave = true", "nothing proposes this one"),
        ("", '[systems.x]\ntype = "outlook"', "it is no type of system"),
        ("", '[systems.x]\ntype = "leadconnector"\ntoken = "t"', "location_id"),
        ("", "[systems", "cannot be read"),
    ],
)
def test_wrong_answers_name_place_and_remedy_and_write_nothing(
    bare: Desk, top: str, providers: str, words: str
) -> None:
    file = answers(bare, "crm", "clinic", top=top, providers=providers)
    said = bare.say("init", "--answers", file)
    assert said.code == 2
    assert words in " ".join(said.err.split())
    assert "answers.toml" in said.err.replace("\n", "")
    assert [p.name for p in bare.path.parent.iterdir()] == ["answers.toml"]


def test_a_system_that_refuses_ends_with_its_own_message_and_writes_nothing(bare: Desk) -> None:
    bare.world.sandbox.crm.home_host = "api-us11.leadsquared.com"
    said = bare.say("init", "--answers", answers(bare, "crm", "clinic"))
    assert said.code == 2
    told = " ".join(said.err.split())
    assert "this account is served by api-us11.leadsquared.com" in told
    assert "does not call it by itself" in told
    assert told.startswith("syncd: nothing is written, as crm: ")
    assert not bare.path.exists()


def test_what_check_finds_wrong_is_told_and_no_dry_run_follows(
    bare: Desk,
) -> None:
    clinic = bare.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.ERROR, status=503, path="/calendars/events"))
    said = bare.say("init", "--answers", answers(bare, "crm", "clinic"))
    assert said.code == 2
    assert "WRONG" in said.out
    assert "dry run" not in said.out
    assert bare.path.exists()


def test_one_account_cannot_be_two_systems(bare: Desk) -> None:
    file = answers(bare, "crm", "clinic")
    twin = file.read_text().split("[systems.clinic]")[1]
    file.write_text(file.read_text() + "\n[systems.again]" + twin)
    said = bare.say("init", "--answers", file)
    assert said.code == 2
    assert 'the same account as "clinic"' in " ".join(said.err.split())
    assert not bare.path.exists()


def test_without_a_terminal_and_answers_it_says_what_to_do(bare: Desk) -> None:
    said = bare.say("init")
    assert said.code == 2
    assert "--answers FILE" in said.err


def test_a_broken_configuration_is_not_added_to(bare: Desk) -> None:
    bare.path.write_text("[systems.crm]\n")
    said = bare.say("init", "--answers", answers(bare, "clinic"))
    assert said.code == 2
    assert "type" in said.err
    assert bare.path.read_text() == "[systems.crm]\n"
