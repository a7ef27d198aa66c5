"""Builds the guests anew: `python -m bench.guests.build` needs gcc that can also do -m32.

It holds the one command for each, and nothing of what they measure; the built programs are
committed, so that measuring needs no compiler. `--check` builds elsewhere and compares.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
BINARIES: Final = HERE / "bin"
COMPILER: Final = BINARIES / "compiler.txt"  # which one made what is there
_STATIC: Final = (
    "-static",
    "-nostdlib",
    "-no-pie",
    "-s",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
)
_FREESTANDING: Final = (
    "-O2",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-tree-vectorize",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
)


class Guest(NamedTuple):
    """One program: its source, its word size and what else the compiler is told."""

    name: str
    source: str
    bits: int
    flags: tuple[str, ...]

    def command(self, target: Path) -> list[str]:
        """What builds it."""
        return ["gcc", f"-m{self.bits}", *self.flags, *_STATIC, "-o", str(target), self.source]


def _getpid(mechanism: str, bits: int) -> Guest:
    name = f"{mechanism}_{bits}"
    return Guest(f"getpid_{name}", "src/getpid.S", bits, (f"-DMECHANISM={name}",))


GUESTS: Final = (
    Guest("compute", "src/compute.c", 64, _FREESTANDING),
    Guest("touch", "src/touch.c", 64, _FREESTANDING),
    Guest("tasks", "src/tasks.c", 64, _FREESTANDING),
    _getpid("syscall", 64),
    _getpid("int80", 64),
    _getpid("int80", 32),
    _getpid("sysenter", 32),
)


def compiler() -> str:
    """What the compiler says of itself: another one makes other bytes."""
    said = subprocess.run(["gcc", "--version"], check=True, capture_output=True, text=True)
    return said.stdout.splitlines()[0]


def build(folder: Path) -> None:
    """Builds every guest into `folder`."""
    folder.mkdir(exist_ok=True)
    for guest in GUESTS:
        subprocess.run(guest.command(folder / guest.name), cwd=HERE, check=True)


def differing() -> list[str]:
    """The guests whose committed program is not what this compiler makes."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        return [
            guest.name
            for guest in GUESTS
            if Path(folder, guest.name).read_bytes() != (BINARIES / guest.name).read_bytes()
        ]


def main(arguments: list[str]) -> int:
    """Builds, or with `--check` compares."""
    if arguments == ["--check"]:
        names = differing()
        print("\n".join(f"{name} differs" for name in names) or "all are what gcc makes here")
        return 1 if names else 0
    build(BINARIES)
    COMPILER.write_text(compiler() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
