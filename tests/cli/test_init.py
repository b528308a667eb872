"""`syncd init` on a real terminal and with a file of answers; its configuration must sync."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.lab.sandbox import Fault, FaultKind
from tests.cli.conftest import CliHarness
from tests.cli.terminal_session import TerminalSession

pytestmark = pytest.mark.sockets

StartInit = Callable[..., TerminalSession]


@pytest.fixture
def start_init(cli: CliHarness) -> Iterator[StartInit]:
    """Return a function that starts `syncd init` on a terminal, without a configuration."""
    cli.path.unlink()
    sitting: list[TerminalSession] = []

    def start(*arguments: str, **env: str) -> TerminalSession:
        sitting.append(TerminalSession(cli.path.parent, *arguments, elsewhere=None, **env))
        return sitting[-1]

    yield start
    for session in sitting:
        session.kill()


def enter_all(session: TerminalSession, cli: CliHarness) -> None:
    """Answer the questions with the three systems of the sandbox."""
    sandbox = cli.world.sandbox
    session.expect("Add a system:")
    session.answer("Choose", "1")
    session.answer("Where should credentials be stored?")
    session.answer("Environment file")
    session.answer("Name for this system [crm]")
    session.answer("Number, or the URL", sandbox.urls["crm"])
    session.answer("access key (input is hidden): ", sandbox.crm.access_key)
    session.answer("secret key (input is hidden): ", sandbox.crm.secret_key)
    session.expect("Add another system:")
    session.answer("Choose", "2")
    session.answer("Name for this system [clinic]")
    session.answer("URL of the API", sandbox.urls["clinic"])
    session.answer("Location id", sandbox.clinic.location_id)
    session.answer("Private Integration token (input is hidden): ", sandbox.clinic.token)
    session.expect("Add another system:")
    session.answer("Choose", "3")
    session.answer("Name for this system [legacy]")
    session.answer("URL of the API", sandbox.urls["legacy"])
    session.answer("location API key (input is hidden): ", sandbox.legacy.token)
    session.expect("Add another system:")
    session.answer("Choose", "0")


def test_a_whole_session_ends_in_a_configuration_that_syncs(
    cli: CliHarness, start_init: StartInit
) -> None:
    world, sandbox = cli.world, cli.world.sandbox
    session = start_init("init")
    enter_all(session, cli)
    session.expect("crm · LeadSquared")
    session.expect("New provider alice")
    session.expect("same e-mail alice@example.com, in clinic, crm, legacy")
    session.answer("[y]es, [n]o, [e]dit", "y")
    session.expect("New provider bob")
    session.answer("[y]es, [n]o, [e]dit", "n")
    session.expect("New provider carol")
    session.answer("[y]es, [n]o, [e]dit", "e")
    session.answer("Name for this provider [carol]", "caro")
    session.answer("Which user of crm is caro?")
    session.answer("Which user of clinic is caro?")
    session.expect("Which user of legacy is caro?")
    session.answer("Choose", "0")
    session.answer("Map another provider by hand?", "n")
    session.answer("Time zone for displayed times [Europe/Berlin]")
    session.expect("written: syncd.env, mode 0600")
    session.expect("no problems found")
    session.expect("writes would be made; this was a dry run")
    assert session.wait() == 0
    for secret in (sandbox.crm.access_key, sandbox.crm.secret_key, sandbox.clinic.token):
        assert secret not in session.screen
        assert secret not in cli.path.read_text()
        assert secret in (cli.path.parent / "syncd.env").read_text()
    assert max(map(len, session.screen.splitlines())) <= 100
    assert stat.S_IMODE((cli.path.parent / "syncd.env").stat().st_mode) == 0o600
    raw = tomllib.loads(cli.path.read_text())
    assert set(raw["providers"]) == {"alice", "caro"}
    assert raw["providers"]["caro"]["calendars"] == {
        "crm": {"user": "carol@example.com"},
        "clinic": {"user": world.seed_users["clinic", "carol"].user},
    }
    assert not (cli.path.parent / "state" / "syncd.db").exists()
    assert cli.run("resync", "--yes").code == 0
    wrong = " ".join(cli.disagreements())
    assert "alice" not in wrong
    assert "bob" in wrong


@pytest.mark.slow
@pytest.mark.prove
def test_a_wrong_token_can_be_entered_again(cli: CliHarness, start_init: StartInit) -> None:
    sandbox = cli.world.sandbox
    session = start_init("init")
    session.answer("Choose", "2")
    session.expect("Where should credentials be stored?")
    session.answer("Choose", "2")
    session.answer("Name for this system [clinic]", "front desk")
    session.answer("small letters, digits", "front")
    session.answer("URL of the API", sandbox.urls["clinic"])
    session.answer("Location id", "elsewhere")
    session.answer("(input is hidden): ", sandbox.clinic.token)
    session.expect("Add another system:")
    session.answer("Choose", "0")
    session.expect("another location than")
    session.answer("Enter the settings of front again?", "y")
    session.answer("URL of the API")
    session.answer("Location id (in the address bar of the location) [elsewhere]", "nowhere")
    session.answer("(input is hidden): ", sandbox.clinic.token)
    session.answer("Enter the settings of front again?", "y")
    session.answer("URL of the API")
    session.answer("Location id", sandbox.clinic.location_id)
    session.answer("(input is hidden): ", sandbox.clinic.token)
    session.expect("Found in one system only")
    session.answer("Map another provider by hand?", "y")
    session.answer("Name for this provider [person]", "alice")
    session.expect("Which user of front is alice?")
    session.answer("Choose", "1")
    session.answer("Map another provider by hand?")
    session.answer("Time zone", "Europe/Lisbon")
    session.expect("LoadCredential=front_token:")
    assert session.wait() == 0
    kept = cli.path.parent / "secrets" / "front_token"
    assert kept.read_text() == sandbox.clinic.token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    settings = load(cli.path, {"CREDENTIALS_DIRECTORY": str(kept.parent)})
    assert settings.syncd.zone == "Europe/Lisbon"
    assert list(settings.providers) == ["alice"]


@pytest.mark.slow
@pytest.mark.prove
def test_credentials_in_environment_variables_need_no_file(
    cli: CliHarness, start_init: StartInit
) -> None:
    sandbox = cli.world.sandbox
    session = start_init("init", MY_KEY=sandbox.legacy.token)
    session.answer("Choose", "3")
    session.expect("Where should credentials be stored?")
    session.answer("Choose", "3")
    session.answer("Name for this system [legacy]")
    session.answer("URL of the API", sandbox.urls["legacy"])
    session.answer("Environment variable with the location API key", "v1-key with space")
    session.answer("not a valid name of an environment variable")
    session.answer("Environment variable", "OTHER_KEY")
    session.expect("OTHER_KEY is not set: set it")
    session.answer("Environment variable", "MY_KEY")
    session.expect("Add another system:")
    session.answer("Choose", "0")
    session.answer("Map another provider by hand?", "y")
    session.answer("Name for this provider", "alice")
    session.answer("Choose", "1")
    session.answer("Map another provider by hand?")
    session.answer("Time zone")
    assert session.wait() == 0
    assert tomllib.loads(cli.path.read_text())["systems"]["legacy"]["api_key"] == {"env": "MY_KEY"}
    assert sorted(p.name for p in cli.path.parent.iterdir()) == ["syncd.toml"]


@pytest.mark.slow
def test_ctrl_c_writes_nothing(cli: CliHarness, start_init: StartInit) -> None:
    session = start_init("init")
    enter_all(session, cli)
    session.answer("[y]es, [n]o, [e]dit", "\x03")
    session.expect("stopped: nothing was written")
    assert session.wait() == 4
    assert list(cli.path.parent.iterdir()) == []


# --- with a file of answers ---------------------------------------------------------------------


def answers(cli: CliHarness, *systems: str, top: str = "", providers: str = "") -> Path:
    sandbox = cli.world.sandbox
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
    path = cli.path.parent / "answers.toml"
    path.write_text("\n".join([top, *(tables[s] for s in systems), providers]))
    return path


@pytest.fixture
def unconfigured(cli: CliHarness, monkeypatch: pytest.MonkeyPatch) -> CliHarness:
    """Remove the configuration, and put one secret into the environment."""
    cli.path.unlink()
    monkeypatch.setenv("LSQ", cli.world.sandbox.crm.secret_key)
    return cli


def test_a_file_of_answers_needs_no_terminal(unconfigured: CliHarness) -> None:
    result = unconfigured.run("init", "--answers", answers(unconfigured, "crm", "clinic", "legacy"))
    assert result.code == 0, result.err
    assert "no problems found" in result.out
    assert "writes would be made" in result.out
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol"}
    assert unconfigured.run("resync", "--yes").code == 0
    assert unconfigured.disagreements() == []


def test_a_second_run_changes_no_file(unconfigured: CliHarness) -> None:
    file = answers(unconfigured, "crm", "clinic", "legacy")
    unconfigured.run("init", "--answers", file)
    edited = unconfigured.path.read_text().replace('kind = "person"', 'kind = "person"   # mine', 1)
    unconfigured.path.write_text(edited)
    env = (unconfigured.path.parent / "syncd.env").read_text()
    result = unconfigured.run("init", "--answers", file)
    assert result.code == 0, result.err
    assert "nothing to add" in result.out
    assert unconfigured.path.read_text() == edited
    assert (unconfigured.path.parent / "syncd.env").read_text() == env


def test_a_system_added_later_is_mapped_to_existing_providers(unconfigured: CliHarness) -> None:
    file = answers(unconfigured, "crm", "clinic", providers="[providers]\nbob = false")
    unconfigured.run("init", "--answers", file)
    assert set(load(unconfigured.path, {}).providers) == {"alice", "carol"}
    before = unconfigured.path.read_text()
    unconfigured.path.write_text(before + "\n# the last word is mine\n")
    result = unconfigured.run("init", "--answers", answers(unconfigured, "legacy"))
    assert result.code == 0, result.err
    text = unconfigured.path.read_text()
    assert "# the last word is mine" in text
    settings = load(unconfigured.path, {})
    assert set(settings.providers) == {"alice", "bob", "carol"}
    for provider in settings.providers.values():
        assert set(provider.calendars) == {"crm", "clinic", "legacy"}
    assert settings.rules.prefer == ("crm", "clinic", "legacy")
    for line in before.splitlines():
        assert line in text or line.startswith("prefer")
    assert unconfigured.run("init", "--answers", answers(unconfigured, "legacy")).code == 0
    assert unconfigured.path.read_text() == text


def test_weak_matches_count_only_if_the_answers_accept_them(unconfigured: CliHarness) -> None:
    sandbox = unconfigured.world.sandbox
    sandbox.clinic.add_user("José Núñez", "private@example.com")
    sandbox.crm.add_user("jose nunez", "jose@example.com")
    unconfigured.run("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol"}
    unconfigured.path.unlink()
    unconfigured.run(
        "init",
        "--answers",
        answers(unconfigured, "crm", "clinic", top='accept = ["e-mail", "name"]'),
    )
    assert set(load(unconfigured.path, {}).providers) == {"alice", "bob", "carol", "jose-nunez"}


def test_providers_can_be_mapped_by_hand_in_the_answers(unconfigured: CliHarness) -> None:
    sandbox = unconfigured.world.sandbox
    user = sandbox.clinic.add_user("Front Desk", "desk@example.com")
    by_hand = '[providers]\ndesk = { crm = "Integration Account", clinic = "desk@example.com" }'
    file = answers(unconfigured, "crm", "clinic", providers=by_hand)
    assert unconfigured.run("init", "--answers", file).code == 0
    front_desk = load(unconfigured.path, {}).providers["desk"]
    assert tomllib.loads(unconfigured.path.read_text())["providers"]["desk"]["calendars"] == {
        "crm": {"user": "integration@example.com"},
        "clinic": {"user": user},
    }
    assert front_desk.kind == "person"


def test_without_a_usable_type_the_steps_are_printed_and_check_fails(
    unconfigured: CliHarness,
) -> None:
    crm = unconfigured.world.sandbox.crm
    crm.types["Busy"] = replace(crm.types["Busy"], mandatory=("mx_Custom_1",))
    result = unconfigured.run("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert result.code == 2
    assert 'called "Busy"' in result.out
    assert "switch Allow Conflicts off" in result.out
    assert "the type has mandatory custom fields: mx_Custom_1" in " ".join(result.out.split())
    assert "would be made" not in result.out
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
            "providers.x: not true, false or a table of users",
        ),
        ("", "[providers]\ndave = true", "syncd proposes no provider of this name"),
        ("", '[systems.x]\ntype = "outlook"', "not a type of system"),
        ("", '[systems.x]\ntype = "leadconnector"\ntoken = "t"', "location_id"),
        ("", "[systems", "cannot be read"),
    ],
)
def test_wrong_answers_are_located_and_write_nothing(
    unconfigured: CliHarness, top: str, providers: str, words: str
) -> None:
    file = answers(unconfigured, "crm", "clinic", top=top, providers=providers)
    result = unconfigured.run("init", "--answers", file)
    assert result.code == 2
    assert words in " ".join(result.err.split())
    assert "answers.toml" in result.err.replace("\n", "")
    assert [p.name for p in unconfigured.path.parent.iterdir()] == ["answers.toml"]


def test_a_refusing_system_ends_init_with_its_message(unconfigured: CliHarness) -> None:
    unconfigured.world.sandbox.crm.home_host = "api-us11.leadsquared.com"
    result = unconfigured.run("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert result.code == 2
    text = " ".join(result.err.split())
    assert "this account is served by api-us11.leadsquared.com" in text
    assert "does not call that host by itself" in text
    assert text.startswith("syncd: nothing was written: crm: ")
    assert not unconfigured.path.exists()


def test_errors_of_check_are_printed_and_no_dry_run_follows(
    unconfigured: CliHarness,
) -> None:
    clinic = unconfigured.world.sandbox.clinic
    clinic.faults.add(Fault(FaultKind.ERROR, status=503, path="/calendars/events"))
    result = unconfigured.run("init", "--answers", answers(unconfigured, "crm", "clinic"))
    assert result.code == 2
    assert "ERROR" in result.out
    assert "dry run" not in result.out
    assert unconfigured.path.exists()


def test_one_account_cannot_be_two_systems(unconfigured: CliHarness) -> None:
    file = answers(unconfigured, "crm", "clinic")
    twin = file.read_text().split("[systems.clinic]")[1]
    file.write_text(file.read_text() + "\n[systems.again]" + twin)
    result = unconfigured.run("init", "--answers", file)
    assert result.code == 2
    assert 'the same account as "clinic"' in " ".join(result.err.split())
    assert not unconfigured.path.exists()


def test_without_terminal_and_answers_init_prints_a_remedy(unconfigured: CliHarness) -> None:
    result = unconfigured.run("init")
    assert result.code == 2
    assert "--answers FILE" in result.err


def test_a_broken_configuration_is_not_extended(unconfigured: CliHarness) -> None:
    unconfigured.path.write_text("[systems.crm]\n")
    result = unconfigured.run("init", "--answers", answers(unconfigured, "clinic"))
    assert result.code == 2
    assert "type" in result.err
    assert unconfigured.path.read_text() == "[systems.crm]\n"
