"""Where programs are found, and how the host runs them there: this system, or a tree of packages.

x86_64 programs are those of the host. i386 ones stand in a tree that `fetch.py` unpacks: natively it
is entered by chroot in a mount namespace of its own, here by `--root`.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.programs.table import X86_64

TREE: Final = Path(
    os.environ.get("RINGSCOPE_I386_TREE", Path.home() / ".cache" / "ringscope" / "i386")
)
SEARCHED: Final = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_ENTER: Final = (
    'mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && '
    'exec chroot "$0" /usr/bin/env -C "$@"'
)


class Place(NamedTuple):
    """A root of files, and a directory in it: `work` as the host has it, `inside` as programs do."""

    root: Path
    work: Path
    scratch: Path

    @property
    def inside(self) -> str:
        return self.seen(self.work)

    def seen(self, path: Path) -> str:
        return "/" + str(path.relative_to(self.root)).removeprefix(".")

    @property
    def is_host(self) -> bool:
        return self.root == Path("/")

    def native(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """How the host runs `command` in this place."""
        if self.is_host:
            return command
        enter = ("sh", "-c", _ENTER, str(self.root), self.inside, *command)
        return (*unsharing(), *enter)

    def options(self) -> tuple[str, ...]:
        """What `ringscope` needs to run programs of this place."""
        root = () if self.is_host else ("--root", str(self.root))
        return (*root, "--rw", str(self.work))


@functools.cache
def unsharing() -> tuple[str, ...]:
    """How to get a mount namespace here; empty if this host lets nobody."""
    if shutil.which("unshare") is None:
        return ()
    for options in ("-m", "-Urm"):
        tried = subprocess.run(["unshare", options, "true"], capture_output=True, check=False)
        if not tried.returncode:
            return ("unshare", options)
    return ()


@contextmanager
def place_for(abi: str) -> Iterator[Place]:
    """A place with empty directories for one run."""
    root = Path("/") if abi == X86_64 else TREE
    parent = None if abi == X86_64 else TREE / "tmp"
    with TemporaryDirectory(dir=parent, prefix="programs-") as folder:
        work, scratch = Path(folder, "work"), Path(folder, "scratch")
        yield Place(root, work, scratch)


def lacks(abi: str, commands: tuple[str, ...]) -> str | None:
    """Why programs cannot be run natively for `abi`, or None."""
    if abi != X86_64 and not (TREE / "usr/bin/env").exists():
        return f"no tree of i386 packages in {TREE}: python -m tests.programs.fetch"
    if abi != X86_64 and not unsharing():
        return "the host does not let us chroot"
    root = Path("/") if abi == X86_64 else TREE
    for command in commands:
        name = command.lstrip("/") if command.startswith("/") else None
        paths = [root / name] if name else [root / d[1:] / command for d in SEARCHED]
        if not any(path.exists() for path in paths):
            return f"{command} is not installed"
    return None
