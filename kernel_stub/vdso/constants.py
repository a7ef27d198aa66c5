"""What the vDSO's assembly and the kernel both know: the clock page, clocks, call numbers.

`as_assembly` writes them for the assembler (vdso64.inc, vdso32.inc), from the modules that own
them; nothing of it is typed twice. It maps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kernel_stub import layout
from kernel_stub.abi import i386, x86_64
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.syscalls import time
from kernel_stub.syscalls.system import RELEASE
from kernel_stub.vdso import clockpage

_HERE: Final = time.WALL | time.UPTIME
CALLS_64: Final = ("clock_gettime", "gettimeofday", "time", "clock_getres")
CALLS_32: Final = (*CALLS_64, "clock_gettime64", "sigreturn", "rt_sigreturn")


def as_assembly(names: Mapping[int, str], wanted: Iterable[str]) -> str:
    """The constants as GNU as assignments, with the numbers of the calls `wanted`."""
    by_name = {name: number for number, name in names.items()}
    major, minor, patch = map(int, RELEASE.split(b"."))
    numbers = clockpage.OFFSETS | {
        "CLOCKS_END": max(_HERE) + 1,
        "CLOCKS_HERE": _mask(_HERE),
        "CLOCKS_WALL": _mask(time.WALL),
        "CLOCKS_COARSE": _mask(time.COARSE),
        "COARSE_NS": time.COARSE_NS,
        "SECOND": SECOND,
        "CPU_NODE": layout.CPU_NODE,
        "CPU_MASK": layout.CPU_MASK,
        "NODE_SHIFT": layout.NODE_SHIFT,
        "LINUX_VERSION_CODE": major << 16 | minor << 8 | patch,
    }
    numbers |= {f"NR_{name}": by_name[name] for name in wanted}
    lines = ["/* Written by kernel_stub/vdso/build.py from constants.py: do not edit. */"]
    lines += [f"        .set {name}, {value:#x}" for name, value in numbers.items()]
    return "\n".join(lines) + "\n"


def _mask(clocks: Iterable[int]) -> int:
    return sum(1 << clock for clock in clocks)


CONSTANTS: Final = {
    "vdso64": (x86_64.NAMES, CALLS_64),
    "vdso32": (i386.NAMES, CALLS_32),
}
