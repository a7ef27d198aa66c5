"""What the kernel makes of a handover, and of time, on a real machine that has not run yet."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

from emu.errors import OurError
from emu.machine import Machine
from kernel_stub import layout
from kernel_stub.boot import ist_top
from kernel_stub.entry import constants as entry
from kernel_stub.errors import KernelBug
from kernel_stub.kernel import Kernel
from kernel_stub.launch import launch
from kernel_stub.vfs import VfsOptions

PROGRAM: Final = Path(__file__).resolve().parents[2] / "examples/bin/fast_syscall_64"
SIZE: Final = entry.PT_REGS_STRUCT.size
TOP: Final = layout.KERNEL_STACKS + layout.KERNEL_STACK_SIZE
GETPID: Final = 39


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    machine = Machine(16 << 20)
    name = bytes(PROGRAM)
    return launch(machine, name, [name], [], VfsOptions())


def put_call(kernel: Kernel, at: int, number: int) -> None:
    """Writes pt_regs of system call `number` to the linear address `at`."""
    regs = dict.fromkeys(entry.PT_REGS, 0) | {"orig_rax": number}
    kernel.half.tables.write(at, entry.PT_REGS_STRUCT.pack(*regs.values()))


STACKS: Final = [TOP, *map(ist_top, layout.IST.values())]


@pytest.mark.parametrize("top", STACKS, ids=hex)
def test_pt_regs_may_lie_on_every_stack_of_ring_0(kernel: Kernel, top: int) -> None:
    at = top - SIZE
    put_call(kernel, at, GETPID)
    kernel.handed_over(entry.HANDOVER_SYSCALL_64, at)
    rax = kernel.half.tables.read(at + entry.PT_OFFSET["rax"], 8)
    assert struct.unpack("<q", rax) == (kernel.task.pid,)


@pytest.mark.parametrize(
    "address",
    [
        0,
        0x1234_5678,
        layout.USER_64.stack_top - 0x1000,
        layout.KERNEL_TEXT,
        layout.GDT_BASE,
        TOP,
        TOP - SIZE + 8,
        TOP - SIZE - 4,
        layout.KERNEL_STACKS - 8,
        (1 << 64) - 8,
        1 << 63,
    ],
    ids=hex,
)
def test_pt_regs_elsewhere_are_a_mistake_of_ring_0_told_in_one_sentence(
    kernel: Kernel, address: int
) -> None:
    with pytest.raises(KernelBug, match=f"^ring 0 handed over pt_regs at {address:#x}, which"):
        kernel.handed_over(entry.HANDOVER_SYSCALL_64, address)


@pytest.mark.parametrize("call", [0, 99, entry.HANDOVER_EXCEPTION + 2, (1 << 64) - 1])
def test_a_handover_that_does_not_exist_is_a_mistake_of_ring_0(kernel: Kernel, call: int) -> None:
    regs = dict.fromkeys(entry.PT_REGS, 0) | {"cs": layout.USER_CS}
    kernel.half.tables.write(TOP - SIZE, entry.PT_REGS_STRUCT.pack(*regs.values()))
    with pytest.raises(OurError, match=r"^ring 0 handed over .*report it$"):
        kernel.handed_over(call, TOP - SIZE)
