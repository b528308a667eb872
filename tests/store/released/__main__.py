"""Save the state of the version to be released: `python -m tests.store.released`."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tests.store.released import FROZEN, furnished, revisions

with tempfile.TemporaryDirectory() as folder:
    state = Path(folder) / "syncd.db"
    furnished(state)
    with closing(sqlite3.connect(state)) as database:
        text = "\n".join(database.iterdump()) + "\n"
(FROZEN / f"{revisions()[-1]}.sql").write_text(text)
