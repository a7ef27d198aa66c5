"""The character devices of /dev: null, zero, full, random, urandom.

Facts and their few lines of behaviour; where they stand in the tree, tree.py knows.
null(4), zero(4), full(4), random(4).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from kernel_stub.errno import ENOSPC, Errno
from kernel_stub.vfs.inode import Attributes, Inode, OpenFile
from kernel_stub.vfs.modes import MOST_AT_ONCE, S_IFCHR

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller


class Behaviour(NamedTuple):
    """What a device does. `mappable`: its pages are zeros."""

    name: bytes
    major: int
    minor: int
    read: Callable[[Caller, int], bytes]
    full: bool = False
    mappable: bool = False


DEVICES: Final = (
    Behaviour(b"null", 1, 3, lambda task, size: b""),
    Behaviour(b"zero", 1, 5, lambda task, size: bytes(size), mappable=True),
    Behaviour(b"full", 1, 7, lambda task, size: bytes(size), full=True),
    Behaviour(b"random", 1, 8, lambda task, size: task.kernel.random_bytes(size)),
    Behaviour(b"urandom", 1, 9, lambda task, size: task.kernel.random_bytes(size)),
)


class Device(Inode):
    """A character device that answers by itself."""

    def __init__(self, attributes: Attributes, behaviour: Behaviour) -> None:
        super().__init__(attributes)
        attributes.st_mode = S_IFCHR | 0o666
        attributes.st_rdev = os.makedev(behaviour.major, behaviour.minor)
        self.behaviour = behaviour

    def open(self, task: Caller, flags: int) -> OpenFile:
        return DeviceFile(self, flags)

    def read_at(self, offset: int, size: int) -> bytes:
        """The pages of a mapping."""
        return bytes(size)

    def resize(self, task: Caller, size: int) -> None:
        """O_TRUNC means nothing to a device."""


class DeviceFile(OpenFile):
    """An open device."""

    in_pieces = True
    pollable = False

    def __init__(self, device: Device, flags: int) -> None:
        super().__init__(device, flags)
        self.behaviour = device.behaviour
        self.mappable = device.behaviour.mappable

    def read(self, task: Caller, size: int) -> bytes:
        return self.behaviour.read(task, min(size, MOST_AT_ONCE))

    def write(self, task: Caller, data: bytes) -> int:
        if self.behaviour.full:
            raise Errno(ENOSPC)
        return len(data)

    def read_at(self, task: Caller, offset: int, size: int) -> bytes:
        return self.read(task, size)

    def write_at(self, task: Caller, offset: int, data: bytes) -> int:
        return self.write(task, data)

    def seek(self, task: Caller, offset: int, whence: int) -> int:
        return 0
