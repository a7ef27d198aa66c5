"""Where things lie in linear memory: the user's half, and the kernel's half.

Numbers only. The user's half is what Linux gives without address-space layout randomisation.
Linux kernel documentation, "Memory Management" (x86_64); personality(2): ADDR_NO_RANDOMIZE.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86 import vectors
from emu.x86.paging import PAGE_SIZE

# --- The user's half -----------------------------------------------------------------------------


class UserLayout(NamedTuple):
    """The places of a program's memory. Mappings grow down from `mmap_top`."""

    task_size: int  # the first address that no program may use
    program_base: int  # a position-independent program that has an interpreter
    lone_break: int  # where the heap of one without interpreter begins
    stack_top: int
    mmap_top: int
    mmap_low: int  # where mappings are sought, upwards, when none fits below mmap_top


USER_64: Final = UserLayout(
    task_size=0x7FFF_FFFF_F000,
    program_base=0x5555_5555_4000,
    lone_break=0x5555_5555_5000,
    stack_top=0x7FFF_FFFF_F000,
    mmap_top=0x7FFF_F7FF_F000,
    mmap_low=0x2AAA_AAAA_A000,
)
USER_32: Final = UserLayout(
    task_size=0xFFFF_E000,
    program_base=0x5655_5000,
    lone_break=0x5655_5000,
    stack_top=0xFFFF_E000,
    mmap_top=0xF7FF_E000,
    mmap_low=0x5555_5000,
)

LOWEST_MAPPING: Final = 0x1_0000  # mmap_min_addr
STACK_LIMIT: Final = 8 << 20  # RLIMIT_STACK at start
STACK_GUARD_GAP: Final = 256 * PAGE_SIZE  # what stays free below a growing stack
STACK_START_SIZE: Final = 0x2_1000  # what Linux maps of it at first


# --- The kernel's half ---------------------------------------------------------------------------

KERNEL_TEXT: Final = 0xFFFF_FFFF_8100_0000
CPU_ENTRY_AREA: Final = 0xFFFF_FE00_0000_0000
IDT_BASE: Final = CPU_ENTRY_AREA
GDT_BASE: Final = CPU_ENTRY_AREA + 0x1000
TSS_BASE: Final = CPU_ENTRY_AREA + 0x3000
IST_STACKS: Final = CPU_ENTRY_AREA + 0x1_0000  # one page each, an unmapped page below each
# The vectors that run on a stack of their own.
IST: Final = {vectors.DF: 1, vectors.NMI: 2, vectors.DB: 3, vectors.MC: 4}
# One page, written here and seen once in each ESPFIX_STRIDE of 4 GiB: IRET to a 16-bit stack
# segment keeps bits 16 to 31 of ESP, so the kernel returns from where these are the program's.
ESPFIX_PAGE: Final = CPU_ENTRY_AREA + 0xC000
ESPFIX_STACKS: Final = 0xFFFF_FF00_0000_0000
ESPFIX_STRIDE: Final = 0x1_0000
ESPFIX_SIZE: Final = 1 << 32
LDT_BASE: Final = 0xFFFF_8800_0000_0000  # each address space has its own there
PER_CPU: Final = 0xFFFF_8880_0F80_0000
KERNEL_STACKS: Final = 0xFFFF_C900_0000_0000
KERNEL_STACK_SIZE: Final = 0x4000
TIMER_VECTOR: Final = 0xEC  # Linux: LOCAL_TIMER_VECTOR

# Where 64-bit programs of old called gettimeofday, time and getcpu, one in each KiB.
VSYSCALL_PAGE: Final = 0xFFFF_FFFF_FF60_0000

# Selectors, as Linux numbers them.
KERNEL32_CS: Final = 0x08
KERNEL_CS: Final = 0x10
KERNEL_DS: Final = 0x18
USER32_CS: Final = 0x23
USER_DS: Final = 0x2B
USER_CS: Final = 0x33
TSS_SELECTOR: Final = 0x40
LDT_SELECTOR: Final = 0x50
GDT_ENTRIES: Final = 16
TLS_FIRST_ENTRY: Final = 12
TLS_ENTRIES: Final = 3
# The limit of this segment tells a program its processor (low bits) and its node.
CPU_NODE: Final = 0x7B
CPU_MASK: Final = 0xFFF
NODE_SHIFT: Final = 12


# The TSS: where its two I/O bitmaps stand. One is the task's, the other allows every port.
IO_BITMAP_SIZE: Final = 0x1_0000 // 8
_IO_BITMAP_ROOM: Final = IO_BITMAP_SIZE + 8  # the processor reads a byte more; it must be ones
IO_BITMAP: Final = 0x78
IO_BITMAP_ALL: Final = IO_BITMAP + _IO_BITMAP_ROOM
TSS_LIMIT: Final = IO_BITMAP_ALL + _IO_BITMAP_ROOM - 1
IO_BITMAP_NONE: Final = TSS_LIMIT + 1  # beyond the limit: no port is allowed
