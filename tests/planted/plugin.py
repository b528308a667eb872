"""A pytest plugin that plants the bug named by `BUG` for all tests of one process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.planted import named, named_cleanup

MODULES = (named, named_cleanup)
BUG = "SYNCD_PLANTED_BUG"


@pytest.fixture(autouse=True)
def planted() -> Iterator[None]:
    """Plant the bug while a test runs."""
    with pytest.MonkeyPatch.context() as patch:
        (module,) = [each for each in MODULES if hasattr(each, os.environ[BUG])]
        getattr(module, os.environ[BUG])(patch)
        yield
