"""The addresses of the status endpoints and of the heartbeat."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from syncd.config.listen import ListenAddress
from syncd.config.secrets import ReadContext
from syncd.config.settings import General

HERE = ReadContext(Path("etc"), {"BEAT": "https://watch.example.com/x"})


def general(**said: object) -> General:
    return General.model_validate(said, context=HERE)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ListenAddress("127.0.0.1", 9464)),
        ("localhost:1", ListenAddress("localhost", 1)),
        ("unix:/run/syncd/page.sock", ListenAddress(path=Path("/run/syncd/page.sock"))),
    ],
)
def test_the_page_listens_on_this_machine(text: str, address: ListenAddress) -> None:
    said = general(listen=text).listen
    assert said == address
    assert str(said) == text


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:9464",
        "192.0.2.7:9464",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.999:80",
        "example.com:80",
        "unix:page.sock",
        "unix:/" + "x" * 120,
        9464,
    ],
)
def test_it_listens_nowhere_else(text: object) -> None:
    with pytest.raises(ValidationError):
        general(listen=text)


def test_both_are_off_unless_they_are_asked_for() -> None:
    assert general().listen is None
    assert general().heartbeat is None


def test_the_heartbeats_address_is_kept_as_a_secret() -> None:
    said = general(heartbeat={"env": "BEAT"}).heartbeat
    assert said is not None
    assert said.reveal() == "https://watch.example.com/x"
    assert "watch" not in repr(general(heartbeat={"env": "BEAT"}))


@pytest.mark.parametrize("url", ["http://watch.example.com/x", "ftp://x", "watch.example.com"])
def test_a_heartbeat_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        general(heartbeat=url)


def test_who_only_looks_needs_no_heartbeat() -> None:
    around = ReadContext(Path("etc"), {}, fetch=False)
    said = General.model_validate({"heartbeat": {"env": "BEAT"}}, context=around)
    assert said.heartbeat is not None
