"""Snippets of integer instructions: arithmetic with its flags, shifts, bits, decimal, conditions.

What the manual leaves undefined stands in `UNDEFINED`, by instruction. Operands come from a
generator with a fixed seed, among them the ends of each range.
SDM 2, the pages of the instructions ("Flags Affected"); SDM 1, "EFLAGS Cross-Reference".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

from emu.x86.flags import AF, CF, OF, PF, SF, STATUS, ZF
from tests.differential.snippet import Snippet

SEED: Final = 20_261
UNDEFINED: Final = {
    **dict.fromkeys(("and", "or", "xor", "test"), AF),
    **dict.fromkeys(("mul", "imul"), SF | ZF | AF | PF),
    **dict.fromkeys(("div", "idiv"), STATUS),
    **dict.fromkeys(("bsf", "bsr"), CF | OF | SF | AF | PF),
    **dict.fromkeys(("bt", "bts", "btr", "btc"), OF | SF | AF | PF),
    **dict.fromkeys(("daa", "das"), OF),
    **dict.fromkeys(("aaa", "aas"), OF | SF | ZF | PF),
    **dict.fromkeys(("aam", "aad"), OF | AF | CF),
    **dict.fromkeys(("lzcnt", "tzcnt"), OF | SF | PF | AF),
}
# By count: masked to 5 or 6 bits. None changes nothing; OF is defined for one only.
SHIFTED: Final = {"shl": AF | OF, "shr": AF | OF, "sar": AF | OF, "shld": AF | OF, "shrd": AF | OF}
TURNED: Final = dict.fromkeys(("rol", "ror", "rcl", "rcr"), OF)
SUFFIX: Final = {8: "b", 16: "w", 32: "l", 64: "q"}
ACCUMULATOR: Final = {8: "%al", 16: "%ax", 32: "%eax", 64: "%rax"}
OTHER: Final = {8: "%dl", 16: "%dx", 32: "%edx", 64: "%rdx"}
WIDTHS: Final = {32: (8, 16, 32), 64: (8, 16, 32, 64)}
CONDITIONS: Final = "o no c nc z nz be a s ns p np l ge le g".split()
_ALL_FLAGS: Final = (0x202, 0x203, 0x206, 0x242, 0x282, 0xA02, 0xA82, 0xAD7)


def _edges(width: int) -> list[int]:
    top = 1 << width
    return [0, 1, top - 1, top >> 1, (top >> 1) - 1]


def _load(bits: int, first: int, second: int) -> str:
    if bits == 64:
        return f"movabs ${first:#x}, %rax; movabs ${second:#x}, %rdx"
    return f"mov ${first & 0xFFFFFFFF:#x}, %eax; mov ${second & 0xFFFFFFFF:#x}, %edx"


def _pairs(random_: random.Random, width: int) -> list[tuple[int, int]]:
    edges = _edges(width)
    return [
        (random_.choice(edges), random_.choice(edges)),
        (random_.getrandbits(width), random_.choice(edges)),
        (random_.getrandbits(width), random_.getrandbits(width)),
    ]


def arithmetic() -> Iterator[Snippet]:
    random_ = random.Random(SEED)
    for bits in (64, 32):
        for name in "add adc sub sbb cmp and or xor test imul xadd".split():
            for width in WIDTHS[bits]:
                if (name, width) == ("imul", 8):
                    continue
                a, b = _pairs(random_, width)[random_.randrange(3)]
                text = f"{_load(bits, a, b)}; {random_.choice(('stc', 'clc'))}; "
                text += f"{name}{SUFFIX[width]} {OTHER[width]}, {ACCUMULATOR[width]}"
                yield Snippet(f"{name}_{width}_in_{bits}", bits, text, UNDEFINED.get(name, 0))


def unary() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 1)
    for bits in (64, 32):
        for name in "inc dec neg not".split():
            for width in WIDTHS[bits]:
                value = random_.choice(_edges(width))
                operation = f"{name}{SUFFIX[width]} {ACCUMULATOR[width]}"
                yield Snippet(
                    f"{name}_{width}_in_{bits}", bits, f"{_load(bits, value, 0)}; stc; {operation}"
                )


def shifts() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 2)
    for bits in (64, 32):
        for name in (*"shl shr sar".split(), *TURNED):
            for count in (0, 1, 7, 31, 33, 64, 255):
                width = random_.choice(WIDTHS[bits])
                masked = count & (63 if width == 64 else 31)
                undefined = (SHIFTED | TURNED)[name] if masked > 1 else 0
                if masked == 1 and name in SHIFTED:
                    undefined = AF
                if masked >= width and name in ("shl", "shr"):
                    undefined |= CF
                load = _load(bits, random_.getrandbits(bits), 0)
                text = f"{load}; mov ${count}, %cl; stc; {name}{SUFFIX[width]} %cl, "
                yield Snippet(
                    f"{name}_{width}_by_{count}_in_{bits}",
                    bits,
                    text + ACCUMULATOR[width],
                    undefined,
                )


def double_shifts() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 3)
    for bits in (64, 32):
        for name in ("shld", "shrd"):
            for count in (0, 1, 13, 32, 63):
                masked = count & (63 if bits == 64 else 31)
                load = _load(bits, random_.getrandbits(bits), random_.getrandbits(bits))
                text = f"{load}; stc; {name} ${count}, {OTHER[bits]}, {ACCUMULATOR[bits]}"
                undefined = AF | OF if masked > 1 else AF if masked else 0
                yield Snippet(f"{name}_by_{count}_in_{bits}", bits, text, undefined)


def products() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 4)
    for bits in (64, 32):
        for name in ("mul", "imul"):
            for width in WIDTHS[bits]:
                for which, (a, b) in enumerate(_pairs(random_, width)[::2]):
                    text = f"{_load(bits, a, b)}; {name}{SUFFIX[width]} {OTHER[width]}"
                    where = f"{name}_one_operand_{width}_{which}_in_{bits}"
                    yield Snippet(where, bits, text, UNDEFINED[name])


def quotients() -> Iterator[Snippet]:
    """By 0, with a quotient that does not fit, and well."""
    for bits in (64, 32):
        for name in ("div", "idiv"):
            for width in WIDTHS[bits]:
                top = 1 << width - 1
                for what, high, low, by in (
                    ("by_0", 0, 9, 0),
                    ("too_large", 3, 9, 2),
                    ("lowest_by_minus_1", -1, top, -1),
                    ("well", 0, 1000, 7),
                ):
                    by &= (1 << width) - 1
                    text = f"{_load(bits, low, high & (1 << bits) - 1)}; "
                    if width == 8:
                        text += f"mov ${(high & 0xFF) << 8 | low & 0xFF:#x}, %ax; "
                    text += f"mov ${by:#x}, {ACCUMULATOR[width].replace('a', 'c')}; "
                    text += f"{name}{SUFFIX[width]} {ACCUMULATOR[width].replace('a', 'c')}"
                    yield Snippet(f"{name}_{width}_{what}_in_{bits}", bits, text, STATUS)


def bit_operations() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 5)
    for bits in (64, 32):
        for name in ("bt", "bts", "btr", "btc"):
            reach = random_.randrange(1 << 9)
            load = f"mov ${reach}, %ecx"
            yield Snippet(
                f"{name}_register_in_{bits}", bits, f"{load}; {name} %ecx, %eax", UNDEFINED[name]
            )
            yield Snippet(
                f"{name}_memory_in_{bits}",
                bits,
                f"{load}; {name} %ecx, (%{'re'[bits == 32]}bx)",
                UNDEFINED[name],
            )
            back = f"mov $-{reach}, %ecx; {name} %ecx, (%{'re'[bits == 32]}bx)"
            yield Snippet(f"{name}_before_in_{bits}", bits, back, UNDEFINED[name])
        for name in ("bsf", "bsr"):
            for value in (0, 0x0100_8000):
                text = f"mov ${value}, %edx; {name} %edx, %eax"
                yield Snippet(f"{name}_of_{value:x}_in_{bits}", bits, text, UNDEFINED[name])
        yield Snippet(f"popcnt_in_{bits}", bits, "popcnt %edx, %eax")
        yield Snippet(f"bswap_in_{bits}", bits, "bswap %eax")


def decimal() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 6)
    for name in ("daa", "das", "aaa", "aas"):
        for flags in (0x202, 0x203, 0x212, 0x213):
            text = f"push ${flags}; popf; mov ${random_.getrandbits(16):#x}, %eax; {name}"
            yield Snippet(f"{name}_with_{flags:x}", 32, text, UNDEFINED[name])
    for base in (10, 16, 7):
        for name, opcode in (("aam", 0xD4), ("aad", 0xD5)):
            text = f"mov $0x3a7c, %eax; .byte {opcode:#x}, {base}"
            yield Snippet(f"{name}_{base}", 32, text, UNDEFINED[name])
    yield Snippet("aam_0", 32, "mov $0x3a7c, %eax; .byte 0xd4, 0", UNDEFINED["aam"])
    for name in ("daa", "das", "aaa", "aas", "into", "pusha", "popa"):
        opcode = {
            "daa": 0x27,
            "das": 0x2F,
            "aaa": 0x37,
            "aas": 0x3F,
            "into": 0xCE,
            "pusha": 0x60,
            "popa": 0x61,
        }[name]
        yield Snippet(f"{name}_does_not_exist_in_64", 64, f".byte {opcode:#x}")


def conditions() -> Iterator[Snippet]:
    random_ = random.Random(SEED + 7)
    for bits in (64, 32):
        for condition in CONDITIONS:
            flags = random_.choice(_ALL_FLAGS)
            start = f"push ${flags}; popf; "
            text = (
                f"{start}set{condition} %dl; cmov{condition} %ecx, %eax; j{condition} 1f; nop; 1:"
            )
            yield Snippet(f"if_{condition}_in_{bits}", bits, text)


def moves() -> Iterator[Snippet]:
    for bits in (64, 32):
        pointer = "%rbx" if bits == 64 else "%ebx"
        for text in (
            f"movzbl ({pointer}), %eax",
            f"movsbl 5({pointer}), %eax",
            f"movzwl 8({pointer}), %eax",
            f"movswl 9({pointer}), %eax",
            f"xchg %eax, ({pointer})",
            "xchg %ah, %al",
            "cwtl",
            "cltd",
            "cwtd",
            "cbtw",
            "lahf",
            "stc; sahf",
            "xchg %dh, %cl",
            "cmc",
            f"lea 9({pointer},{pointer},2), %eax",
            f"mov $0x42, %al; xlat; cmpxchg %ecx, ({pointer})",
            f"movbe ({pointer}), %edx",
            f"mov ({pointer}), %eax; lock cmpxchg %ecx, ({pointer})",
            f"cmpxchg8b ({pointer})",
            f"lock xadd %eax, ({pointer})",
            f"lock incl ({pointer})",
            "crc32l %eax, %edx",
        ):
            name = text.replace("%", "").replace(pointer[1:], "p")
            safe = "".join(c if c.isalnum() else "_" for c in name).strip("_")
            yield Snippet(f"{safe}_in_{bits}", bits, text)


GROUPS: Final[tuple[Callable[[], Iterator[Snippet]], ...]] = (
    arithmetic,
    unary,
    shifts,
    double_shifts,
    products,
    quotients,
    bit_operations,
    decimal,
    conditions,
    moves,
)
