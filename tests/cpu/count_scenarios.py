"""What there is to count: programs that leave their blocks in every awkward way.

Each scenario says how many instructions retire in ring 3 and in ring 0, known by construction. It
ends with `int 0x80`, whose handler is one VMCALL: one instruction of each ring.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from emu.x86 import flags
from emu.x86.vectors import BP, DB, DE, OF, PF, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    CODE_SIZE,
    DATA,
    DATA_SIZE,
    NOWHERE,
    SYSCALL_ENTRY,
)

NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
NO_HANDLERS: Final[Mapping[int, str]] = MappingProxyType({})
END: Final = "; int 0x80"

# Handlers, and how many instructions each executes.
SKIP_2: Final = "add qword ptr [rsp], 2; iretq"  # 2, for a fault without error code
SKIP_3: Final = "add rsp, 8; add qword ptr [rsp], 3; iretq"  # 3, with error code
MAP: Final = "vmcall; add rsp, 8; iretq"  # 3: Python maps the page, the instruction runs again

LOAD, STORE = "mov rax, qword ptr [rbx]", "mov qword ptr [rbx], rax"
STOS, MOVS = "rep stosb byte ptr [rdi], al", "rep movsb byte ptr [rdi], byte ptr [rsi]"
SCAS, CMPS = "repne scasb al, byte ptr [rdi]", "repe cmpsb byte ptr [rsi], byte ptr [rdi]"
PATCH: Final = "mov dword ptr [rip], 0x90909090"
PATCH_LATER: Final = "mov dword ptr [rip + 2], 0x90909090"
FOUR_TRAPS: Final = "int3; int3; int3; int3"
TOGGLE: Final = "xor word ptr [rbx], 0x506f"  # INC EAX becomes two NOPs, and back


class Scenario(NamedTuple):
    """A program; `user` and `kernel` count the last `int 0x80` and its handler too."""

    name: str
    text: str
    user: int
    kernel: int = 1
    handlers: Mapping[int, str] = NO_HANDLERS
    registers: Mapping[str, int] = NOTHING
    rflags: int = flags.IF
    long: bool = True
    at: int = CODE
    elsewhere: str = ""
    elsewhere_at: int = SYSCALL_ENTRY


def plain() -> tuple[Scenario, ...]:
    return (
        Scenario("straight line", "nop; nop; nop" + END, 4),
        Scenario(
            "loop of calls",
            "mov ecx, 10; again: call f; dec ecx; jnz again; int 0x80; f: inc rax; ret",
            1 + 10 * 5 + 1,
        ),
        Scenario(
            "jump into the middle of a block",
            "xor eax, eax; mov ecx, 3; inc rax; b: inc rax; dec ecx; jz end; jnz b; end: nop" + END,
            2 + 5 + 4 + 3 + 2,
        ),
        Scenario("600 instructions in a row", "; ".join(["nop"] * 600) + END, 601),
        Scenario("5000 across a page", "; ".join(["nop"] * 5000) + END, 5001),
        Scenario("blocks of one", "jmp a; nop; a: jmp b; nop; b: jmp c; nop; c: nop" + END, 5),
        Scenario("a block across two pages", "; ".join(["inc rax"] * 8) + END, 9, at=CODE + 0xFF5),
        Scenario("an instruction across two pages", "inc rax" + END, 2, at=CODE + 0xFFE),
        Scenario(
            "instructions that the engine treats apart",
            "cpuid; rdtsc; lock inc qword ptr [rdi]; pause; mfence; cld; nop" + END,
            8,
            registers={"rdi": DATA},
        ),
        Scenario("MOV SS", "mov ss, eax; nop; nop" + END, 4, registers={"rax": 0x2B}),
        Scenario("32-bit code", "inc eax; dec eax; inc eax; dec eax" + END, 5, long=False),
        Scenario("a prefixed return", "call f; int 0x80; f: nop; repz ret", 4),
        Scenario(
            "system calls",
            "inc eax; syscall; inc eax; syscall; nop" + END,
            6,
            kernel=2 + 1,
            elsewhere="sysretq",
        ),
    )


def repeats() -> tuple[Scenario, ...]:
    data = {"rdi": DATA, "rsi": DATA + 0x1000}
    return (
        *(
            Scenario(f"rep of {n}", f"mov ecx, {n}; {MOVS}; nop" + END, 4, registers=data)
            for n in (0, 1, 2, 100)
        ),
        Scenario("rep first in its block", f"{STOS}" + END, 2, registers=data | {"rcx": 5}),
        Scenario("rep of 0 first in its block", f"jmp a; nop; a: {STOS}" + END, 3, registers=data),
        Scenario("repne ends early", f"mov ecx, 100; {SCAS}; nop" + END, 4, registers=data),
        Scenario("repe runs out", f"mov ecx, 7; {CMPS}; nop" + END, 4, registers=data),
        Scenario(
            "a jump to rep in a loop",
            f"mov edx, 3; again: mov ecx, 4; jmp r; nop; r: {STOS}; dec edx; jnz again" + END,
            1 + 3 * 5 + 1,
            registers=data,
        ),
        Scenario(
            "rep in a loop",
            f"mov edx, 4; again: mov ecx, 2; {STOS}; dec edx; jnz again" + END,
            1 + 4 * 4 + 1,
            registers=data,
        ),
        Scenario(
            "a loop of nothing but rep",
            f"mov edx, 4; again: {STOS}; dec edx; jnz again" + END,
            1 + 4 * 3 + 1,
            registers=data | {"rcx": 3},
        ),
        Scenario(
            "two reps in a row",
            f"mov ecx, 2; {STOS}; {STOS}; mov ecx, 3; {STOS}" + END,
            6,
            registers=data,
        ),
        Scenario(
            "rep with REX", "mov ecx, 3; rep stosq qword ptr [rdi], rax" + END, 3, registers=data
        ),
        Scenario(
            "rep with another prefix",
            "mov ecx, 3; rep stosw word ptr [rdi], ax" + END,
            3,
            registers=data,
        ),
        Scenario(
            "rep in 32-bit code",
            "mov ecx, 3; rep stosb byte ptr es:[edi], al; inc eax" + END,
            4,
            registers=data,
            long=False,
        ),
        Scenario("without a prefix", "stosb byte ptr [rdi], al" + END, 2, registers=data),
        *(
            Scenario(
                f"rep faults in turn {turn}",
                f"nop; {STOS}; nop" + END,
                4,
                kernel=3 + 1,
                handlers={PF: MAP},
                registers={"rdi": DATA + DATA_SIZE - turn + 1, "rcx": 5},
            )
            for turn in (1, 2, 5)
        ),
        Scenario(
            "rep faults twice",
            f"nop; {STOS}; nop" + END,
            4,
            kernel=2 * 3 + 1,
            handlers={PF: MAP},
            registers={"rdi": DATA + DATA_SIZE - 2, "rcx": 0x1010},
        ),
        Scenario(
            "rep faults in both its operands",
            f"jmp a; nop; a: {MOVS}; nop" + END,
            4,
            kernel=2 * 3 + 1,
            handlers={PF: MAP},
            registers={"rdi": NOWHERE, "rsi": NOWHERE + 0x1000, "rcx": 3},
        ),
    )


MISSING: Final = MappingProxyType({"rbx": NOWHERE, "rcx": 5})


def mapped(
    name: str,
    text: str,
    user: int,
    times: int = 1,
    registers: Mapping[str, int] = MISSING,
    at: int = CODE,
    long: bool = True,
) -> Scenario:
    """A program whose page faults, `times` of them, are mapped: every instruction retires."""
    handlers = {PF: MAP}
    return Scenario(name, text, user, 3 * times + 1, handlers, registers, at=at, long=long)


def skipped(name: str, text: str, user: int, times: int = 1) -> Scenario:
    """A program whose page faults are skipped: the instruction, 3 bytes long, never retires."""
    return Scenario(name, text, user, 3 * times + 1, {PF: SKIP_3}, MISSING)


def faults() -> tuple[Scenario, ...]:
    nops = "; ".join(["nop"] * 20), "; ".join(["nop"] * 700)
    return (
        skipped("a load in mid-block, skipped", f"nop; inc rax; {LOAD}; inc rax" + END, 4),
        skipped("a store in mid-block, skipped", f"nop; inc rax; {STORE}; inc rax" + END, 4),
        skipped(
            "a fault in a loop, skipped each time",
            f"again: inc rax; {LOAD}; dec ecx; jnz again" + END,
            5 * 3 + 1,
            times=5,
        ),
        mapped("a load in mid-block, mapped", f"nop; inc rax; {LOAD}; inc rax" + END, 5),
        mapped("a store in mid-block, mapped", f"nop; inc rax; {STORE}; inc rax" + END, 5),
        mapped("a fault at the start of a block", f"jmp a; nop; a: {LOAD}; inc rax" + END, 4),
        mapped("a fault in the first instruction", f"{LOAD}; inc rax" + END, 3),
        mapped(
            "a call that ends its block faults",
            "nop; call f; nop; f: nop" + END,
            4,
            registers={"rsp": NOWHERE + 8},
        ),
        mapped("a jump to a page that is not there", "nop; jmp rbx", 3),
        mapped("a call to a page that is not there", "nop; call rbx", 3),
        mapped("running off the end of the code", nops[0], 21, at=CODE + CODE_SIZE - 20),
        mapped("a long block runs off the end", nops[1], 701, at=CODE + CODE_SIZE - 700),
        mapped(
            "two faults in one block",
            f"{STORE}; mov ebx, {NOWHERE + 0x1000}; {LOAD}; nop" + END,
            5,
            times=2,
        ),
        mapped(
            "a fault in 32-bit code",
            "nop; mov eax, dword ptr [ebx]; inc eax" + END,
            4,
            long=False,
        ),
    )


def exceptions() -> tuple[Scenario, ...]:
    return (
        Scenario(
            "a division that is skipped",
            "xor ecx, ecx; inc rax; div ecx; inc rax" + END,
            4,
            kernel=2 + 1,
            handlers={DE: SKIP_2},
        ),
        *(
            Scenario(name, text + END, 3, kernel=2 + 1, handlers={UD: SKIP_2})
            for name, text in (
                ("an invalid opcode in mid-block", "inc rax; ud2; inc rax"),
                ("an invalid opcode first", "jmp a; nop; a: ud2; inc rax"),
            )
        ),
        Scenario("a breakpoint", "inc rax; int3; inc rax" + END, 4, 1 + 1, {BP: "iretq"}),
        Scenario("INT1", "inc rax; int1; inc rax" + END, 4, 1 + 1, {DB: "iretq"}),
        Scenario(
            "a fault inside a handler",
            "int3; nop" + END,
            3,
            kernel=2 + 1 + 1,
            handlers={BP: "ud2; iretq", UD: SKIP_2},
        ),
        Scenario(
            "single steps",
            "nop; inc rax; nop" + END,
            4,
            kernel=3 + 1,
            handlers={DB: "iretq"},
            rflags=flags.IF | flags.TF,
        ),
        Scenario("an INTO that does nothing", "into; inc eax" + END, 3, long=False),
        Scenario(
            "an INTO that traps",
            "inc eax; into; inc eax" + END,
            4,
            kernel=1 + 1,
            handlers={OF: "iretq"},
            registers={"rax": 0x7FFF_FFFF},
            long=False,
        ),
    )


def modified() -> tuple[Scenario, ...]:
    loop = f"mov ecx, 6; again: call rbx; {TOGGLE}; dec ecx; jnz again" + END
    same = code(f"nop; {STORE}; nop" + END) + code("hlt")
    return (
        Scenario("the next instruction is rewritten", f"{PATCH}; {FOUR_TRAPS}" + END, 6),
        Scenario("a later one is", f"{PATCH_LATER}; inc eax; {FOUR_TRAPS}; nop" + END, 8),
        Scenario("one in mid-block is", f"nop; nop; {PATCH}; {FOUR_TRAPS}; nop" + END, 9),
        *(
            Scenario(
                f"a function {where} grows and shrinks",
                loop,
                1 + 6 * 4 + 6 + 3 + 6 + 1,
                registers={"rbx": function},
                elsewhere="inc eax; ret",
                elsewhere_at=function,
            )
            for where, function in (("on the same page", CODE + 0x800), ("behind", CODE + 0x1800))
        ),
        Scenario(
            "a store to the page of the code",
            f"{STORE}; nop; nop" + END,
            4,
            registers={"rbx": CODE + 0xF00},
        ),
        Scenario(
            "a store of its own bytes into the block",
            f"nop; {STORE}; nop" + END,
            4,
            registers={"rbx": CODE, "rax": int.from_bytes(same, "little")},
        ),
    )


SCENARIOS: Final = (*plain(), *repeats(), *faults(), *exceptions(), *modified())
