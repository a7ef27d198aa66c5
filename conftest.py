"""The project's own tests use its pytest plugin, installed or not, and test it with pytester."""

from __future__ import annotations

pytest_plugins = ["emu.testing.plugin", "pytester"]
