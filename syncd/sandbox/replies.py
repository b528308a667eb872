"""What the emulated platforms answer with."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette import responses


class JSONResponse(responses.JSONResponse):
    """Starlette's, made by a faster writer: half of what a long list costs is its text."""

    def render(self, content: Any) -> bytes:
        """Write the same bytes."""
        return msgspec.json.encode(content)
