"""The processor and the kernel below the tests: what they can run natively.

It knows the vendor, whether there is a hypervisor, and how to run a program as a shell would
report it. It is the oracle's side; the machine under test it does not know.
"""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

VENDORS: Final = {"GenuineIntel": "intel", "AuthenticAMD": "amd", "HygonGenuine": "amd"}


class Ended(NamedTuple):
    """How a command ended; `status` is 128 and more for a signal."""

    stdout: str
    status: int


def run(command: Sequence[str | Path], cwd: Path | None = None) -> Ended:
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        timeout=120,
        check=False,
    )
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return Ended(done.stdout.decode(), status)


def is_x86_64_linux() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64"


@functools.cache
def cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    first = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def vendor() -> str:
    return VENDORS.get(cpuinfo()["vendor_id"], "another")


def has_hypervisor() -> bool:
    return "hypervisor" in cpuinfo()["flags"].split()
