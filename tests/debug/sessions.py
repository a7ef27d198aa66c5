"""A debugger on a fixture, launched as the command does it, without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emu.cli.guest import LinuxGuest
from emu.debug.core import Debugger
from emu.machine import Machine
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples" / "bin"
FIXTURES: Final = ROOT / "tests" / "fixtures" / "bin"
MEMORY: Final = 64 << 20


def path_of(name: str) -> Path:
    """The example or fixture `name`."""
    example = EXAMPLES / name
    return example if example.exists() else FIXTURES / name


def debug(name: str, arguments: Sequence[bytes] = (), counter: str = "auto") -> Debugger:
    """A debugger in front of the first instruction of the program `name`."""
    machine = Machine(MEMORY, counter=counter)
    path = str(path_of(name)).encode()
    kernel = launch(machine, path, [path, *arguments], [b"LC_ALL=C"], VfsOptions())
    kernel.write_to_host = lambda descriptor, data: len(data)
    return Debugger(machine, LinuxGuest(kernel))
