"""The base class of all tables of the configuration."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict

# The search for plugins takes longer than reading a configuration, and no plugin should see it.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class SettingsTable(BaseModel):
    """A TOML table: immutable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
