"""The example and the documented settings are valid, including those commented out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from syncd.config.load import load
from syncd.config.provision import ProvisionSettings

HOME = Path(__file__).parents[2]
EXAMPLE = HOME / "deploy" / "syncd.toml.example"
_COMMENTED = re.compile(r"^#(?=[a-z\[])", re.MULTILINE)
_BLOCK = re.compile(r"^ *```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
DOCUMENTS = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]


def test_every_key_that_the_example_comments_out_may_be_used(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    # These stand for another way to write what is there already, or name a file.
    kept = [line for line in lines if "…" not in line and not line.startswith(("#ca_", "#env_"))]
    names = ["lsq_access_key", "lsq_secret_key", "ghl_token", "ghl_v1_key"]
    for name in names:
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "heartbeat").write_text("https://example.com/ping")
    (tmp_path / "heartbeat").chmod(0o600)
    path = tmp_path / "syncd.toml"
    path.write_text(_COMMENTED.sub("", "\n".join(kept)))
    settings = load(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert [*settings.providers] == ["alice", "yoga"]
    assert settings.rules.override[0].choice == "hold"
    wanted = settings.provision
    assert wanted is not None
    assert all(getattr(wanted, section) for section in type(wanted).model_fields)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_the_documents_show_as_toml_is_toml(path: Path) -> None:
    for block in _BLOCK.findall(path.read_text()):
        raw = tomllib.loads(block)
        ProvisionSettings.model_validate(raw.get("provision", {}))
