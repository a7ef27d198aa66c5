"""Linear memory as a debugger reads and writes it: past every right, by the tables in CR3.

What is written is dropped from the engine's translated code. A page that the kernel would bring at
the first touch is not there yet, and is not brought.
"""

from __future__ import annotations

from typing import Final

from emu.cpu.engine import Engine
from emu.errors import CallerError
from emu.memory import walk
from emu.x86.paging import PAGE_SIZE, is_canonical

_MASK64: Final = (1 << 64) - 1


class Unreadable(CallerError):
    """No page of the guest is mapped at `address`."""

    def __init__(self, address: int) -> None:
        super().__init__(f"no memory is mapped at {address:#x}")
        self.address = address


class Memory:
    """The memory of the program that runs. The state block must be loaded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ram = engine.physical

    def translate(self, address: int) -> int:
        """The physical address behind `address`. Raises Unreadable."""
        if not is_canonical(address):
            raise Unreadable(address)
        try:
            return walk.physical_address(self._ram, self._engine.state.control(3), address)
        except walk.WalkFault:
            raise Unreadable(address) from None

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes. Raises Unreadable for the first page that is not there."""
        return b"".join(
            self._ram.view[start : start + length] for start, length in self._pieces(address, size)
        )

    def read_some(self, address: int, size: int) -> bytes:
        """As many of `size` bytes as there are; none if not even the first is there."""
        content = b""
        while size > 0:
            length = min(size, PAGE_SIZE - address % PAGE_SIZE)
            try:
                content += self.read(address, length)
            except Unreadable:
                break
            address, size = address + length & _MASK64, size - length
        return content

    def write(self, address: int, data: bytes) -> None:
        """Writes `data`, whatever the page allows. Raises Unreadable before any byte is written."""
        done = 0
        for start, length in self._pieces(address, len(data)):
            self._ram.view[start : start + length] = data[done : done + length]
            done += length
        self._engine.flush_code()

    def _pieces(self, address: int, size: int) -> list[tuple[int, int]]:
        pieces = []
        address &= _MASK64
        while size > 0:
            length = min(size, PAGE_SIZE - address % PAGE_SIZE)
            pieces.append((self.translate(address), length))
            address, size = address + length & _MASK64, size - length
        return pieces
