"""Promise 11: secrets, names, addresses, phone numbers and titles never leave the process.

The daemon runs with its status page and the most detailed log level, in text and in JSON. The
platforms put every such value into their records, and into bodies and headers of their errors. Then
the test searches all output: log, database, /metrics, /readyz, systemd's status line, the control
socket.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import httpx
import pytest
import structlog

from syncd.accounts import secrets_of
from syncd.app import App, build
from syncd.cli.run import monitor_of, settings_secrets
from syncd.config.load import load
from syncd.config.settings import Settings
from syncd.daemon.jobs import Jobs
from syncd.daemon.logging import set_up
from syncd.daemon.service import JobIntervals, serve
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from tests.daemon.kit import until
from tests.fast_clock import FastClock

NAME, EMAIL, PHONE = "Xylander Quuxworth", "xylander.quuxworth@example.com", "+4930555777123"
TITLE = "Zymurgy of the left knee"
PERSONAL = (*NAME.split(), EMAIL, "xylander.", PHONE, PHONE[1:], TITLE, "Zymurgy")
HOURLY = JobIntervals(timedelta(hours=1), timedelta(hours=1), time(3, 30), UTC)


class Gossip(httpx.AsyncBaseTransport):
    """A platform that sometimes refuses, and includes all private values in its answer."""

    def __init__(self, way: httpx.AsyncBaseTransport, secrets: list[str]) -> None:
        self._way = way
        self._secrets = secrets
        self._calls = 0
        self.refused = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._calls += 1
        if self._calls % 3:
            return await self._way.handle_async_request(request)
        self.refused += 1
        statuses = (400, 500, 422, 429, 404, 503, 401)
        status = statuses[self.refused % len(statuses)]
        told = (
            f"Contact {NAME} <{EMAIL}>, phone {PHONE}, has '{TITLE}' already; "
            f"you sent {' and '.join(self._secrets)} to {request.url}"
        )
        body = {"message": told, "error": told, "ExceptionMessage": told, "Status": "Error"}
        headers = {"x-trace": quote(told), "retry-after": "0"}
        return httpx.Response(status, json=body, headers=headers, request=request)


def gossips(world: Clinic, settings: Settings) -> dict[str, Gossip]:
    """Return the platforms, each with the secrets of its own account."""
    apps = world.sandbox.apps
    return {
        name: Gossip(httpx.ASGITransport(app=apps[name]), secrets_of(settings.systems[name]))
        for name in SYSTEM_NAMES
    }


def talkative_world() -> Clinic:
    """Give every customer the private name, and every meeting the private title."""
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC))
    for name, platform in sandbox.systems.items():
        customer = platform.add_contact(NAME, EMAIL, PHONE)
        for number, who in enumerate(("alice", "bob")):
            seat = world.seed_users[name, who]
            start = world.at(3 + number, 18)
            end = start + timedelta(minutes=30)
            platform.book(seat.calendar, seat.user, start, end, customer, title=TITLE)
            platform.block(seat.user, end, end + timedelta(minutes=30), TITLE)
    sandbox.urls = {"crm": "http://127.0.0.1/v2", "clinic": "http://127.0.0.1", "legacy": ""}
    sandbox.urls["legacy"] = "http://127.0.0.1/v1"
    return world


def unpolled(world: Clinic) -> str:
    """Return a configuration whose polls never come between two requests."""
    text = config_text(world, "state.db").replace('every = "1m"', 'every = "1h"')
    return text.replace('every = "10s"', 'every = "10m"')


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Restore the logging of the test process."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


async def live(app: App, folder: Path) -> str:
    """Run the daemon: resyncs, a socket request, a failing job; return all output."""
    notices: list[str] = []
    monitor = monitor_of(app.settings, app)
    app.engine.on_write = monitor.wrote
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.setblocking(False)
        env = {"NOTIFY_SOCKET": str(folder / "notify")}
        state = app.settings.syncd.state_path
        running = asyncio.create_task(
            serve(app.engine, HOURLY, state, env, handle_signals=False, monitor=monitor)
        )
        await until(lambda: monitor.allowances, 30)
        work = Jobs(
            app.engine, monitor.record_report, monitor.failed, reset_backoff=monitor.reset_backoff
        )
        for _ in range(3):
            result, _code = await work.on_request({}, notices.append)
            notices.append(json.dumps(result))
        # A fault of the program itself, with everything in its text.
        logging.getLogger("some.library").error("%s %s %s", EMAIL, PHONE, app.settings.path)
        notices.append(monitor.metrics.render().decode())
        notices += [json.dumps(monitor.ready()[1]), json.dumps(monitor.alive()[1])]
        app.engine.stopping.set()
        await running
        while True:
            try:
                notices.append(manager.recv(65536).decode())
            except BlockingIOError:
                break
    return "\n".join(notices)


@pytest.mark.prove
@pytest.mark.parametrize("style", ["json", "text"])
async def test_nothing_private_leaves_the_daemon(
    style: Literal["json", "text"], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = talkative_world()
    path = tmp_path / "syncd.toml"
    path.write_text(unpolled(world))
    settings = load(path, {})
    secrets = settings_secrets(settings)
    set_up(secrets, style=style, level="debug")
    ways = gossips(world, settings)
    app = build(settings, clock=FastClock(), transports=ways)
    try:
        output = await live(app, tmp_path)
    finally:
        await app.aclose()
    with sqlite3.connect(settings.syncd.state_path) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    out, err = capsys.readouterr()
    assert sum(way.refused for way in ways.values()) > 15, "nobody gossiped"
    assert "[e-mail]" in err
    assert "INSERT INTO" in dump
    assert '"cycle"' in err or "cycle" in err
    places = {"log": err, "output": out, "database": dump, "told": output}
    found = {
        (place, private)
        for place, text in places.items()
        for private in (*PERSONAL, *secrets, *(quote(s, "") for s in secrets))
        if private in text
    }
    assert found == set()


@pytest.mark.prove
async def test_each_job_is_one_event_with_its_run_and_all_lines_of_a_run_carry_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = talkative_world()
    path = tmp_path / "syncd.toml"
    path.write_text(unpolled(world))
    settings = load(path, {})
    set_up(settings_secrets(settings), style="json")
    ways = gossips(world, settings)
    app = build(settings, clock=FastClock(), transports=ways)
    try:
        await live(app, tmp_path)
    finally:
        await app.aclose()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    cycles = [line for line in lines if line["event"] == "cycle"]
    assert [line["job"] for line in cycles] == ["resync", "request", "request", "request"]
    assert len({line["run"] for line in cycles}) == 4
    assert set(cycles[0]) >= {
        "run", "job", "seconds", "cycles", "ended", "systems", "news", "writes", "refused",
        "conflicts", "exposures", "journal", "guarded", "level", "timestamp",
    }  # fmt: skip
    within = [line for line in lines if line["event"] in {"system in trouble", "write rejected"}]
    assert within
    assert all(line["run"] in {c["run"] for c in cycles} for line in within)
