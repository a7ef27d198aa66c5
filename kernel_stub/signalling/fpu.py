"""The x87 and SSE state as signal frames keep it: an XSAVE image, for i386 behind an FSAVE one.

Where the processor has no XSAVE, the image ends after its FXSAVE part.
Linux's user headers: asm/sigcontext.h; SDM 1, "Operation of XRSTOR", "FXSAVE Area",
"x87 FPU State Image", "Recreating FSAVE Format".
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kernel_stub.abi.sigframes import (
    FP_XSTATE_MAGIC1,
    FP_XSTATE_MAGIC2,
    FSAVE_HEAD,
    FSAVE_SIZE,
    FXSAVE_SIZE,
    SW_BYTES,
    SW_BYTES_AT,
    XSAVE_HEADER,
    XSAVE_SIZE,
)
from kernel_stub.errno import EFAULT, Errno

_HEAD: Final = Struct("<HHBxHQQII")  # FCW, FSW, abridged FTW, FOP, FIP, FDP, MXCSR, MXCSR_MASK
_REGISTERS_AT, _STRIDE, _SIZE = 32, 16, 10
_VALID, _ZERO, _SPECIAL, _EMPTY = range(4)  # a tag of the x87 unit
_TOP_SHIFT: Final = 11  # of the status word's number of the register that is ST(0)
_LOW_WORD: Final = 0xFFFF
_HIGH_WORD: Final = 0xFFFF_0000
MXCSR_BITS: Final = 0xFFFF  # the bits that exist
_FXRSTOR_ALIGNMENT: Final = 16
_XRSTOR_ALIGNMENT: Final = 64
_X87, _SSE = 1, 2  # state components, all that there are
_HEAD_SIZE: Final = _HEAD.size
_MXCSR_AT: Final = 24
_XMM_AT: Final = _REGISTERS_AT + 8 * _STRIDE

# The units as a program finds them: every exception masked, the stack empty.
START: Final = _HEAD.pack(0x37F, 0, 0, 0, 0, 0, 0x1F80, MXCSR_BITS).ljust(FXSAVE_SIZE, b"\0")


def _registers(fxsave: bytes) -> list[bytes]:
    places = range(_REGISTERS_AT, _REGISTERS_AT + 8 * _STRIDE, _STRIDE)
    return [fxsave[at : at + _SIZE] for at in places]


def _tag(value: bytes) -> int:
    """What FSAVE would say of a register that is not empty."""
    mantissa = int.from_bytes(value[:8], "little")
    exponent = int.from_bytes(value[8:], "little") & 0x7FFF
    if exponent == 0:
        return _SPECIAL if mantissa else _ZERO
    return _VALID if exponent != 0x7FFF and mantissa >> 63 else _SPECIAL


def _full_tags(fxsave: bytes) -> int:
    """The tag word: two bits for each physical register; ST(0) is the one that FSW.TOP names."""
    _, status, tags = _HEAD.unpack_from(fxsave)[:3]
    stack, top, word = _registers(fxsave), status >> _TOP_SHIFT & 7, 0
    for register in range(8):
        full = tags >> register & 1
        word |= (_tag(stack[register - top & 7]) if full else _EMPTY) << 2 * register
    return word


def legacy_image(fxsave: bytes, code: int, data: int) -> bytes:
    """The FSAVE image that an i386 frame has in front of the FXSAVE image `fxsave`.

    `code` and `data` are CS and DS, which stand for those of the last x87 instruction.
    """
    control, status = _HEAD.unpack_from(fxsave)[:2]
    words = (control, status, _full_tags(fxsave))
    head = FSAVE_HEAD.pack(
        *(_HIGH_WORD | word for word in words), 0, code, 0, _HIGH_WORD | data & _LOW_WORD
    )
    image: bytes = head + b"".join(_registers(fxsave)) + status.to_bytes(2, "little") + bytes(2)
    assert len(image) == FSAVE_SIZE
    return image


def frame_image(fxsave: bytes, has_xsave: bool, in_front: int = 0) -> bytes:
    """What a frame holds of the units; `in_front` bytes of another image stand before it."""
    if not has_xsave:
        return fxsave
    size = XSAVE_SIZE + len(FP_XSTATE_MAGIC2) + in_front
    told = SW_BYTES.pack(FP_XSTATE_MAGIC1, size, _X87 | _SSE, XSAVE_SIZE)
    header = XSAVE_HEADER.pack(_X87 | _SSE, 0, b"")
    return fxsave[:SW_BYTES_AT] + told + header + FP_XSTATE_MAGIC2


def load_image(image: bytes, address: int, has_xsave: bool) -> bytes:
    """The FXSAVE image that results from what a 64-bit frame holds now, at `address`.

    FXRSTOR or XRSTOR loads it. Raises Errno(EFAULT) where that is #GP.
    """
    is_extended = has_xsave and _is_extended(image)
    alignment = _XRSTOR_ALIGNMENT if is_extended else _FXRSTOR_ALIGNMENT
    if address % alignment:
        raise Errno(EFAULT)
    components = _components(image, is_extended)
    return selected(image, components, image[_MXCSR_AT:_HEAD_SIZE])


def load_images(legacy: bytes, image: bytes, has_xsave: bool) -> bytes:
    """The same for a 32-bit frame, whose x87 part is `legacy`; the kernel copies it first."""
    components = _components(image, has_xsave and _is_extended(image))
    mxcsr = (image if components & _SSE else START)[_MXCSR_AT:_HEAD_SIZE]
    return selected(merged(legacy, image), components, mxcsr)


def _is_extended(image: bytes) -> bool:
    """Whether both magic words stand in `image`: else only its FXSAVE part counts."""
    magic, extended_size, _, size = SW_BYTES.unpack_from(image, SW_BYTES_AT)
    fits = size == XSAVE_SIZE <= extended_size
    return magic == FP_XSTATE_MAGIC1 and fits and image[XSAVE_SIZE:] == FP_XSTATE_MAGIC2


def _components(image: bytes, is_extended: bool) -> int:
    """What XSTATE_BV names. Raises Errno(EFAULT): what the processor refuses."""
    if _HEAD.unpack_from(image)[6] & ~MXCSR_BITS:
        raise Errno(EFAULT)
    if not is_extended:
        return _X87 | _SSE
    components, compact, reserved = XSAVE_HEADER.unpack_from(image, FXSAVE_SIZE)
    if components & ~(_X87 | _SSE) or compact or any(reserved):
        raise Errno(EFAULT)
    return int(components)


def selected(image: bytes, components: int, mxcsr: bytes) -> bytes:
    """The `components` of `image`; the others as they start."""
    x87, sse = (image if components & bit else START for bit in (_X87, _SSE))
    return x87[:_MXCSR_AT] + mxcsr + x87[_HEAD_SIZE:_XMM_AT] + sse[_XMM_AT:FXSAVE_SIZE]


def merged(image: bytes, fxsave: bytes) -> bytes:
    """The x87 part of the FSAVE image `image`, all else of `fxsave`."""
    control, status, full = (word & _LOW_WORD for word in FSAVE_HEAD.unpack_from(image)[:3])
    tags = sum(1 << i for i in range(8) if full >> 2 * i & 3 != _EMPTY)
    merged = bytearray(fxsave)
    _, _, _, fop, fip, fdp, mxcsr, mask = _HEAD.unpack_from(fxsave)
    _HEAD.pack_into(merged, 0, control, status, tags, fop, fip, fdp, mxcsr, mask)
    for i in range(8):
        at = FSAVE_HEAD.size + i * _SIZE
        place = _REGISTERS_AT + i * _STRIDE
        merged[place : place + _SIZE] = image[at : at + _SIZE]
    return bytes(merged)
