"""Kernels made of a few instructions, for one check each: bytes at the machine's own handlers.

Every table of a test is bytes by handler; what a kernel of files does, examples/kernels shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emu.testing import Guest, MakeMachine

SWAPGS, SYSRET, IRET, CLD, STI, CLI = "0f01f8", "480f07", "48cf", "fc", "fb", "fa"
CALL_NEXT = "e800000000 58"  # call to the next instruction, which pops the address into RAX
USE_GS = "65488b042500000000"  # mov %gs:0, %rax
POPF = "6a02 9d"  # push $2; popf
PROGRAMS = {"syscall": "0f05", "int80": "cd80", "sysenter": "0f34"}
HANDLERS = {
    "syscall": "syscall_handler",
    "int80": "vector_0x80",
    "sysenter": "sysenter_handler",
}
ROOM = 0x800  # where a kernel of more than 16 bytes stands, behind all handlers


def guest_with(machine: MakeMachine, mechanism: str, kernel: str, **declaration: Any) -> Guest:
    """A machine whose handler of `mechanism` is `kernel`, before a program that goes there."""
    guest = machine(**declaration)
    place = guest.symbols["sysenter_handler"] + ROOM
    guest.write(place, bytes.fromhex(kernel))
    jump = place - guest.symbols[HANDLERS[mechanism]] - 5
    guest.write(HANDLERS[mechanism], b"\xe9" + jump.to_bytes(4, "little"))
    bits = 32 if mechanism == "sysenter" else 64
    return guest.code(bytes.fromhex(PROGRAMS[mechanism]), bits=bits)


def with_msrs(**values: int) -> Mapping[str, Any]:
    """A declaration of MSRs alone."""
    return {"msrs": values}
