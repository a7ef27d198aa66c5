"""The table of commands: what help, completion and docs/debugger.md are made of."""

from __future__ import annotations

from typing import Final

from emu.console import frames, looking, own, pointing, running, sources, system, tasks
from emu.console.command import Command

COMMANDS: Final[tuple[Command, ...]] = (
    *running.COMMANDS,
    *pointing.COMMANDS,
    *looking.COMMANDS,
    *frames.COMMANDS,
    *sources.COMMANDS,
    *tasks.COMMANDS,
    *system.COMMANDS,
    *own.COMMANDS,
)
