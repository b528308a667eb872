"""Configuration files for the fuzzer: a complete file with changed parts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from syncd.app import policy_of
from syncd.config.load import load
from syncd.config.problems import ConfigError
from tests.hostile.fuzzed import CHANGES, Change, changed

EXAMPLE = Path(__file__).parents[2] / "deploy" / "syncd.toml.example"
SECRET = "fuzzed-secret-4711"
CREDENTIALS = ("lsq_access_key", "lsq_secret_key", "ghl_token", "ghl_v1_key", "heartbeat")
ODD_TEXTS = (
    "", " ", "1s", "0s", "-1s", "366d", "9" * 30 + "d", "99999999d", "1e9d", "Mars/Olympus",
    "/etc/passwd", "../..", "\x00", "%", "25:00", "03:30", "unix:", "unix:state.db", "127.0.0.1:0",
    "127.0.0.1:99999", "https://", "https://[::1", "http://exa mple.com", "hold", "latest",
    "Mon-Fri 08:00-18:00", "Mon-Fri 18:00-08:00", "Task.svc/\n", "é" * 300,
)  # fmt: skip


def _whole() -> str:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    valid = [line for line in lines if "…" not in line and not line.startswith(("#ca_", "#env_"))]
    return re.sub(r"^#(?=[a-z\[])", "", "\n".join(valid), flags=re.MULTILINE)


WHOLE = _whole()


def toml(tree: Mapping[str, Any]) -> str:
    """Write a tree as TOML with inline tables; values that TOML lacks become text."""
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in tree.items()) + "\n"


def _key(key: object) -> str:
    return _text(str(key))


def _text(text: str) -> str:
    safe = text.encode("utf-8", "replace").decode()
    return (
        json.dumps(safe, ensure_ascii=True)
        if safe.isascii()
        else json.dumps(safe, ensure_ascii=False)
    )


def _value(value: Any) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case int() | float():
            text = str(value)
        case datetime() | date() | time():
            text = value.isoformat()
        case dict():
            text = "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
        case list():
            text = "[" + ", ".join(_value(v) for v in value) + "]"
        case _:
            text = _text("" if value is None else str(value))
    return text


def _spoiled(changes: list[Change]) -> bytes:
    tree: Any = tomllib.loads(WHOLE)
    for change in changes:
        tree = changed(tree, change)
    return toml(tree).encode() if isinstance(tree, dict) else b""


_CHANGES = CHANGES | st.builds(
    Change, place=st.integers(0, 5_000), how=st.just("put"), value=st.sampled_from(ODD_TEXTS)
)
CONFIGURATIONS = st.one_of(
    st.lists(_CHANGES, min_size=1, max_size=3).map(_spoiled),
    st.builds(
        lambda at, patch: WHOLE.encode()[:at] + patch + WHOLE.encode()[at + 1 :],
        st.integers(0, len(WHOLE)),
        st.binary(max_size=5) | st.sampled_from([b"[", b"{", b'"""', b"\xff", b"\r", b"[[x]]\n"]),
    ),
    st.integers(1, 3_000).map(lambda n: b"a = " + b"[" * n),
    st.integers(1, 3_000).map(lambda n: b"a = " + b"[" * n + b"]" * n),
    st.integers(1, 3_000).map(lambda n: b".".join([b"a"] * n) + b" = 1"),
)


def read_configuration(text: bytes) -> None:
    """Read a configuration; raise if it is neither accepted nor refused with a problem."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for name in CREDENTIALS:
            secret = home / name
            secret.write_text("https://example.com/ping" if name == "heartbeat" else SECRET)
            secret.chmod(0o600)
        path = home / "syncd.toml"
        path.write_bytes(text)
        try:
            settings = load(path, {"CREDENTIALS_DIRECTORY": folder})
        except ConfigError as error:
            refused = error
        else:
            policy_of(settings)
            for warning in settings.warnings:
                str(warning).encode("utf-8")
            return
    assert refused.problems
    for problem in refused.problems:
        data = f"{problem} {json.dumps(problem.to_json())}"
        data.encode("utf-8")
        assert problem.reason, problem
        assert problem.remedy, problem
        assert SECRET not in data, problem
