"""What every TOML table of the configuration is."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict

# To look for plugins of other packages takes longer than to read a configuration, and none of them
# has any business with what stands in it.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class SettingsTable(BaseModel):
    """A TOML table: read-only, and with no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
