"""The name of a socket in a directory: what bind(2) leaves behind, and mknod(2) too.

What is bound to it, kernel_stub/net knows. unix(7): "Pathname sockets".
"""

from __future__ import annotations

from typing import Any

from kernel_stub.vfs.inode import Attributes, Inode


class SocketNode(Inode):
    """A name that stands for a socket while that is open."""

    bound: Any = None

    def __init__(self, attributes: Attributes | None) -> None:
        super().__init__(attributes)
