"""The x87 and SSE state as signal frames keep it: an FXSAVE image, for i386 behind an FSAVE one.

SDM 1, "FXSAVE Area", "x87 FPU State Image".
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.sigframes import FSAVE_HEAD, FSAVE_SIZE, FXSAVE_SIZE

_HEAD: Final = Struct("<HHBxHQQII")  # FCW, FSW, abridged FTW, FOP, FIP, FDP, MXCSR, MXCSR_MASK
_REGISTERS_AT, _STRIDE, _SIZE = 32, 16, 10
_VALID, _EMPTY = 0, 3


def legacy_image(fxsave: bytes) -> bytes:
    """The FSAVE image that an i386 frame has in front of the FXSAVE image `fxsave`."""
    control, status, tags = _HEAD.unpack_from(fxsave)[:3]
    full = sum((_VALID if tags >> i & 1 else _EMPTY) << 2 * i for i in range(8))
    head = FSAVE_HEAD.pack(
        0xFFFF_0000 | control, 0xFFFF_0000 | status, 0xFFFF_0000 | full, 0, 0, 0, 0
    )
    registers: bytes = b"".join(
        fxsave[at : at + _SIZE] for at in range(_REGISTERS_AT, _REGISTERS_AT + 8 * _STRIDE, _STRIDE)
    )
    image = head + registers + status.to_bytes(2, "little") + bytes(2)
    assert len(image) == FSAVE_SIZE
    return bytes(image)


def from_legacy_image(image: bytes, fxsave: bytes) -> bytes:
    """The FXSAVE image to load: the x87 part of `image`, all else of `fxsave`."""
    control, status, full = (word & 0xFFFF for word in FSAVE_HEAD.unpack_from(image)[:3])
    tags = sum(1 << i for i in range(8) if full >> 2 * i & 3 != _EMPTY)
    merged = bytearray(fxsave)
    _, _, _, fop, fip, fdp, mxcsr, mask = _HEAD.unpack_from(fxsave)
    _HEAD.pack_into(merged, 0, control, status, tags, fop, fip, fdp, mxcsr, mask)
    for i in range(8):
        at = FSAVE_HEAD.size + i * _SIZE
        place = _REGISTERS_AT + i * _STRIDE
        merged[place : place + _SIZE] = image[at : at + _SIZE]
    assert len(merged) == FXSAVE_SIZE
    return bytes(merged)
