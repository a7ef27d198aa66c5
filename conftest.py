"""The project's own tests use its pytest plugin, installed or not."""

pytest_plugins = ["emu.testing.plugin"]
