"""Snippets of SSE to SSE4 and of x87: arithmetic and moves, special values, exceptions unmasked.

Operands lie in the data page; `{a}` is as in the module on memory.
SDM 1, "SIMD Floating-Point Exceptions"; "x87 FPU Floating-Point Exception Handling".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.differential.snippet import Snippet

SINGLES: Final = {
    "one": 0x3F800000,
    "zero": 0,
    "minus_zero": 0x80000000,
    "inf": 0x7F800000,
    "qnan": 0x7FC12345,
    "snan": 0x7F812345,
    "denormal": 0x00001234,
    "largest": 0x7F7FFFFF,
    "third": 0x3EAAAAAB,
}
PAIRS: Final = (
    ("one", "third"),
    ("one", "zero"),
    ("zero", "zero"),
    ("inf", "inf"),
    ("qnan", "one"),
    ("snan", "one"),
    ("one", "snan"),
    ("qnan", "snan"),
    ("denormal", "third"),
    ("largest", "largest"),
    ("minus_zero", "zero"),
)
SCALAR: Final = (
    "addss",
    "subss",
    "mulss",
    "divss",
    "minss",
    "maxss",
    "sqrtss",
    "ucomiss",
    "comiss",
    "cmpltss",
    "cmpunordss",
)
PACKED: Final = tuple(
    """
    addps subps mulps divps sqrtps minps maxps andps orps xorps andnps unpcklps unpckhps addpd
    subpd mulpd divpd sqrtpd minpd maxpd haddps hsubpd addsubps paddb paddw paddd paddq psubb
    psubsw psubusb pmullw pmulhw pmuludq pmaddwd packsswb packuswb packssdw punpcklbw
    punpckhdq pcmpeqb pcmpgtw pand por pxor pandn pavgb psadbw pminub pmaxsw pshufb phaddw
    pmaddubsw pabsd psignw pmulhrsw pmulld pminsd pmaxud packusdw pcmpeqq pcmpgtq ptest
    phminposuw pmovsxbw pmovzxwd psllw psrad psrlq cvtdq2ps cvtps2dq cvttps2dq cvtps2pd
    cvtpd2ps cvtdq2pd cvtpd2dq movshdup movddup movsldup cmpeqps cmpnltpd movaps
    """.split()
)
IMMEDIATE: Final = (
    "shufps $0x1b",
    "shufpd $1",
    "pshufd $0x4e",
    "pshuflw $0x1b",
    "pshufhw $0xb1",
    "palignr $5",
    "roundps $0",
    "roundps $1",
    "roundpd $2",
    "roundss $3",
    "blendps $5",
    "pblendw $0x3c",
    "dpps $0xf1",
    "dppd $0x31",
    "mpsadbw $3",
    "insertps $0x1d",
    "pcmpistri $0x0c",
    "pcmpistrm $0x48",
    "cmpps $4",
)
OTHER: Final = {
    "cvtsi2ss": "cvtsi2ss %eax, %xmm0",
    "cvttss2si_large": "mov $0x7149f2ca, %eax; movd %eax, %xmm0; cvttss2si %xmm0, %ecx",
    "cvtss2si_nan": "mov $0x7fc00000, %eax; movd %eax, %xmm0; cvtss2si %xmm0, %ecx",
    "cvtss2si_half": "mov $0x3fc00000, %eax; movd %eax, %xmm0; cvtss2si %xmm0, %ecx",
    "movd": "movd %eax, %xmm1; movd %xmm2, %edx",
    "movmskps": "movmskps %xmm3, %eax",
    "pmovmskb": "pmovmskb %xmm3, %eax",
    "pextrw": "pextrw $3, %xmm2, %eax",
    "pinsrw": "pinsrw $3, %eax, %xmm2",
    "pextrb": "pextrb $3, %xmm2, %eax",
    "movss_load": "movss (%{a}bx), %xmm0",
    "movsd_load": "movsd (%{a}bx), %xmm0",
    "movlps": "movlps (%{a}bx), %xmm2",
    "movhps": "movhps %xmm3, 8(%{a}bx)",
    "movups_misaligned": "movups 1(%{a}bx), %xmm0",
    "movaps_misaligned": "movaps 1(%{a}bx), %xmm0",
    "movaps_store_misaligned": "movaps %xmm0, 8(%{a}bx)",
    "addps_misaligned": "addps 4(%{a}bx), %xmm0",
    "movntdq": "movntdq %xmm1, (%{a}bx)",
    "movntdq_misaligned": "movntdq %xmm1, 8(%{a}bx)",
    "maskmovdqu": "maskmovdqu %xmm1, %xmm2",
    "movq2dq": "movq2dq %mm0, %xmm0",
    "lddqu": "lddqu 3(%{a}bx), %xmm0",
    "movups_past_the_page": "movups D+4088, %xmm0",
    "movups_into_nothing": "movups %xmm0, D+4088",
    "stmxcsr": "stmxcsr (%{a}bx)",
    "ldmxcsr_reserved": "movl $0x10000, (%{a}bx); ldmxcsr (%{a}bx)",
    "ldmxcsr_round_up": "movl $0x5f80, (%{a}bx); ldmxcsr (%{a}bx); divps %xmm1, %xmm2",
    "ldmxcsr_flush": "movl $0x9fc0, (%{a}bx); ldmxcsr (%{a}bx); "
    "mov $0x1234, %eax; movd %eax, %xmm0; mulss %xmm1, %xmm0",
    "xm_zero": "movl $0x1d80, (%{a}bx); ldmxcsr (%{a}bx); xorps %xmm1, %xmm1; divss %xmm1, %xmm0",
    "xm_invalid": "movl $0x1f00, (%{a}bx); ldmxcsr (%{a}bx); "
    "xorps %xmm1, %xmm1; divss %xmm1, %xmm1",
    "xm_precision": "movl $0x0f80, (%{a}bx); ldmxcsr (%{a}bx); divps %xmm2, %xmm1",
    "xm_overflow": "movl $0x1b80, (%{a}bx); ldmxcsr (%{a}bx); "
    "mov $0x7f7fffff, %eax; movd %eax, %xmm0; mulss %xmm0, %xmm0",
    "mmx": "movd %eax, %mm0; paddb %mm0, %mm0; movd %mm0, %edx",
    "mmx_emms": "movd %eax, %mm0; emms",
}
X87: Final = {
    "fld1": "fld1",
    "fldpi": "fldpi; fldl2e; fldln2",
    "fadd": "fld1; fldpi; faddp",
    "fdiv_zero": "fld1; fldz; fdivrp",
    "fsqrt_minus": "fld1; fchs; fsqrt",
    "fild_fistp": "fildl (%{a}bx); fistpl 8(%{a}bx)",
    "fstp_single": "fldpi; fstps (%{a}bx)",
    "fstp_80": "fldpi; fstpt (%{a}bx)",
    "fbstp": "fildl (%{a}bx); fbstp 16(%{a}bx)",
    "fcomi": "fld1; fldpi; fcomi %st(1), %st",
    "fucomi_nan": "fldz; fldz; fdivp; fucomi %st(0), %st",
    "fxam": "fldz; fxam; fnstsw %ax",
    "overflow_of_the_stack": "fld1;fld1;fld1;fld1;fld1;fld1;fld1;fld1;fld1",
    "underflow_of_the_stack": "fstp %st(0)",
    "fnstcw": "fnstcw (%{a}bx); fnstsw 2(%{a}bx)",
    "fldcw_round": "movw $0xb7f, (%{a}bx); fldcw (%{a}bx); fldpi; fistpl 8(%{a}bx)",
    "mf_zero": "movw $0x37b, (%{a}bx); fldcw (%{a}bx); fld1; fldz; fdivrp; fwait",
    "mf_invalid": "movw $0x37e, (%{a}bx); fldcw (%{a}bx); fldz; fldz; fdivp; fld1",
    "mf_not_waited": "movw $0x37b, (%{a}bx); fldcw (%{a}bx); fld1; fldz; fdivrp; fnstsw %ax",
    "fxch": "fld1; fldpi; fxch",
    "fscale": "fld1; fld1; fscale",
    "frndint": "fldpi; frndint",
    "fprem": "fld1; fldpi; fprem",
    "fabs": "fld1; fchs; fabs",
    "fld_unmapped": "flds 0xdead000",
    "fst_read_only": "fldpi; fsts R",
    "ffree": "fld1; ffree %st(0)",
    "fincstp": "fld1; fincstp",
    "fcmov": "fld1; fldpi; stc; fcmovb %st(1), %st",
    "fninit": "fldpi; fninit",
}


def _both(name: str, text: str) -> Iterator[Snippet]:
    for bits, letter in ((64, "r"), (32, "e")):
        yield Snippet(f"{name}_in_{bits}", bits, text.format(a=letter))


def special_values() -> Iterator[Snippet]:
    for number, operation in enumerate(SCALAR):
        for which, (a, b) in enumerate(PAIRS):
            bits = 64 if (which + number) % 3 else 32
            load = f"mov ${SINGLES[a]:#x}, %eax; movd %eax, %xmm0; "
            load += f"mov ${SINGLES[b]:#x}, %eax; movd %eax, %xmm1"
            yield Snippet(f"{operation}_{a}_{b}", bits, f"{load}; {operation} %xmm1, %xmm0")


def packed() -> Iterator[Snippet]:
    for number, operation in enumerate(PACKED):
        bits = 32 if number % 4 == 0 else 64
        pointer = "%ebx" if bits == 32 else "%rbx"
        yield Snippet(
            f"packed_{operation}",
            bits,
            f"movaps ({pointer}), %xmm5; {operation} %xmm5, %xmm2; {operation} %xmm1, %xmm3",
        )
    for text in IMMEDIATE:
        name = "".join(c if c.isalnum() else "_" for c in text)
        yield Snippet(f"packed_{name}", 64, f"movaps (%rbx), %xmm5; {text}, %xmm5, %xmm2")


def other() -> Iterator[Snippet]:
    for name, text in OTHER.items():
        yield from _both(name, text)


def x87() -> Iterator[Snippet]:
    for name, text in X87.items():
        yield from _both(f"x87_{name}", text)


GROUPS: Final[tuple[Callable[[], Iterator[Snippet]], ...]] = (special_values, packed, other, x87)
