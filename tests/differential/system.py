"""Snippets about privilege: forbidden instructions, selectors, software interrupts, flags, opcodes.

They hold what ring 3 asks and is mostly refused; that a system call is none of it stands in
oracle.c. `{a}` is as in the module on memory.
SDM 3A, "Privileged Instructions", "Privilege Levels"; SDM 2, "POPF", "INT n", "LSL", "LAR", "VERR".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.differential.snippet import Snippet

FORBIDDEN: Final = (
    "hlt",
    "cli",
    "sti",
    "clts",
    "invd",
    "wbinvd",
    "rdmsr",
    "wrmsr",
    "mov %cr0, %{a}ax",
    "mov %{a}ax, %cr3",
    "mov %{a}ax, %cr4",
    "mov %db7, %{a}ax",
    "mov %{a}ax, %db0",
    "lgdt (%{a}bx)",
    "lidt (%{a}bx)",
    "lldt %ax",
    "ltr %ax",
    "lmsw %ax",
    "invlpg (%{a}bx)",
    "in %dx, %al",
    "in $0x80, %eax",
    "out %al, $0x80",
    "out %eax, %dx",
    "insb",
    "rep outsl",
    "sysexit",
    "swapgs",
    "vmmcall",
    "vmcall",
    "monitor",
    "mwait",
    "xsetbv",
    "invlpg 0xdead000",
    "clac",
    "stac",
    "rsm",
    "lgdt 0xdead000",
    "skinit",
    "vmrun",
    "clgi",
    "ltr 0xdead000",
    "rdpmc",
    "mov %{a}ax, %cr1",
    "mov %cr5, %{a}ax",
)
OPCODES: Final = (
    "0f0b",
    "0fff",
    "0fb9c0",
    "f089c0",
    "f090",
    "f001c0",
    "f0eb00",
    "f0a4",
    "f00fa3 03",
    "f03803",
    "f08b03",
    "f0f703 00000000",
    "c6f8 00",
    "8cf8",
    "8ec8",
    "8ef8",
    "0f20c8",
    "fec8",
    "ff38",
    "fff8",
    "0f0a",
    "0f04",
    "0f0c",
    "0f36",
    "0f24c0",
    "0f26c0",
    "0fa6c0",
    "0fa7c0",
    "8dc0",
    "0fae38",
    "d9d8",
    "dfe8",
    "c7f8 00000000",
    "0f1f00",
    "0f1efa",
    "f30f1efa",
    "660f38ff",
    "0f38ff",
    "0f3aff",
    "62",
    "c4",
    "f30fb8c2",
    "0fc7c8",
    "0f01d6",
    "f1",
)
SELECTORS: Final = (
    0,
    3,
    0x10,
    0x18,
    0x23,
    0x28,
    0x2A,
    0x2B,
    0x33,
    0x40,
    0x43,
    0x4B,
    0x2F,
    0x63,
    0x3FB,
    0xFFFB,
)
VECTORS: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    11,
    12,
    13,
    14,
    16,
    17,
    18,
    19,
    0x20,
    0x40,
    0x7F,
    0x81,
    0xEC,
    0xFF,
)
FLAGS: Final = (
    0x0,
    0x2,
    0x1,
    0x8D5,
    0x102,
    0x302,
    0x402,
    0x602,
    0x1202,
    0x3202,
    0x4202,
    0x10202,
    0x20202,
    0x40202,
    0x80202,
    0x100202,
    0x200202,
    0x244ED7,
)
ODD: Final = {
    "tf_one_step": "push $0x302; {popf}; nop; nop",
    "tf_into_load": "push $0x302; {popf}; mov (%{a}bx), %eax; nop",
    "tf_into_fault": "push $0x302; {popf}; mov 0xdead000, %eax",
    "tf_into_ud": "push $0x302; {popf}; ud2",
    "tf_into_int3": "push $0x302; {popf}; int3",
    "tf_into_rep": "push $0x302; {popf}; rep stosb",
    "tf_into_jump": "push $0x302; {popf}; jmp 1f; nop; 1: nop",
    "tf_into_pushf": "push $0x302; {popf}; pushf; nop",
    "tf_off_again": "push $0x202; push $0x302; {popf}; {popf}; nop",
    "tf_into_load_of_ss": "mov %ss, %eax; push $0x302; {popf}; mov %eax, %ss; inc %ecx; nop",
    "tf_into_call": "push $0x302; {popf}; call 1f; 1: nop",
    "ss_shadow_ud": "mov %ss, %eax; mov %eax, %ss; ud2",
    "ss_shadow_int3": "mov %ss, %eax; mov %eax, %ss; int3",
    "ac_word": "push $0x40202; {popf}; mov 1(%{a}bx), %ax",
    "ac_long": "push $0x40202; {popf}; mov 2(%{a}bx), %eax",
    "ac_aligned": "push $0x40202; {popf}; mov 4(%{a}bx), %eax",
    "ac_write": "push $0x40202; {popf}; mov %eax, 3(%{a}bx)",
    "ac_push": "push $0x40202; {popf}; dec %{a}sp; push %{a}ax",
    "ac_movs": "push $0x40202; {popf}; inc %{a}si; movsl",
    "ac_movups": "push $0x40202; {popf}; movups 1(%{a}bx), %xmm0",
    "nt_int3": "push $0x4202; {popf}; int3",
    "nt_iret": "push $0x4202; {popf}; iret",
    "df_fault": "std; ud2",
    "rf_fault": "push $0x10202; {popf}; ud2",
    "int3": "int3",
    "int_3": ".byte 0xcd, 3",
    "int3_with_prefix": ".byte 0x66, 0xcc",
    "id_flag": "pushf; xorl $0x200000, (%{a}sp); {popf}; pushf; pop %{a}ax",
    "popf_16": "pushw $0x7fff; popfw; nop",
    "pushf_16": "stc; pushfw; pop %ax",
    "sgdt": "sgdt (%{a}bx); movl $0, (%{a}bx)",
    "smsw": "smsw %eax",
    "str": "str %eax",
    "sldt": "sldt %eax",
    "pause": "pause; nop",
    "rep_nop_ret": "call 1f; jmp 2f; 1: rep ret; 2: nop",
    "prefetch_unmapped": "prefetcht0 0xdead000; prefetchw 0xdead000",
    "clflush": "clflush (%{a}bx)",
    "clflush_unmapped": "clflush 0xdead000",
    "fences": "mfence; lfence; sfence",
    "nop_memory_unmapped": "nopl 0xdead000",
    "lahf_all": "push $0x2d7; {popf}; lahf",
}
ODD_32: Final = {
    "into": "mov $0x7fffffff, %eax; inc %eax; into",
    "into_not": "xor %eax, %eax; into; nop",
    "into_int_4": "int $4",
    "icebp": ".byte 0xf1",
    "load_ss_null": "xor %eax, %eax; mov %eax, %ss",
}


def _name(text: str) -> str:
    plain = text.replace("{a}", "").replace("%", "")
    return "".join(c if c.isalnum() else "_" for c in plain).strip("_")


def _both(name: str, text: str, undefined: int = 0) -> Iterator[Snippet]:
    for bits, fields in ((64, {"a": "r", "popf": "popfq"}), (32, {"a": "e", "popf": "popf"})):
        yield Snippet(f"{name}_in_{bits}", bits, text.format(**fields), undefined)


def forbidden() -> Iterator[Snippet]:
    for text in FORBIDDEN:
        for snippet in _both(f"forbidden_{_name(text)}", text):
            if snippet.bits == 64 or text != "swapgs":
                yield snippet
    yield Snippet("forbidden_sysretq", 64, "mov $@(1f), %ecx; sysretq; 1: nop")
    yield Snippet("forbidden_swapgs_in_32", 32, ".byte 0x0f, 0x01, 0xf8")


def opcodes() -> Iterator[Snippet]:
    for code in OPCODES:
        code_bytes = ", ".join(f"{byte:#04x}" for byte in bytes.fromhex(code))
        yield from _both(f"opcode_{code.replace(' ', '_')}", f".byte {code_bytes}")


def selectors() -> Iterator[Snippet]:
    for selector in SELECTORS:
        for register in ("ds", "es", "fs", "gs", "ss"):
            if register in ("es", "gs") and selector not in (0, 0x2B, 0x33, 0x63):
                continue
            yield from _both(
                f"load_{register}_{selector:x}", f"mov ${selector}, %eax; mov %eax, %{register}"
            )
        for name in ("lsl", "lar", "verr", "verw"):
            operand = "%ecx" if name in ("lsl", "lar") else ""
            text = f"mov ${selector}, %eax; {name} " + (f"%eax, {operand}" if operand else "%ax")
            yield from _both(f"{name}_{selector:x}", text)


def interrupts() -> Iterator[Snippet]:
    for number in VECTORS:
        yield from _both(f"int_{number:#x}", f"nop; .byte 0xcd, {number}")


def flags() -> Iterator[Snippet]:
    for value in FLAGS:
        yield from _both(f"popf_{value:x}", f"push ${value}; {{popf}}; pushf; pop %{{a}}ax")


def odd() -> Iterator[Snippet]:
    for name, text in ODD.items():
        yield from _both(name, text)
    for name, text in ODD_32.items():
        yield Snippet(f"{name}_only_32", 32, text)


GROUPS: Final[tuple[Callable[[], Iterator[Snippet]], ...]] = (
    forbidden,
    opcodes,
    selectors,
    interrupts,
    flags,
    odd,
)
