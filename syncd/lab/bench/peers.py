"""`make bench-peers`: vdirsyncer between two CalDAV calendars, compared with syncd in one run.

Both keep the same number of event pairs in sync, over loopback HTTP, with the servers in their own
processes. vdirsyncer compares etags only; syncd reads every event. Measured is the CPU of the
client's process.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.cli import terminal
from syncd.lab.bench.__main__ import Bench
from syncd.lab.bench.measure import cpu_of

PEERS = ("vdirsyncer>=0.21,<0.22", "radicale>=3.9,<4")
EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//bench//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260501T090000Z
DTSTART:2026{month:02}{day:02}T{hour:02}0000Z
DTEND:2026{month:02}{day:02}T{hour:02}3000Z
SUMMARY:Knee pain
END:VEVENT
END:VCALENDAR
"""
CONFIG = """\
[general]
status_path = "{home}/status/"
[pair both]
a = "left"
b = "right"
collections = null
conflict_resolution = "a wins"
[storage left]
type = "caldav"
url = "http://127.0.0.1:{port}/bench/left/"
username = "bench"
password = "bench"
[storage right]
type = "caldav"
url = "http://127.0.0.1:{port}/bench/right/"
username = "bench"
password = "bench"
"""


def set_up(where: Path) -> Path:
    """Create an environment with the peers; return the folder of its programs."""
    if not (where / "bin" / "vdirsyncer").exists():
        subprocess.run([sys.executable, "-m", "venv", where], check=True)
        pip = [str(where / "bin" / "python"), "-m", "pip", "install", "--quiet", *PEERS]
        subprocess.run(pip, check=True)
    return where / "bin"


def fill(home: Path, size: int) -> None:
    """Write the same calendar twice, in radicale's format."""
    root = home / "radicale" / "collection-root" / "bench"
    for side in ("left", "right"):
        folder = root / side
        folder.mkdir(parents=True)
        (folder / ".Radicale.props").write_text('{"tag": "VCALENDAR"}')
        for n in range(size):
            text = EVENT.format(uid=f"e{n}", month=n % 12 + 1, day=n % 28 + 1, hour=n % 24)
            (folder / f"e{n}.ics").write_text(text.replace("\n", "\r\n"))


@contextmanager
def radicale(programs: Path, home: Path) -> Iterator[int]:
    """Serve the calendars; yield the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        str(programs / "radicale"),
        f"--server-hosts=127.0.0.1:{port}",
        "--auth-type=none",
        "--rights-type=authenticated",
        f"--storage-filesystem-folder={home / 'radicale'}",
        "--logging-level=error",
    ]
    with subprocess.Popen(command) as server:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()


def vdirsyncer(programs: Path, home: Path, size: int, rounds: int = 3) -> list[float]:
    """Return the CPU seconds of a sync without changes."""
    fill(home, size)
    with radicale(programs, home) as port:
        (home / "config").write_text(CONFIG.format(home=home, port=port))
        command = [str(programs / "vdirsyncer"), "-c", str(home / "config")]
        for step in (["discover"], ["sync"]):
            subprocess.run([*command, *step], check=True, capture_output=True, input=b"y\n")
        return [cpu_of([*command, "sync"]) for _ in range(rounds)]


def main() -> None:
    """Print both results side by side."""
    parser = argparse.ArgumentParser(prog="python -m syncd.lab.bench.peers", description=__doc__)
    parser.add_argument("--sizes", default="1000,10000", help="pairs, with commas")
    parser.add_argument("--environment", type=Path, default=Path(".venv-peers"))
    asked = parser.parse_args()
    programs = set_up(asked.environment.resolve())
    bench = Bench()
    rows = []
    for size in map(int, asked.sizes.split(",")):
        home = Path(tempfile.mkdtemp())
        theirs = statistics.median(vdirsyncer(programs, home, size))
        shutil.rmtree(home)
        with bench.served(size=size) as served:
            bench.cell("seed", f"{size}, state", home=served)
            one = bench.cell("over_http", f"{size} pairs over HTTP", home=served)
        ours = statistics.median(one["cpu"])
        rows.append([str(size), f"{theirs:.3f}", f"{ours:.3f}", f"{theirs / ours:.1f}"])
    columns = ("pairs", "vdirsyncer sync, CPU s", "syncd cycle, CPU s", "times")
    terminal.table("nothing changed, over loopback HTTP", columns, rows)
    terminal.say("vdirsyncer starts for each sync; syncd is a daemon, so its start is not counted")


if __name__ == "__main__":
    main()
