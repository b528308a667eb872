"""Types of values: durations, times, zones, addresses, shares."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from syncd.config.fields import parse_duration
from syncd.config.problems import InvalidValueError
from syncd.config.settings import LeadConnectorV1System

from .conftest import ALICE, CLINIC, CRM, LEGACY, SMALL, ConfigFile


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta()),
        (timedelta(seconds=3), timedelta(seconds=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: object, meaning: timedelta) -> None:
    assert parse_duration(text) == meaning


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 m", "m", "-5m", "1.5h", "1h30m", "5w", "٣m", "5M", 60, True, None, "9" * 10 + "d"],
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_duration(text)
    assert "90s" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('near = { every = "4s" }', "near.every", "too short"),
        ('longest = "23h"', "longest", "too short"),
        ('longest = "367d"', "longest", "too long"),
        ("longest = 60", "longest", "not a valid duration"),
        ('near = { every = "2d" }', "near.every", "too long"),
        ('near = { ahead = "30m" }', "near.ahead", "too short"),
        ('far = { every = "30s" }', "far.every", "too short"),
        ('window = { future = "367d" }', "window.future", "too long"),
        ('window = { past = "367d" }', "window.past", "too long"),
        ('near = { ahead = "61d" }', "near.ahead", "further ahead than the whole window"),
        ("near = { every = 60 }", "near.every", "not a valid duration"),
        ('near = { every = "soon" }', "near.every", '"soon" is not a valid duration'),
        ('near = "60s"', "near", "not a table"),
        ('resync_at = "24:00"', "resync_at", "not a valid time of day"),
        ('resync_at = "3:30"', "resync_at", "not a valid time of day"),
        ("resync_at = 330", "resync_at", "not a valid time of day"),
        ('zone = "Europe/Berlim"', "zone", '"Europe/Berlim" is not a known time zone'),
        ('zone = ""', "zone", "not a known time zone"),
        ("zone = 1", "zone", "not a text"),
        ('state = ""', "state", "empty"),
        ('state = "oracel://host/db"', "state", "unknown type of database"),
        ('state = "://"', "state", "not a database URL"),
        ('log = { format = "yaml" }', "log.format", '"yaml" is not an allowed value'),
        ('log = { level = "infos" }', "log.level", '"infos" is not an allowed value'),
    ],
)
def test_a_general_setting_out_of_bounds_is_refused(
    config_file: ConfigFile, line: str, key: str, reason: str
) -> None:
    problem = config_file.problem(f"[syncd]\n{line}\n{SMALL}")
    assert problem.key == f"syncd.{key}"
    assert reason in problem.reason
    assert problem.line == 2


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('window = { future = "1d" }', "near.ahead", "further ahead than the whole window"),
        ('near = { every = "20m" }', "far.every", "more often than the near window"),
    ],
)
def test_a_setting_that_does_not_fit_a_default_is_refused(
    config_file: ConfigFile, line: str, key: str, reason: str
) -> None:
    problem = config_file.problem(f"[syncd]\n{line}\n{SMALL}")
    assert problem.key == f"syncd.{key}"
    assert reason in problem.reason


@pytest.mark.parametrize(
    "line",
    [
        'near = { every = "5s" }',
        'near = { ahead = "60d" }',
        'window = { past = "0d", future = "366d" }',
        'window = { future = "2d" }',
        'near = { every = "15m" }',
    ],
)
def test_the_bounds_themselves_are_allowed(config_file: ConfigFile, line: str) -> None:
    assert config_file.load(f"[syncd]\n{line}\n{SMALL}").warnings == ()


@pytest.mark.parametrize("written", ['"04:05"', '"04:05:00"', "04:05:00"])
def test_the_time_of_the_resync_is_text_or_tomls_own(config_file: ConfigFile, written: str) -> None:
    assert config_file.load(f"[syncd]\nresync_at = {written}\n{SMALL}").syncd.resync_at == time(
        4, 5
    )


def test_zones_are_iana_names_old_aliases_included(config_file: ConfigFile) -> None:
    text = '[syncd]\nzone = "Europe/Berlin"\n' + SMALL + LEGACY + 'timezone = "US/Eastern"\n'
    settings = config_file.load(text + '[providers.alice]\nzone = "Asia/Kolkata"\n')
    legacy = settings.systems["legacy"]
    assert isinstance(legacy, LeadConnectorV1System)
    assert legacy.timezone == "US/Eastern"
    assert (settings.syncd.zone, settings.providers["alice"].zone) == (
        "Europe/Berlin",
        "Asia/Kolkata",
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.example.com/v2", "plain http"),
        ("http://10.0.0.1", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("ftp://api.example.com", "not a valid web address"),
        ("api.example.com", "not a valid web address"),
        ("https://", "not a valid web address"),
        ("https://[::1", "not a valid web address"),
        ("https://host.example:port", "not a valid web address"),
        ("https://me:hush-4711@host.example", "more than host, port and path"),
        ("https://host.example/v2?key=hush-4711", "more than host, port and path"),
    ],
)
def test_an_unsafe_or_odd_address_is_refused_and_not_repeated(
    config_file: ConfigFile, url: str, reason: str
) -> None:
    problem = config_file.problem(CRM + CLINIC + f'base_url = "{url}"\n' + ALICE)
    assert problem.key == "systems.clinic.base_url"
    assert reason in problem.reason
    assert "hush-4711" not in str(problem)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/v2", "http://localhost:1", "http://[::1]:9", "https://h.example"]
)
def test_plain_http_is_for_this_machine(config_file: ConfigFile, url: str) -> None:
    settings = config_file.load(CRM + CLINIC + f'base_url = "{url}/"\n' + ALICE)
    assert settings.systems["clinic"].base_url == url


@pytest.mark.parametrize(
    ("written", "share"),
    [("0.5", 0.5), ('"20%"', 0.2), ('"12.5 %"', 0.125), ("1", 1.0), ("0", 0.0)],
)
def test_a_share_is_a_fraction_or_a_percentage(
    config_file: ConfigFile, written: str, share: float
) -> None:
    assert config_file.load(SMALL + f"[guard]\nshare = {written}").guard.share == pytest.approx(
        share
    )


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("share = 20", "share"),
        ("share = -0.1", "share"),
        ("share = nan", "share"),
        ('share = "101%"', "share"),
        ('share = "a fifth"', "share"),
        ("share = true", "share"),
        ("count = -1", "count"),
        ("count = true", "count"),
        ('count = "10"', "count"),
        ("common = 0", "common"),
        ("common = 5.0", "common"),
        ("all = 0", "all"),
        ('all = "3"', "all"),
        ("all = true", "all"),
    ],
)
def test_a_guard_out_of_bounds_is_refused(config_file: ConfigFile, line: str, key: str) -> None:
    assert config_file.problem(SMALL + f"[guard]\n{line}").key == f"guard.{key}"
