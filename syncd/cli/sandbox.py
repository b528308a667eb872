"""`syncd sandbox`: serve emulators of the three platforms, to try syncd and to develop adapters."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import terminal
from syncd.cli.options import UsageError
from syncd.lab.sandbox.scenario import config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox


def sandbox(
    *,
    ports: Annotated[
        str,
        typer.Option(metavar="CRM,CLINIC,LEGACY,CONTROL", help="Four ports; 0 picks a free port."),
    ] = "8401,8402,8403,8400",
    write_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a configuration for the sandbox to a new file."),
    ] = None,
    empty: bool = typer.Option(
        False, "--empty", help="Create users and calendars, but no bookings."
    ),
) -> None:
    """Serve emulators of LeadSquared, LeadConnector v2 and v1 on loopback, until Ctrl-C.

    They contain three providers and a week of bookings; all data is invented. The control port
    accepts actions that users do by hand, such as: POST /clinic/cancel {"id": "…"}. GET
    /clinic/state shows the ids; the response to an unknown action lists all actions, copy-block and
    rename-user among them. POST /clinic/break-row {"id": "…", "lack": "no-end"} (or "no-id",
    "no-owner", "no-object") makes a list row unreadable, and repair-row {"id": "…"} repairs it.
    POST /clinic/faults {"kind": "slow", "seconds": 2, "times": 9} makes the next requests slow; the
    response to an unknown kind lists all kinds; DELETE /clinic/faults ends the faults. POST
    /clinic/set-fact {"name": "block_by_id", "side": "yes"} sets a measured fact; GET /clinic/facts
    lists all names, and the response to an unknown side lists all sides.
    """
    asyncio.run(_serve(_ports(ports), write_config, empty=empty))


def _ports(text: str) -> list[int]:
    parts = text.split(",")
    try:
        ports = [int(part) for part in parts]
    except ValueError:
        ports = []
    if len(ports) != 4 or not all(0 <= port < 65536 for port in ports):  # noqa: PLR2004
        raise UsageError(
            f"--ports {text!r} is not a list of four ports", "Write 8401,8402,8403,8400."
        )
    return ports


async def _serve(ports: list[int], write_config: Path | None, *, empty: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    server = Sandbox()
    world = seed_clinic(server, datetime.now(UTC), empty=empty)
    try:
        async with server.serve(ports=ports):
            rows = [(name, url) for name, url in server.urls.items()]
            terminal.table("sandbox", ("system", "url"), rows)
            if write_config is not None:
                _write(write_config, config_text(world, "sandbox.db"))
                terminal.say(f"try: syncd --config {write_config} resync")
            terminal.say("press Ctrl-C to stop")
            await stop.wait()
    except OSError as error:
        raise UsageError(
            f"a port cannot be opened: {error.strerror}",
            "Use other ports with --ports, or 0,0,0,0.",
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", "Use the name of a new file."
        ) from None
