"""The log is readable for machines and people, without secrets or personal data."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from syncd.daemon.logging import set_up


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def test_json_lines_hold_facts_and_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(["hush-hush"], style="json")
    log = structlog.get_logger("x")
    log.info("write", system="crm", detail="key hush-hush of kim@example.com", n=3)
    log.warning("nested", facts={"phones": ["+49 30 5550 1012"]})
    try:
        float("hush-hush")
    except ValueError:
        log.exception("job failed")
    logging.getLogger("some.library").warning("mail to kim@example.com")
    out = capsys.readouterr().err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["system"] == "crm"
    assert lines[0]["n"] == 3
    assert lines[0]["timestamp"].endswith("Z")
    assert "Traceback" in lines[2]["exception"]
    assert lines[3]["level"] == "warning"
    for word in ("hush-hush", "kim@example.com", "5550"):
        assert word not in out


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(style="text")
    structlog.get_logger("x").info("ready", state="s.db")
    out = capsys.readouterr().err
    assert "ready" in out
    assert not out.startswith("{")


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(style="json", level="warning")
    structlog.get_logger("x").info("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\r\nERROR b", "\u202eesrever", "a\x9bb"])
def test_control_characters_in_a_field_are_removed_from_the_log(
    capsys: pytest.CaptureFixture[str], style: Literal["json", "text"], hostile: str
) -> None:
    set_up(style=style)
    log = structlog.get_logger("x")
    log.info("skipped", event_id=hostile, system=hostile, reason=hostile, facts={"deep": [hostile]})
    logging.getLogger("library").warning("said %s", hostile)
    out = capsys.readouterr().err
    assert len(out.splitlines()) == 2
    assert all(line.isprintable() for line in out.splitlines())
    shown = [json.loads(line) for line in out.splitlines()] if style == "json" else []
    assert all(str(value).isprintable() for line in shown for value in line.values())
