"""`syncd init` on a real terminal and with a file of answers; its configuration must sync."""

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

StartInit = Callable[..., Typist]


@pytest.fixture
def start_init(desk: Desk) -> Iterator[StartInit]:
    """Return a function that starts `syncd init` on a terminal, without a configuration."""
    desk.path.unlink()
    sitting: list[Typist] = []

    def start(*arguments: str, **env: str) -> Typist:
        sitting.append(Typist(desk.path.parent, *arguments, elsewhere=None, **env))
        return sitting[-1]

    yield start
    for typist in sitting:
        typist.kill()


def enter_all(typist: Typist, desk: Desk) -> None:
    """Answer the questions with the three systems of the sandbox."""
    sandbox = desk.world.sandbox
    typist.reads("Add a system:")
    typist.answers("Choose", "1")
    typist.answers("Where should credentials be stored?")
    typist.answers("Environment file")
    typist.answers("Name for this system [crm]")
    typist.answers("Number, or the URL", sandbox.urls["crm"])
    typist.answers("access key (not shown): ", sandbox.crm.access_key)
    typist.answers("secret key (not shown): ", sandbox.crm.secret_key)
    typist.reads("Add another system:")
    typist.answers("Choose", "2")
    typist.answers("Name for this system [clinic]")
    typist.answers("URL of the API", sandbox.urls["clinic"])
    typist.answers("Location id", sandbox.clinic.location_id)
    typist.answers("Private Integration token (not shown): ", sandbox.clinic.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "3")
    typist.answers("Name for this system [legacy]")
    typist.answers("URL of the API", sandbox.urls["legacy"])
    typist.answers("location API key (not shown): ", sandbox.legacy.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "0")


def test_a_whole_session_ends_in_a_configuration_that_syncs(
    desk: Desk, start_init: StartInit
) -> None:
    world, sandbox = desk.world, desk.world.sandbox
    typist = start_init("init")
    enter_all(typist, desk)
    typist.reads("crm · LeadSquared")
    typist.reads("New provider alice")
    typist.reads("same e-mail alice@example.com, in clinic, crm, legacy")
    typist.answers("[y]es, [n]o, [e]dit", "y")
    typist.reads("New provider bob")
    typist.answers("[y]es, [n]o, [e]dit", "n")
    typist.reads("New provider carol")
    typist.answers("[y]es, [n]o, [e]dit", "e")
    typist.answers("Name for this provider [carol]", "caro")
    typist.answers("Which user of crm is caro?")
    typist.answers("Which user of clinic is caro?")
    typist.reads("Which user of legacy is caro?")
    typist.answers("Choose", "0")
    typist.answers("Map another provider by hand?", "n")
    typist.answers("Time zone for displayed times [Europe/Berlin]")
    typist.reads("written: syncd.env, mode 0600")
    typist.reads("no problems found")
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
        "clinic": {"user": world.seed_users["clinic", "carol"].user},
    }
    assert not (desk.path.parent / "state" / "syncd.db").exists()
    assert desk.say("resync", "--yes").code == 0
    wrong = " ".join(desk.wrong())
    assert "alice" not in wrong
    assert "bob" in wrong


@pytest.mark.slow
@pytest.mark.prove
def test_a_wrong_token_can_be_entered_again(desk: Desk, start_init: StartInit) -> None:
    sandbox = desk.world.sandbox
    typist = start_init("init")
    typist.answers("Choose", "2")
    typist.reads("Where should credentials be stored?")
    typist.answers("Choose", "2")
    typist.answers("Name for this system [clinic]", "front desk")
    typist.answers("small letters, digits", "front")
    typist.answers("URL of the API", sandbox.urls["clinic"])
    typist.answers("Location id", "elsewhere")
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.reads("Add another system:")
    typist.answers("Choose", "0")
    typist.reads("another location than elsewhere")
    typist.answers("Enter front again?", "y")
    typist.answers("URL of the API")
    typist.answers("Location id (in the address bar of the location) [elsewhere]", "nowhere")
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.answers("Enter front again?", "y")
    typist.answers("URL of the API")
    typist.answers("Location id", sandbox.clinic.location_id)
    typist.answers("(not shown): ", sandbox.clinic.token)
    typist.reads("Found in one system only")
    typist.answers("Map another provider by hand?", "y")
    typist.answers("Name for this provider [person]", "alice")
    typist.reads("Which user of front is alice?")
    typist.answers("Choose", "1")
    typist.answers("Map another provider by hand?")
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
def test_credentials_in_environment_variables_need_no_file(
    desk: Desk, start_init: StartInit
) -> None:
    sandbox = desk.world.sandbox
    typist = start_init("init", MY_KEY=sandbox.legacy.token)
    typist.answers("Choose", "3")
    typist.reads("Where should credentials be stored?")
    typist.answers("Choose", "3")
    typist.answers("Name for this system [legacy]")
    typist.answers("URL of the API", sandbox.urls["legacy"])
    typist.answers("Environment variable with the location API key", "v1-key with space")
    typist.answers("not a valid name of a variable")
    typist.answers("Environment variable", "OTHER_KEY")
    typist.reads("OTHER_KEY is not set: set it")
    typist.answers("Environment variable", "MY_KEY")
    typist.reads("Add another system:")
    typist.answers("Choose", "0")
    typist.answers("Map another provider by hand?", "y")
    typist.answers("Name for this provider", "alice")
    typist.answers("Choose", "1")
    typist.answers("Map another provider by hand?")
    typist.answers("Time zone")
    assert typist.ends() == 0
    assert tomllib.loads(desk.path.read_text())["systems"]["legacy"]["api_key"] == {"env": "MY_KEY"}
    assert sorted(p.name for p in desk.path.parent.iterdir()) == ["syncd.toml"]


@pytest.mark.slow
def test_ctrl_c_writes_nothing(desk: Desk, start_init: StartInit) -> None:
    typist = start_init("init")
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
def unconfigured(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Remove the configuration, and put one secret into the environment."""
    desk.path.unlink()
    monkeypatch.setenv("LSQ", desk.world.sandbox.crm.secret_key)
    return desk


def test_a_file_of_answers_needs_no_terminal(unconfigured: Desk) -> None:
    said = unconfigured.say("init", "--answers", answers(unconfigured, "crm", "clinic", "legacy"))
    assert said.code == 0, said.err
    assert "no problems found" in said.out
    assert "writes would be made" in said.out
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol"}
    assert unconfigured.say("resync", "--yes").code == 0
    assert unconfigured.wrong() == []


def test_a_second_run_changes_no_file(unconfigured: Desk) -> None:
    file = answers(unconfigured, "crm", "clinic", "legacy")
    unconfigured.say("init", "--answers", file)
    edited = unconfigured.path.read_text().replace('kind = "person"', 'kind = "person"   # mine', 1)
    unconfigured.path.write_text(edited)
    env = (unconfigured.path.parent / "syncd.env").read_text()
    said = unconfigured.say("init", "--answers", file)
    assert said.code == 0, said.err
    assert "nothing to add" in said.out
    assert unconfigured.path.read_text() == edited
    assert (unconfigured.path.parent / "syncd.env").read_text() == env


def test_a_system_added_later_is_mapped_to_existing_providers(unconfigured: Desk) -> None:
    file = answers(unconfigured, "crm", "clinic", providers="[providers]\nbob = false")
    unconfigured.say("init", "--answers", file)
    assert set(load(unconfigured.path, {}).providers) == {"alice", "carol"}
    before = unconfigured.path.read_text()
    unconfigured.path.write_text(before + "\n# the last word is mine\n")
    said = unconfigured.say("init", "--answers", answers(unconfigured, "legacy"))
    assert said.code == 0, said.err
    text = unconfigured.path.read_text()
    assert "# the last word is mine" in text
    settings = load(unconfigured.path, {})
    assert set(settings.providers) == {"alice", "bob", "carol"}
    for provider in settings.providers.values():
        assert set(provider.calendars) == {"crm", "clinic", "legacy"}
    assert settings.rules.prefer == ("crm", "clinic", "legacy")
    for line in before.splitlines():
        assert line in text or line.startswith("prefer")
    assert unconfigured.say("init", "--answers", answers(unconfigured, "legacy")).code == 0
    assert unconfigured.path.read_text() == text


def test_weak_matches_count_only_if_the_answers_accept_them(unconfigured: Desk) -> None:
    sandbox = unconfigured.world.sandbox
    sandbox.clinic.add_user("José Núñez", "private@example.com")
    sandbox.crm.add_user("jose nunez", "jose@example.com")
    unconfigured.say("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol"}
    unconfigured.path.unlink()
    unconfigured.say(
        "init",
        "--answers",
        answers(unconfigured, "crm", "clinic", top='accept = ["e-mail", "name"]'),
    )
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol", "jose-nunez"}


def test_providers_can_be_mapped_by_hand_in_the_answers(unconfigured: Desk) -> None:
    sandbox = unconfigured.world.sandbox
    user = sandbox.clinic.add_user("Front Desk", "desk@example.com")
    by_hand = '[providers]\ndesk = { crm = "Integration Account", clinic = "desk@example.com" }'
    file = answers(unconfigured, "crm", "clinic", providers=by_hand)
    assert unconfigured.say("init", "--answers", file).code == 0
    desk = load(unconfigured.path, {}).providers["desk"]
    assert tomllib.loads(unconfigured.path.read_text())["providers"]["desk"]["calendars"] == {
        "crm": {"user": "integration@example.com"},
        "clinic": {"user": user},
    }
    assert desk.kind == "person"


def test_without_a_usable_type_the_steps_are_printed_and_check_fails(unconfigured: Desk) -> None:
    crm = unconfigured.world.sandbox.crm
    crm.types["Busy"] = replace(crm.types["Busy"], mandatory=("mx_Custom_1",))
    said = unconfigured.say("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert said.code == 2
    assert 'called "Busy"' in said.out
    assert "switch Allow Conflicts off" in said.out
    assert "the type has mandatory custom fields: mx_Custom_1" in " ".join(said.out.split())
    assert "would be made" not in said.out
    assert load(unconfigured.path, {}).providers


@pytest.mark.parametrize(
    ("top", "providers", "words"),
    [
        ('secrets = "names"', "", "needs an environment variable"),
        ("zone = 7", "", "zone"),
        ("zoen = 'UTC'", "", "zoen"),
        ("", '[providers]\nx = { crm = "nobody" }', "no user, or more than one, matches 'nobody'"),
        ("", '[providers]\nx = { crn = "alice" }', 'there is no system "crn"'),
        (
            "",
            '[providers]\nx = "yes"',
            "providers.x: it is neither true, false nor a table of users",
        ),
        ("", "[providers]\ndave = true", "there is no such proposal"),
        ("", '[systems.x]\ntype = "outlook"', "not a type of system"),
        ("", '[systems.x]\ntype = "leadconnector"\ntoken = "t"', "location_id"),
        ("", "[systems", "cannot be read"),
    ],
)
def test_wrong_answers_are_located_and_write_nothing(
    unconfigured: Desk, top: str, providers: str, words: str
) -> None:
    file = answers(unconfigured, "crm", "clinic", top=top, providers=providers)
    said = unconfigured.say("init", "--answers", file)
    assert said.code == 2
    assert words in " ".join(said.err.split())
    assert "answers.toml" in said.err.replace("\n", "")
    assert [p.name for p in unconfigured.path.parent.iterdir()] == ["answers.toml"]


def test_a_refusing_system_ends_init_with_its_message(unconfigured: Desk) -> None:
    unconfigured.world.sandbox.crm.home_host = "api-us11.leadsquared.com"
    said = unconfigured.say("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert said.code == 2
    told = " ".join(said.err.split())
    assert "this account is served by api-us11.leadsquared.com" in told
    assert "does not call it by itself" in told
    assert told.startswith("syncd: nothing was written: crm: ")
    assert not unconfigured.path.exists()


def test_errors_of_check_are_printed_and_no_dry_run_follows(
    unconfigured: Desk,
) -> None:
    clinic = unconfigured.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.ERROR, status=503, path="/calendars/events"))
    said = unconfigured.say("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert said.code == 2
    assert "ERROR" in said.out
    assert "dry run" not in said.out
    assert unconfigured.path.exists()


def test_one_account_cannot_be_two_systems(unconfigured: Desk) -> None:
    file = answers(unconfigured, "crm", "clinic")
    twin = file.read_text().split("[systems.clinic]")[1]
    file.write_text(file.read_text() + "\n[systems.again]" + twin)
    said = unconfigured.say("init", "--answers", file)
    assert said.code == 2
    assert 'the same account as "clinic"' in " ".join(said.err.split())
    assert not unconfigured.path.exists()


def test_without_terminal_and_answers_init_prints_a_remedy(unconfigured: Desk) -> None:
    said = unconfigured.say("init")
    assert said.code == 2
    assert "--answers FILE" in said.err


def test_a_broken_configuration_is_not_extended(unconfigured: Desk) -> None:
    unconfigured.path.write_text("[systems.crm]\n")
    said = unconfigured.say("init", "--answers", answers(unconfigured, "clinic"))
    assert said.code == 2
    assert "type" in said.err
    assert unconfigured.path.read_text() == "[systems.crm]\n"
