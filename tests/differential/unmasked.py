"""Snippets of exceptions that a program must ask for: alignment checked, SIMD exceptions unmasked.

Numbers come from a generator with a fixed seed: ordinary ones, and the ends of each range.
SDM 3A, "Interrupt 17-Alignment Check Exception (#AC)", "Interrupt 19-SIMD Floating-Point Exception
(#XM)".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

from emu.x86.floating import DOUBLE, SINGLE, Format
from tests.differential.snippet import Snippet

SEED: Final = 19
AC_SET: Final = "push $0x40202; {popf}; "
# In both modes; `{p}` is half a stack word.
ALIGNMENT: Final = tuple(
    """
    mov 1(%{a}bx),%al; mov 1(%{a}bx),%ax; xchg %eax,1(%{a}bx); lock addl $1,1(%{a}bx)
    cmpxchg8b 4(%{a}bx); movups 8(%{a}bx),%xmm0; movdqu %xmm0,1(%{a}bx); lddqu 1(%{a}bx),%xmm0
    movss 1(%{a}bx),%xmm0; movsd 4(%{a}bx),%xmm0; movlps 4(%{a}bx),%xmm0; movaps 8(%{a}bx),%xmm0
    addps 8(%{a}bx),%xmm0; cvtps2pd 4(%{a}bx),%xmm0; pmovzxbw 4(%{a}bx),%xmm0
    comisd 4(%{a}bx),%xmm0; comiss 2(%{a}bx),%xmm0; comiss 4(%{a}bx),%xmm0
    fldt 4(%{a}bx); fldt 8(%{a}bx); fldl 4(%{a}bx); flds 2(%{a}bx); fbld 4(%{a}bx)
    fildll 4(%{a}bx); fnstcw 1(%{a}bx); fnstenv 2(%{a}bx); fnsave 2(%{a}bx); fxsave 1(%{a}bx)
    fxsave 8(%{a}bx); stmxcsr 2(%{a}bx); ldmxcsr 2(%{a}bx); bt %eax,2(%{a}bx); bt %ax,1(%{a}bx)
    lea 1(%{a}bx),%eax; nopl 1(%{a}bx); prefetcht0 1(%{a}bx); clflush 1(%{a}bx)
    lcall *1(%{a}bx); ljmp *2(%{a}bx); lgdt 1(%{a}bx); mov 1(%{a}bx),%es; mov %ds,1(%{a}bx)
    pextrw $0,%xmm0,1(%{a}bx); insertps $0,1(%{a}bx),%xmm0; pcmpistri $0,1(%{a}bx),%xmm0
    movq 4(%{a}bx),%mm0; stc; cmovnc 1(%{a}bx),%eax; mov 0xdead001,%eax; mov R+2,%eax
    movl $1,R+2; mov D+4094,%eax; inc %{a}si; movsw; inc %{a}di; stosl; inc %{a}si; lodsl
    inc %{a}di; scasl; inc %{a}si; mov $3,%ecx; rep movsl; inc %{a}si; xor %ecx,%ecx; rep movsl
    sub ${p},%{a}sp; push %{a}ax; sub ${p},%{a}sp; pop %{a}ax; sub ${p},%{a}sp; call 1f; 1:
    sub ${p},%{a}sp; ret; sub ${p},%{a}sp; leave; sub ${p},%{a}sp; enter $0,$0
    sub ${p},%{a}sp; {popf}; sub ${p},%{a}sp; push 0xdead000; neg %ecx; mov 0xdead000,%ecx
    """.strip().split("\n")
)
SHAPES: Final = {"ps": SINGLE, "pd": DOUBLE, "ss": SINGLE, "sd": DOUBLE}
OPERATIONS: Final = (
    *(name + shape for name in ("add", "sub", "mul", "div", "sqrt", "min") for shape in SHAPES),
    *("cmpltps", "cmpeqsd", "cmpnless", "cmpordpd", "ucomiss", "comiss", "ucomisd", "comisd"),
    *("cvtps2pd", "cvtss2sd", "cvtdq2ps", "cvtps2dq", "cvttps2dq", "haddps", "hsubps", "addsubps"),
    *("cvtpd2ps", "cvtsd2ss", "cvtpd2dq", "cvttpd2dq", "haddpd", "hsubpd", "addsubpd"),
    *("roundps $4,", "roundsd $9,", "roundpd $2,", "dpps $0xff,", "dpps $0x71,", "dppd $0x33,"),
    *("cvtdq2pd", "rcpps", "andps", "maxss", "maxpd"),
)
TO_GPR: Final = ("cvtss2si", "cvttss2si", "cvtsd2si", "cvttsd2si")
EACH: Final = 5  # snippets of an operation


def alignment() -> Iterator[Snippet]:
    modes = ((64, {"a": "r", "popf": "popfq", "p": 4}), (32, {"a": "e", "popf": "popf", "p": 2}))
    for bits, fields in modes:
        for number, text in enumerate(_alignment_texts()):
            if bits == 32 and text.startswith("sub") and "push 0x" in text:
                continue  # of the stack's word, or the operand's
            yield Snippet(f"aligned_{number}_in_{bits}", bits, (AC_SET + text).format(**fields))


def _alignment_texts() -> Iterator[str]:
    """One a snippet: what prepares stands in front of what accesses."""
    prepared = ""
    for text in "; ".join(line.strip() for line in ALIGNMENT).split("; "):
        if text.split()[0] in ("inc", "sub", "xor", "stc", "neg") or text.startswith("mov $3"):
            prepared += text + "; "
        elif text == "1:":
            continue
        else:
            yield prepared + text + ("; 1: nop" if text == "call 1f" else "")
            prepared = ""


def _number(form: Format, chance: random.Random) -> int:
    """A bit pattern: an end of the range, or an ordinary number."""
    fraction = chance.choice((0, 1, chance.getrandbits(form.fraction_bits)))
    top = 2 * form.largest_exponent + 1
    exponent = chance.choice((0, 1, top - 1, top, form.largest_exponent + chance.randrange(9)))
    if chance.random() < 0.5:
        exponent, fraction = form.largest_exponent, chance.randrange(4) << form.fraction_bits - 2
    sign = chance.randrange(2) << form.width - 1
    return sign | exponent << form.fraction_bits | fraction


def _vector(form: Format, at: int, chance: random.Random) -> str:
    """Instructions that store 16 bytes of numbers."""
    bits = 0
    for lane in range(128 // form.width):
        bits |= _number(form, chance) << form.width * lane
    words = [bits >> 32 * i & 0xFFFF_FFFF for i in range(4)]
    return "".join(f"movl ${word:#x}, {at + 4 * i}(%rbx); " for i, word in enumerate(words))


def _form(operation: str) -> Format:
    """The format of the source."""
    name = operation.split(maxsplit=1)[0].partition("2")[0]
    return DOUBLE if name[-1] == "d" else SINGLE


def simd() -> Iterator[Snippet]:
    chance = random.Random(SEED)
    for operation in (*OPERATIONS, *TO_GPR):
        for number in range(EACH):
            masks = chance.choice((0, 0x3F, 0x3F ^ 1 << chance.randrange(6)))
            mxcsr = masks << 7 | chance.randrange(4) << 13 | chance.choice((0, 0, 0x40, 0x8000))
            form = _form(operation)
            source = chance.choice(("%xmm2", "16(%rbx)"))
            target = "%rdx" if operation in TO_GPR else "%xmm9"
            text = (
                f"{_vector(form, 0, chance)}{_vector(form, 16, chance)}"
                f"movups (%rbx), %xmm9; movups 16(%rbx), %xmm2; movl ${mxcsr:#x}, 32(%rbx); "
                f"ldmxcsr 32(%rbx); {operation}{'' if '$' in operation else ' '}{source}, {target}"
            )
            name = "".join(c if c.isalnum() else "_" for c in operation)
            yield Snippet(f"simd_{name}_{number}", 64, text)


def integers() -> Iterator[Snippet]:
    chance = random.Random(SEED)
    operations = ("cvtsi2ss %rdx", "cvtsi2ss %edx", "cvtsi2sd %rdx", "cvtsi2sdq 16(%rbx)")
    for number, operation in enumerate(operations * 3):
        value = chance.getrandbits(chance.choice((24, 30, 53, 63)))
        yield Snippet(
            f"simd_integer_{number}",
            64,
            f"movl $0, 32(%rbx); ldmxcsr 32(%rbx); movabs ${value:#x}, %rdx; "
            f"mov %rdx, 16(%rbx); {operation}, %xmm9",
        )


GROUPS: Final[tuple[Callable[[], Iterator[Snippet]], ...]] = (alignment, simd, integers)
