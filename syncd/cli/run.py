"""`syncd run`: the daemon."""

from __future__ import annotations

import asyncio
import os
import sys

import typer

from syncd.cli.options import ConfigOption, settings_of
