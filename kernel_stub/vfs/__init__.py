"""The virtual file system: everything that the guest sees as files, and nothing else of the host.

`Vfs(VfsOptions(...))` is one run's tree. No other room opens a file of the host for the guest.
Read inode.py, directory.py and walk.py first; then overlay.py (the host in memory's clothes) and
granted.py (`--rw`); tree.py puts all together.
"""

from __future__ import annotations

from kernel_stub.vfs.options import About, VfsOptions
from kernel_stub.vfs.tree import Vfs

__all__ = ["About", "Vfs", "VfsOptions"]
