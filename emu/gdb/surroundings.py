"""What the debugging core does not know and a client wants. An interface only.

Whoever knows the kernel offers it: files, pages that nobody has touched, how to unwind. It does not
know gdb.
"""

from __future__ import annotations

from typing import Protocol


class Surroundings(Protocol):
    """The program's files and pages as its kernel knows them."""

    def touch(self, address: int) -> None:
        """Brings the page at `address`, as the kernel does at the program's first touch of it."""

    def read_file(self, path: bytes) -> bytes:
        """A whole file as the program sees it. Raises OSError."""

    def read_link(self, path: bytes) -> bytes:
        """Where a symbolic link leads. Raises OSError."""

    def kernel_frames(self) -> bytes:
        """How the kernel's code is unwound: a .debug_frame of x86-64; empty if nobody knows."""
