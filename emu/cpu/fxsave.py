"""The x87 and SSE state as FXSAVE64 writes it and FXRSTOR64 loads it.

The image's form is known here; where the registers are, the engine knows. It does not know the last
instruction's pointers: nobody keeps them, and they are 0.
SDM 1, "FXSAVE Area", "Recreating FSAVE Format".
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from emu.cpu.engine import Engine

SIZE: Final = 512
_HEAD: Final = Struct("<HHBxHQQII")  # FCW FSW FTW FOP FIP FDP MXCSR MXCSR_MASK
_X87: Final = Struct("<QH6x")
_MXCSR_MASK: Final = 0xFFFF
_EMPTY: Final = 3  # a tag of the x87 unit; FTW has one bit, set for what is not empty
_SSE_AT: Final = _HEAD.size + 8 * _X87.size


def read(engine: Engine) -> bytes:
    """The image, as of now."""
    named = engine.read_named
    tags = sum(1 << i for i in range(8) if named("fptag") >> 2 * i & _EMPTY != _EMPTY)
    control, status, mxcsr = named("fpcw"), named("fpsw"), named("mxcsr")
    head = _HEAD.pack(control, status, tags, 0, 0, 0, mxcsr, _MXCSR_MASK)
    stack = (named(f"st{i}") for i in range(8))
    x87 = b"".join(_X87.pack(value & (1 << 64) - 1, value >> 64) for value in stack)
    sse = b"".join(named(f"xmm{i}").to_bytes(16, "little") for i in range(16))
    return (head + x87 + sse).ljust(SIZE, b"\0")


def write(engine: Engine, image: bytes) -> None:
    """Loads `image`; reserved bits of MXCSR, which FXRSTOR refuses, are cleared."""
    control, status, tags, _, _, _, mxcsr, _ = _HEAD.unpack_from(image)
    engine.write_named("fpcw", control)
    engine.write_named("fpsw", status)
    for i in range(8):
        mantissa, exponent = _X87.unpack_from(image, _HEAD.size + _X87.size * i)
        engine.write_named(f"st{i}", mantissa | exponent << 64)
    full_tags = sum(0 if tags >> i & 1 else _EMPTY << 2 * i for i in range(8))
    engine.write_named("fptag", full_tags)
    for i in range(16):
        at = _SSE_AT + 16 * i
        engine.write_named(f"xmm{i}", int.from_bytes(image[at : at + 16], "little"))
    engine.write_named("mxcsr", mxcsr & _MXCSR_MASK)
