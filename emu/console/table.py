"""The table of commands: what help, completion and docs/debugger.md are made of."""

from __future__ import annotations

from typing import Final

from emu.console import looking, own, pointing, running, system
from emu.console.command import Command

COMMANDS: Final[tuple[Command, ...]] = (
    *running.COMMANDS,
    *pointing.COMMANDS,
    *looking.COMMANDS,
    *system.COMMANDS,
    *own.COMMANDS,
)
