"""Extended attributes: files have none here, and the host's are not shown.

The calls say so as a file system without extended attributes does.
getxattr(2), listxattr(2), setxattr(2), removexattr(2), xattr(7).
"""

# ruff: noqa: ARG001 - a handler has the parameters of its manual page

from __future__ import annotations

from typing import Final

from kernel_stub.errno import EOPNOTSUPP, Errno
from kernel_stub.syscalls.places import AT_FDCWD, place_at
from kernel_stub.syscalls.table import Int, Path, Pointer, ULong, syscall
from kernel_stub.task import Task

_MISSING: Final = "files have no extended attributes: EOPNOTSUPP, and the list is empty"


def _refuse_at(task: Task, path: bytes, *, follow: bool) -> int:
    place_at(task, AT_FDCWD, path, follow=follow).found()
    raise Errno(EOPNOTSUPP)


def _refuse_of(task: Task, descriptor: int) -> int:
    task.files.get(descriptor)
    raise Errno(EOPNOTSUPP)


@syscall("getxattr", "setxattr", support="partial", missing=_MISSING)
def getxattr(task: Task, path: Path, name: Path) -> int:
    return _refuse_at(task, path, follow=True)


@syscall("lgetxattr", "lsetxattr", support="partial", missing=_MISSING)
def lgetxattr(task: Task, path: Path, name: Path) -> int:
    return _refuse_at(task, path, follow=False)


@syscall("fgetxattr", "fsetxattr", "fremovexattr", support="partial", missing=_MISSING)
def fgetxattr(task: Task, descriptor: Int, name: Path) -> int:
    return _refuse_of(task, descriptor)


@syscall(support="partial", missing=_MISSING)
def removexattr(task: Task, path: Path, name: Path) -> int:
    return _refuse_at(task, path, follow=True)


@syscall(support="partial", missing=_MISSING)
def lremovexattr(task: Task, path: Path, name: Path) -> int:
    return _refuse_at(task, path, follow=False)


@syscall(support="partial", missing=_MISSING)
def listxattr(task: Task, path: Path, buffer: Pointer, size: ULong) -> int:
    place_at(task, AT_FDCWD, path, follow=True).found()
    return 0


@syscall(support="partial", missing=_MISSING)
def llistxattr(task: Task, path: Path, buffer: Pointer, size: ULong) -> int:
    place_at(task, AT_FDCWD, path, follow=False).found()
    return 0


@syscall(support="partial", missing=_MISSING)
def flistxattr(task: Task, descriptor: Int, buffer: Pointer, size: ULong) -> int:
    task.files.get(descriptor)
    return 0
