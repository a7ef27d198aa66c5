"""The registers as gdb numbers them: one row each, in the order of the packet `g`.

The same rows make the target description, so the two cannot differ. A row names the register as
the target is asked for it; the values live in the target. Which of the two layouts a session has
is decided once, by the program, and never changes: a 64-bit program's registers are rows of
X86_64, a 32-bit program's of I386.
gdb's manual, "i386 Features"; SDM 1, "Basic Program Execution Registers".
"""

from __future__ import annotations

from typing import Final, NamedTuple

CORE: Final = "org.gnu.gdb.i386.core"
SSE: Final = "org.gnu.gdb.i386.sse"
LINUX: Final = "org.gnu.gdb.i386.linux"
SEGMENTS: Final = "org.gnu.gdb.i386.segments"
SYSTEM: Final = "org.ringscope.system"  # ours: what only ring 0 may touch
LONG: Final = "org.ringscope.long"  # ours: the whole registers, for an i386 program

_FLOAT_CONTROL: Final = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")


class Register(NamedTuple):
    """One register: its name, its size in bits, gdb's type of it, and where gdb lists it."""

    name: str
    bits: int
    type: str
    feature: str
    group: str = ""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.bits // 8


class Layout(NamedTuple):
    """What a session's registers are: gdb's name of the architecture, and the rows in order."""

    architecture: str
    rows: tuple[Register, ...]
    pc: str
    sp: str
    fp: str

    @property
    def size(self) -> int:
        """Of the packet `g`, in bytes."""
        return sum(row.size for row in self.rows)

    def number(self, name: str) -> int:
        """gdb's number of the register `name`."""
        return [row.name for row in self.rows].index(name)


def _core(names: str, bits: int) -> tuple[Register, ...]:
    """The general registers, the instruction pointer, flags, selectors, x87."""
    kinds = {"bp": "data_ptr", "sp": "data_ptr", "ip": "code_ptr"}
    plain = f"int{bits}"
    general = [Register(name, bits, kinds.get(name[1:], plain), CORE) for name in names.split()]
    flags = Register("eflags", 32, "i386_eflags", CORE)
    selectors = [Register(name, 32, "int32", CORE) for name in "cs ss ds es fs gs".split()]
    stack = [Register(f"st{i}", 80, "i387_ext", CORE) for i in range(8)]
    control = [Register(name, 32, "int", CORE, "float") for name in _FLOAT_CONTROL]
    return (*general, flags, *selectors, *stack, *control)


def _sse(count: int) -> tuple[Register, ...]:
    vectors = [Register(f"xmm{i}", 128, "vec128", SSE) for i in range(count)]
    return (*vectors, Register("mxcsr", 32, "i386_mxcsr", SSE, "vector"))


def _system(name: str, type: str = "int64", bits: int = 64) -> Register:
    return Register(name, bits, type, SYSTEM, "system")


def _systems(pointer: str) -> tuple[Register, ...]:
    """The system registers; `pointer` is gdb's type of a 64-bit address in this layout."""
    return (
        _system("cpl", "int32", 32),
        _system("cr0", "ringscope_cr0"),
        _system("cr2", pointer),
        _system("cr3"),
        _system("cr4", "ringscope_cr4"),
        _system("efer", "ringscope_efer"),
        _system("star"),
        _system("lstar", pointer),
        _system("cstar", pointer),
        _system("fmask"),
        _system("kernel_gs_base"),
        _system("sysenter_cs", "int32", 32),
        _system("sysenter_esp"),
        _system("sysenter_eip", pointer),
        _system("idtr", "ringscope_table", 96),  # base and limit
        _system("gdtr", "ringscope_table", 96),
        _system("tr", "int32", 32),
        _system("ldtr", "int32", 32),
    )


_SEGMENT_BASES: Final = (
    Register("fs_base", 64, "int", SEGMENTS),
    Register("gs_base", 64, "int", SEGMENTS),
)
_NAMES_64: Final = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip"
_NAMES_32: Final = "eax ecx edx ebx esp ebp esi edi eip"

X86_64: Final = Layout(
    "i386:x86-64",
    (
        *_core(_NAMES_64, 64),
        *_sse(16),
        Register("orig_rax", 64, "int", LINUX, "system"),
        *_SEGMENT_BASES,
        *_systems("data_ptr"),
    ),
    pc="rip",
    sp="rsp",
    fp="rbp",
)
I386: Final = Layout(
    "i386",
    (
        *_core(_NAMES_32, 32),
        *_sse(8),
        Register("orig_eax", 32, "int", LINUX, "system"),
        *(Register(name, 64, "int64", LONG, "system") for name in _NAMES_64.split()),
        *(Register(name, 64, "int64", LONG, "system") for name in ("fs_base", "gs_base")),
        *_systems("int64"),
    ),
    pc="eip",
    sp="esp",
    fp="ebp",
)
LAYOUTS: Final = {64: X86_64, 32: I386}
