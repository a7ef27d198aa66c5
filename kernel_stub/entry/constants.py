"""What the assembly of the entry code and the Python behind it both know: offsets and numbers.

`as_assembly` writes them for the assembler (offsets.inc); nothing of it is typed twice.
Names of registers saved on the stack as in Linux: asm/ptrace.h, `struct pt_regs`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from emu.x86 import descriptors, flags, vectors
from emu.x86.paging import PAGE_SIZE
from kernel_stub import layout
from kernel_stub.errno import ENOSYS

# pt_regs, lowest address first. The entry code pushes them from the end.
PT_REGS: Final = tuple(
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
    "rip cs rflags rsp ss".split()
)
PT_REGS_STRUCT: Final = Struct(f"<{len(PT_REGS)}Q")
PT_OFFSET: Final = {name: 8 * i for i, name in enumerate(PT_REGS)}

# What RAX says when the entry code hands over; an exception adds its vector.
HANDOVER_SYSCALL_64: Final = 1
HANDOVER_INT80: Final = 2
HANDOVER_SYSENTER: Final = 3
HANDOVER_SYSCALL_32: Final = 4
HANDOVER_TIMER: Final = 5
HANDOVER_EXCEPTION: Final = 0x100

# The per-CPU area behind the kernel's GS.
CPU_KERNEL_RSP: Final = 0
CPU_USER_RSP: Final = 8
CPU_USER_RSP_AT: Final = layout.PER_CPU + CPU_USER_RSP

# Where pt_regs stand, at the end of a page, for a return to a stack segment of the LDT: where they
# are written, and the first of the places from which they are read.
ESPFIX_REGS_WRITABLE: Final = layout.ESPFIX_PAGE + PAGE_SIZE - PT_REGS_STRUCT.size
ESPFIX_REGS: Final = layout.ESPFIX_STACKS + PAGE_SIZE - PT_REGS_STRUCT.size

# How the entry code calls its part for each vector: asm_exc_NAME.
EXCEPTIONS: Final = dict(
    enumerate(
        "divide_error debug nmi int3 overflow bounds invalid_op device_not_available double_fault "
        "coproc_segment_overrun invalid_tss segment_not_present stack_segment general_protection "
        "page_fault spurious_interrupt_bug coprocessor_error alignment_check machine_check "
        "simd_coprocessor_error virtualization_exception control_protection".split()
    )
)


def as_assembly() -> str:
    """The constants as GNU as assignments."""
    numbers = {f"PT_{name.upper()}": offset for name, offset in PT_OFFSET.items()}
    numbers |= {name: value for name, value in globals().items() if _is_shared(name, value)}
    numbers["PT_SIZE"] = PT_REGS_STRUCT.size
    numbers["ENOSYS"] = ENOSYS
    numbers["SELECTOR_IN_LDT"] = descriptors.TABLE_INDICATOR
    numbers |= {name: getattr(layout, name) for name in ("USER32_CS", "USER_DS", "USER_CS")}
    numbers |= {f"FLAG_{name}": getattr(flags, name) for name in ("TF", "IF", "RF", "NT")}
    lines = ["/* Written by kernel_stub/entry/build.py from constants.py: do not edit. */"]
    lines += [f"        .set {name}, {value:#x}" for name, value in numbers.items()]
    lines += ["        .macro  EVERY_EXCEPTION", *_exceptions(), "        .endm"]
    return "\n".join(lines) + "\n"


def _exceptions() -> list[str]:
    """The macro EXCEPTION of entry.S for each vector: name, with a code?, on an IST stack?"""
    with_code = {row.number for row in vectors.TABLE.values() if row.has_error_code}
    row = "        EXCEPTION {:#04x} {} {:d} {:d}"
    return [
        row.format(vector, name, vector in with_code, vector in layout.IST)
        for vector, name in EXCEPTIONS.items()
    ]


def _is_shared(name: str, value: object) -> bool:
    return name.startswith(("HANDOVER_", "CPU_", "ESPFIX_")) and isinstance(value, int)
