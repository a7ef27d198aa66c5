"""Machine code of the host: where it is kept, and the trampoline that hooks go through.

A few hundred bytes of x86-64 (System V convention) do in native code what Python would need
several calls for. Hosts that cannot run them get the same from Python, slower. It does not know
what the code is for.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Mapping
from typing import Any, Final

from emu.errors import EngineError

TRAMPOLINE_CODE: Final = bytes.fromhex(
    "5341544883ec084889fb4189f448be111111111111111148b822222222222222"
    "22ffd04889dfbe6666666648ba333333333333333348b84444444444444444ff"
    "d04489e748b85555555555555555ffd04189c44889df48be1111111111111111"
    "48b87777777777777777ffd04489e04883c408415c5bc3"
)
SYSCALL_CODE: Final = bytes.fromhex(
    "5341544883ec084889fb48be111111111111111148b82222222222222222ffd0"
    "4889dfbe6666666648ba333333333333333348b84444444444444444ffd049b8"
    "888888888888888849b9333333333333333349837908000f856701000041f680"
    "50020000010f8459010000418b80b000000089c281e20380000081fa03800000"
    "0f853e01000048b99999999999999999488b4908488b4910492b888000000048"
    "83f9020f851b010000498b09498b90800000004883c202498950084889ca4881"
    "e2fffffeff49895058498b90e81200004883ea0249899080000000498b90f812"
    "00004881ca0000010048f7d24821d14889ca4881e22af3ffff4883ca02498990"
    "880000004889ca81e2d50800004989909800000041c780a800000001000000ba"
    "01000000f7c1000400007405baffffffff418990ac000000258c7fffff0d3080"
    "0000418980b0000000418b90dc12000081e2fcff0000418990d000000049c780"
    "d80000000000000041c780e0000000ffffffff41c780e4000000009ba00083c2"
    "08418990e800000049c780f00000000000000041c780f8000000ffffffff41c7"
    "80fc0000000093c00048ba9999999999999999488b124989511049c741080100"
    "0000eb0e31ff48b85555555555555555ffd04889df48be111111111111111148"
    "b87777777777777777ffd04883c408415c5bc3"
)
PORT_FAULT_CODE: Final = bytes.fromhex(
    "4883ec08becccccccc48baaaaaaaaaaaaaaaaa31c931c049babbbbbbbbbbbbbbbb41ffd231c04883c408c3"
)
LEAVE_CODE: Final = bytes.fromhex(
    "534889fb48b85555555555555555ffd085c074234889dfbecccccccc48baaaaa"
    "aaaaaaaaaaaa31c931c049babbbbbbbbbbbbbbbb41ffd25bc3"
)
CONTEXT, SAVE, CELL, READ, PYTHON, RESTORE = (
    bytes((b,)) * 8 for b in (*range(0x11, 0x66, 0x11), 0x77)
)
FLAGS_REGISTER: Final = bytes((0x66,)) * 4
STATE, KERNEL_COUNT, ADDRESS, CONTROL = (bytes((b,)) * 8 for b in (0x88, 0x99, 0xAA, 0xBB))
REQUEST: Final = bytes((0xCC,)) * 4


def is_supported() -> bool:
    """Whether this host can run the machine code."""
    host = os.uname()
    return host.machine == "x86_64" and host.sysname in ("Linux", "Darwin")


def address_of(function: Any) -> int:
    """The host's address of a C function or of a callback."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class HostCode:
    """Executable memory. Raises EngineError where the host allows none."""

    def __init__(self) -> None:
        if not is_supported():
            raise EngineError("this host cannot run the machine code of an x86-64 host")
        protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        try:
            self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=protection)
        except OSError as error:
            raise EngineError(f"the host allows no executable memory: {error}") from None
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._used = 0

    def add(self, code: bytes, constants: Mapping[bytes, int]) -> int:
        """Places `code`, the marks of `constants` in it replaced by values; returns its address."""
        for mark, value in constants.items():
            code = code.replace(mark, value.to_bytes(len(mark), "little"))
        address = self._base + self._used
        self._page[self._used : self._used + len(code)] = code
        self._used += -(-len(code) // 16) * 16
        return address

    def patch(self, address: int, code: bytes) -> None:
        """Writes `code` over what was placed at `address`. It must not be running."""
        start = address - self._base
        self._page[start : start + len(code)] = code
