"""Sensitive instructions: those whose exceptions the engine does not raise by itself.

`TABLE` has a row for each kind: the bytes that it is known by, who executes it when, the check, and
the manual's chapter by title. A block that holds one is supervised (supervisor.py): the row's check
has its turn each time in front of the instruction. A row costs nothing where its bytes do not
stand. To add one: a pattern, and a function from a Turn to a verdict (turn.py) or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, NamedTuple

from emu.cpu.counters import KERNEL, USER
from emu.cpu.turn import ALIGNMENT, ALWAYS, UNMASKED, Raise, Turn, Verdict
from emu.x86 import vectors
from emu.x86.instructions import LOCK, PREFIXES, opcode_at
from emu.x86.registers import FS, GS

# In a pattern: prefixes of any group, REX too in 64-bit mode.
ANY_PREFIXES: Final = b"<PREFIXES>"
_LEGACY: Final = re.escape(bytes(PREFIXES))
_REX: Final = rb"\x40-\x4f"


class Row(NamedTuple):
    """`pattern`: a regular expression for the opcode and what follows, prefixes left out.

    It is found fast where each of its alternatives begins with one certain byte.

    `paths`: the rings in which it holds, as counters name them. Rows for KERNEL hold only on a
    machine that supervises its kernel.
    """

    name: str
    pattern: bytes
    paths: tuple[int, ...]
    when: str
    check: Callable[[Turn], Verdict | None]
    manual: str


def modrm(fields: Iterable[int], memory: bool = True, register: bool = False) -> bytes:
    """A character class of the ModRM bytes with one of `fields` in their reg field."""
    mods = [*range(3 if memory else 0), *([3] if register else [])]
    firsts = (mod << 6 | field << 3 for mod in mods for field in fields)
    return b"[" + b"".join(rb"\x%02x-\x%02x" % (first, first + 7) for first in firsts) + b"]"


@cache
def compiled(pattern: bytes, long: bool) -> re.Pattern[bytes]:
    """`pattern` as it stands in 64-bit or in 32-bit code."""
    prefixes = b"[" + _LEGACY + (_REX if long else b"") + b"]*+"
    return re.compile(pattern.replace(ANY_PREFIXES, prefixes), re.DOTALL)


def is_at(pattern: re.Pattern[bytes], code: bytes, start: int, end: int, long: bool) -> bool:
    """Whether the instruction from `start` to `end` is one of `pattern`, whatever its prefixes."""
    opcode = opcode_at(code, start, long)
    return any(pattern.match(code, first, end) for first in range(start, opcode + 1))


# ---- LOCK

_MEMORY: Final = rb"[\x00-\xbf]"  # any ModRM byte of an operand in memory
_LOCKABLE: Final = b"|".join(
    (
        rb"[\x00\x01\x08\x09\x10\x11\x18\x19\x20\x21\x28\x29\x30\x31\x86\x87]" + _MEMORY,
        rb"[\x80-\x83]" + modrm(range(7)),  # not CMP
        rb"[\xf6\xf7]" + modrm((2, 3)),  # NOT, NEG
        rb"[\xfe\xff]" + modrm((0, 1)),  # INC, DEC
        rb"\x0f[\xab\xb0\xb1\xb3\xbb\xc0\xc1]" + _MEMORY,  # BTS, CMPXCHG, BTR, BTC, XADD
        rb"\x0f\xba" + modrm((5, 6, 7)),
        rb"\x0f\xc7" + modrm((1,)),  # CMPXCHG8B, CMPXCHG16B
    )
)
_LOCK: Final = re.escape(bytes((LOCK,))) + ANY_PREFIXES + b"(?!" + _LOCKABLE + b")"


def _undefined(_turn: Turn) -> Raise:
    return Raise(vectors.UD)


def _privileged(_turn: Turn) -> Raise:
    return Raise(vectors.GP, 0)


# ---- far returns, SYSRET, null selectors: returns.py knows them

_RING_0: Final = (KERNEL,)
_FAR_CALL: Final = rb"\x9a.{4}(?:..)?\Z|\xff" + modrm((3,)) + rb".{0,5}\Z"
_FAR_RETURN: Final = rb"\xca..\Z|\xcb\Z|\xcf\Z"


def _far_return(turn: Turn) -> Verdict | None:
    from emu.cpu.returns import far_return

    return far_return(turn)


def _far_call(turn: Turn) -> Verdict | None:
    from emu.cpu.returns import far_call

    return far_call(turn)


def _sysret(turn: Turn) -> Verdict | None:
    from emu.cpu.returns import sysret

    return sysret(turn)


def _move_to_segment(turn: Turn) -> Verdict | None:
    from emu.cpu.returns import move_to_segment

    return move_to_segment(turn)


def _pop_segment(turn: Turn) -> Verdict | None:
    from emu.cpu.returns import pop_segment

    return pop_segment(turn)


# ---- RDMSR, WRMSR, MOV to control registers: system_registers.py knows them


def _rdmsr(turn: Turn) -> Verdict | None:
    from emu.cpu.system_registers import rdmsr

    return rdmsr(turn)


def _wrmsr(turn: Turn) -> Verdict | None:
    from emu.cpu.system_registers import wrmsr

    return wrmsr(turn)


def _move_debug(turn: Turn) -> Verdict | None:
    from emu.cpu.debug_moves import move_debug

    return move_debug(turn)


def _move_to_control(turn: Turn) -> Verdict | None:
    from emu.cpu.system_registers import move_to_control

    return move_to_control(turn)


_FS_OR_GS: Final = modrm((FS, GS), memory=False, register=True)


# ---- alignment


def _aligned(turn: Turn) -> Raise | None:
    from emu.cpu import alignment

    return alignment.check(turn)


# ---- SIMD floating-point exceptions

_LOADS_MXCSR: Final = rb"\x0f\xae" + modrm((1, 2, 5))  # FXRSTOR, LDMXCSR, XRSTOR
_SIMD: Final = rb"\x0f(?:[\x2a\x2c-\x2f\x51\x58-\x5f\x7c\x7d\xc2\xd0\xe6]|\x3a[\x08-\x0b\x40\x41])"


def _loaded(turn: Turn) -> Verdict | None:
    from emu.cpu import simd

    return simd.loads_mxcsr(turn)


def _signaled(turn: Turn) -> Raise | None:
    from emu.cpu import simd

    return simd.check(turn)


TABLE: Final = (
    Row("lock", _LOCK, (USER,), ALWAYS, _undefined, 'SDM 2A, "LOCK"'),
    Row("far return", _FAR_RETURN, (USER,), ALWAYS, _far_return, 'SDM 2A, "IRET"; SDM 2B, "RET"'),
    Row("far call", _FAR_CALL, (USER,), ALWAYS, _far_call, 'SDM 2A, "CALL"'),
    Row(
        "MOV to FS or GS",
        rb"\x8e" + _FS_OR_GS,
        (USER, KERNEL),
        ALWAYS,
        _move_to_segment,
        'APM 2, "Segment Registers"; SDM 2B, "MOV"',
    ),
    Row(
        "POP FS, POP GS",
        rb"\x0f[\xa1\xa9]",
        (USER, KERNEL),
        ALWAYS,
        _pop_segment,
        'APM 2, "Segment Registers"; SDM 2B, "POP"',
    ),
    Row("SYSEXIT", rb"\x0f\x35", (USER,), ALWAYS, _privileged, 'SDM 2B, "SYSEXIT"'),
    Row("RDMSR", rb"\x0f\x32", _RING_0, ALWAYS, _rdmsr, 'SDM 2C, "RDMSR"; APM 3, "RDMSR"'),
    Row("WRMSR", rb"\x0f\x30", _RING_0, ALWAYS, _wrmsr, 'SDM 2D, "WRMSR"; APM 3, "WRMSR"'),
    Row(
        "MOV to a control register",
        rb"\x0f\x22.",
        _RING_0,
        ALWAYS,
        _move_to_control,
        'SDM 2B, "MOV-Move to/from Control Registers"',
    ),
    Row(
        "MOV of a debug register",
        rb"\x0f\x21.|\x0f\x23.",
        _RING_0,
        ALWAYS,
        _move_debug,
        'SDM 2B, "MOV-Move to/from Debug Registers"',
    ),
    Row("SYSRET", rb"\x0f\x07\Z", _RING_0, ALWAYS, _sysret, 'SDM 2B, "SYSRET"; APM 3, "SYSRET"'),
    Row(
        "any instruction with AC set",
        b"",
        (USER,),
        ALIGNMENT,
        _aligned,
        'SDM 3A, "Interrupt 17-Alignment Check Exception (#AC)"',
    ),
    Row("load of MXCSR", _LOADS_MXCSR, (USER,), ALWAYS, _loaded, 'SDM 2A, "LDMXCSR", "FXRSTOR"'),
    Row(
        "SIMD floating-point",
        _SIMD,
        (USER,),
        UNMASKED,
        _signaled,
        'SDM 3A, "Interrupt 19-SIMD Floating-Point Exception (#XM)"',
    ),
)
