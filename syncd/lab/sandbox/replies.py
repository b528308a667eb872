"""JSON responses of the emulated platforms."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette import responses

JsonObject = dict[str, Any]
"""A parsed JSON object."""


class JSONResponse(responses.JSONResponse):
    """Starlette's JSON response with a faster encoder: encoding is half the cost of a long list."""

    def render(self, content: Any) -> bytes:
        """Encode the content to the same bytes as starlette does."""
        return msgspec.json.encode(content)
