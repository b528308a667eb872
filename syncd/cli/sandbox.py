"""`syncd sandbox`: the three platforms, emulated, to try syncd and to write adapters against."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import terminal
from syncd.cli.options import UsageError
from syncd.sandbox.scenario import config_text, seed_clinic
from syncd.sandbox.server import Sandbox


def sandbox(
    *,
    ports: Annotated[
        str,
        typer.Option(
            metavar="CRM,CLINIC,LEGACY,CONTROL", help="Four ports; 0 takes any that is free."
        ),
    ] = "8401,8402,8403,8400",
    write_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a configuration for it; never over a file."),
    ] = None,
    empty: bool = typer.Option(False, "--empty", help="People and calendars, but no bookings."),
) -> None:
    """Serve emulators of LeadSquared, LeadConnector v2 and v1 on loopback, until Ctrl-C.

    They hold three people and a week of bookings, and nothing in them is real. The control port
    takes what people do by hand, such as: POST /clinic/cancel {"id": "…"}. GET /clinic/state shows
    the ids; a wrong verb is answered with those that there are, copy-block and rename-user among
    them. POST /clinic/break-row {"id": "…", "lack": "no-end"} (or "no-id", "no-owner", "no-object")
    makes a record unreadable, and repair-row {"id": "…"} whole again. POST /clinic/faults
    {"kind": "slow", "seconds": 2, "times": 9} makes the next requests fail; a wrong kind is
    answered with all of them; DELETE /clinic/faults ends it. What nobody knows of a real account
    is set by POST /clinic/set-fact {"name": "block_by_id", "side": "yes"}; GET /clinic/facts shows
    all names, a wrong side is answered with those that there are.
    """
    asyncio.run(_serve(_ports(ports), write_config, empty=empty))


def _ports(text: str) -> list[int]:
    parts = text.split(",")
    try:
        found = [int(part) for part in parts]
    except ValueError:
        found = []
    if len(found) != 4 or not all(0 <= port < 65536 for port in found):  # noqa: PLR2004
        raise UsageError(f"--ports {text!r} is not four ports", "Write 8401,8402,8403,8400.")
    return found


async def _serve(ports: list[int], write_config: Path | None, *, empty: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    made = Sandbox()
    world = seed_clinic(made, datetime.now(UTC), empty=empty)
    try:
        async with made.serve(ports=ports):
            rows = [(name, url) for name, url in made.urls.items()]
            terminal.table("sandbox", ("system", "url"), rows)
            if write_config is not None:
                _write(write_config, config_text(world, "sandbox.db"))
                terminal.say(f"try: syncd --config {write_config} resync")
            terminal.say("Ctrl-C ends it")
            await stop.wait()
    except OSError as error:
        raise UsageError(
            f"a port cannot be served: {error.strerror}", "Name others with --ports, or 0,0,0,0."
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", "Name a new file."
        ) from None
