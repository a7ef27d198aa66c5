"""A snippet: a little ring-3 code, where it lies, and the registers and pages that it starts with.

It knows the start that oracle and machine have in common, and how an end is written down: what
differs from that start, nothing else. What runs a snippet it does not know.
SDM 1, "FXSAVE Area" in "Programming with Intel Streaming SIMD Extensions" (Layout).
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from emu.x86 import flags
from emu.x86.registers import GPRS, SEGMENTS

CODE: Final = 0x1000_0000  # readable and executable
DATA: Final = 0x2000_0000  # readable and writable; the pages on both sides are not mapped
READ_ONLY: Final = 0x2002_0000
STACK: Final = 0x3000_0000  # readable and writable; the pages on both sides are not mapped
PAGE: Final = 4096
FPU_SIZE: Final = 512
MXCSR_FLAGS: Final = 0x3F
PATTERN: Final = bytes(i * 7 + (i >> 8) * 13 & 0xFF for i in range(PAGE))
START_FLAGS: Final = flags.IF | flags.FIXED

SIGFPE: Final = 8

_PLACES: Final = {
    "rcx": 5,
    "rbx": DATA + 0x300,
    "rsp": STACK + 0x800,
    "rbp": STACK + 0x900,
    "rsi": DATA + 0x100,
    "rdi": DATA + 0x200,
}
_CONTROL: Final = struct.Struct("<HHBxHQQII")  # FCW FSW FTW FOP FIP FDP MXCSR mask
_FCW, _FSW, _FTW, _MXCSR = 0, 1, 2, 6
_ST_AT, _XMM_AT, _SHOWN = 32, 160, 8


class Snippet(NamedTuple):
    """`text` is for the assembler. `undefined`: flags that the manual leaves open."""

    name: str
    bits: int
    text: str
    undefined: int = 0


def registers(bits: int) -> list[int]:
    """The general registers at the start, in the manual's order; each has a value of its own."""
    distinct = (0x0101_0101_0101_0101 * (0x81 + 7 * i) & (1 << 64) - 1 for i in range(16))
    low = (1 << bits) - 1
    return [
        _PLACES.get(name, value & (low if i < 8 else ~0))
        for i, (name, value) in enumerate(zip(GPRS, distinct, strict=True))
    ]


def fpu_image() -> bytes:
    """The FXSAVE image at the start: x87 empty, each of XMM0 to XMM15 with numbers of its own."""
    image = bytearray(FPU_SIZE)
    _CONTROL.pack_into(image, 0, 0x37F, 0, 0, 0, 0, 0, 0x1F80, 0xFFFF)
    for i in range(16):
        struct.pack_into(
            "<4f", image, _XMM_AT + 16 * i, 1.5 + i, -2.25 * i, 1e10 / (i + 1), 0.1 * i
        )
    return bytes(image)


def start(bits: int) -> dict[str, Any]:
    """The start in the words of an end."""
    data = 0 if bits == 64 else 0x2B
    return {
        **dict(zip(GPRS, registers(bits), strict=True)),
        "rip": CODE,
        "rflags": START_FLAGS,
        **dict(zip(SEGMENTS, (data, 0x33 if bits == 64 else 0x23, 0x2B, data, 0, 0), strict=False)),
        **_fpu(fpu_image()),
    }


def _fpu(image: bytes) -> dict[str, Any]:
    control = _CONTROL.unpack_from(image)
    return {
        "fcw": control[_FCW],
        "fsw": control[_FSW],
        "ftw": control[_FTW],
        "mxcsr": control[_MXCSR],
        **{f"st{i}": image[_ST_AT + 16 * i :][:10].hex() for i in range(_SHOWN)},
        **{f"xmm{i}": image[_XMM_AT + 16 * i :][:16].hex() for i in range(_SHOWN)},
    }


def _changed_words(before: bytes, after: bytes) -> dict[str, str]:
    """The quadwords that differ, by their offset."""
    return {
        f"{at:#x}": after[at : at + 8].hex()
        for at in range(0, PAGE, 8)
        if before[at : at + 8] != after[at : at + 8]
    }


def end(bits: int, raw: dict[str, Any]) -> dict[str, Any]:
    """What the oracle's line `raw` says, less all that is as at the start."""
    registers_now = dict(zip((*GPRS, "rip", "rflags"), raw["registers"], strict=True))
    segments = dict(zip(SEGMENTS, raw["selectors"], strict=False))
    now = registers_now | segments | _fpu(bytes.fromhex(raw["fpu"]))
    before = start(bits)
    shown = {name: value for name, value in now.items() if value != before[name]}
    for page, content in (("data", PATTERN), ("stack", bytes(PAGE))):
        if words := _changed_words(content, bytes.fromhex(raw[page])):
            shown[page] = words
    return {name: raw[name] for name in ("signal", "code", "address")} | {
        name: f"{value:#x}" if isinstance(value, int) else value for name, value in shown.items()
    }


def differences(snippet: Snippet, here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """What differs between two ends: name -> (here, there).

    Undefined flags are left out, and MXCSR's flags of exceptions where no signal tells of them: the
    engine never sets these.
    """
    found = {}
    is_signaled = here["signal"] == there["signal"] == SIGFPE
    for name in sorted({*here, *there}):
        pair = here.get(name), there.get(name)
        if name == "mxcsr" and not is_signaled:
            pair = _without_flags(pair[0]), _without_flags(pair[1])
        if name == "rflags":
            pair = _defined(snippet, pair[0]), _defined(snippet, pair[1])
        if pair[0] != pair[1]:
            found[name] = pair
    return found


def _defined(snippet: Snippet, rflags: str | None) -> str:
    value = START_FLAGS if rflags is None else int(rflags, 16)
    return f"{value & ~snippet.undefined:#x}"


def _without_flags(mxcsr: str | None) -> str:
    return f"{int(mxcsr or '0x1f80', 16) & ~MXCSR_FLAGS:#x}"
