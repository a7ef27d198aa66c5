"""What a file asks of its mappings, as a protocol: kernel_stub/mm/coherence.py fulfils it.

This module is imported by type checkers alone. mmap(2).
"""

from __future__ import annotations

from typing import Protocol


class Mapped(Protocol):
    """The mappings of one file, as the file sees them."""

    def over(self, offset: int, data: bytes) -> bytes:
        """`data` of the file, with what shared pages hold in its place."""

    def changes(self, offset: int, size: int) -> None:
        """These bytes are about to change."""

    def changed(self, offset: int, data: bytes) -> None:
        """The file has `data` at `offset` now."""

    def resized(self, size: int) -> None:
        """The file ends at `size` now."""

    def is_writable(self) -> bool:
        """Whether a program may store through a shared mapping."""
