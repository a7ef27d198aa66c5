"""Asking about files: stat in all its forms, statx, statfs.

stat(2), statx(2), statfs(2).
"""

from __future__ import annotations

import os
from typing import Final

from kernel_stub.abi.process_structures import SECOND
from kernel_stub.abi.structures import STAT, STAT64, STATFS, STATFS64, STATX, Layout
from kernel_stub.errno import EINVAL, EOVERFLOW, Errno
from kernel_stub.syscalls.places import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_NO_AUTOMOUNT,
    AT_STATX_SYNC_TYPE,
    AT_SYMLINK_NOFOLLOW,
    inode_at,
    path_or_empty,
    place_at,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, UInt, ULong, syscall
from kernel_stub.task import Task
from kernel_stub.vfs.inode import Inode, Status
from kernel_stub.vfs.modes import S_IFIFO
from kernel_stub.vfs.procfs import PROC_DEVICE, SYS_DEVICE

LARGEST_32: Final = (1 << 31) - 1
MASK_32: Final = 0xFFFF_FFFF
KNOWN_FLAGS: Final = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH
STATX_BASIC: Final = 0x7FF
STATX_RESERVED: Final = 0x8000_0000

TMPFS_MAGIC: Final = 0x0102_1994
# statfs(2): the types of the file systems that are not the host's, by st_dev.
MAGIC: Final = {PROC_DEVICE: 0x9FA0, SYS_DEVICE: 0x6265_6572, 5: TMPFS_MAGIC}
EXT4_MAGIC: Final = 0xEF53
PIPEFS_MAGIC: Final = 0x5049_5045
BLOCKS: Final = 1 << 24  # of 4 KiB: the size that every file system says it has


def fields_of(status: Status) -> dict[str, int]:
    """The fields of any struct stat."""
    fields = {
        "st_dev": status.st_dev,
        "st_ino": status.st_ino,
        "__st_ino": status.st_ino & MASK_32,
        "st_mode": status.st_mode,
        "st_nlink": status.st_nlink,
        "st_uid": status.st_uid,
        "st_gid": status.st_gid,
        "st_rdev": status.st_rdev,
        "st_size": status.st_size,
        "st_blksize": status.st_blksize,
        "st_blocks": status.st_blocks,
    }
    for name in ("st_atime", "st_mtime", "st_ctime"):
        fields[name], fields[name + "_nsec"] = divmod(getattr(status, name + "_ns"), SECOND)
    return fields


def _shown(task: Task, status: Status) -> dict[str, int]:
    """The fields, and the guest's clock is not behind them from now on."""
    task.kernel.file_time_shown(status.st_mtime_ns)
    return fields_of(status)


def _give(task: Task, inode: Inode, buffer: int, layout: Layout) -> int:
    fields = _shown(task, inode.stat())
    if layout is not STAT[8]:
        _narrow(fields, old=layout is STAT[4])
    task.memory.copy_out(buffer, layout.pack(fields))
    return 0


def _narrow(fields: dict[str, int], *, old: bool) -> None:
    """Into the fields of a 32-bit program. Raises Errno(EOVERFLOW) for what lies."""
    for name in ("st_atime", "st_mtime", "st_ctime"):
        fields[name] &= MASK_32
    if old:
        if fields["st_size"] > LARGEST_32 or fields["st_ino"] > MASK_32:
            raise Errno(EOVERFLOW)
        fields["st_uid"], fields["st_gid"] = (
            min(fields[name], 0xFFFE) if fields[name] > 0xFFFF else fields[name]
            for name in ("st_uid", "st_gid")
        )
        fields["st_dev"] &= MASK_32
        fields["st_rdev"] &= MASK_32
        fields["st_nlink"] = min(fields["st_nlink"], 0xFFFF)
        fields["st_blocks"] &= MASK_32


def _own_layout(task: Task) -> Layout:
    return STAT[task.abi.word]


@syscall()
def stat(task: Task, path: Path, buffer: Pointer) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    return _give(task, inode, buffer, _own_layout(task))


@syscall()
def lstat(task: Task, path: Path, buffer: Pointer) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=False).found()
    return _give(task, inode, buffer, _own_layout(task))


@syscall()
def fstat(task: Task, descriptor: Int, buffer: Pointer) -> int:
    return _give(task, task.files.any(descriptor).inode, buffer, _own_layout(task))


@syscall()
def stat64(task: Task, path: Path, buffer: Pointer) -> int:
    return _give(task, place_at(task, AT_FDCWD, path, follow=True).found(), buffer, STAT64)


@syscall()
def lstat64(task: Task, path: Path, buffer: Pointer) -> int:
    return _give(task, place_at(task, AT_FDCWD, path, follow=False).found(), buffer, STAT64)


@syscall()
def fstat64(task: Task, descriptor: Int, buffer: Pointer) -> int:
    return _give(task, task.files.any(descriptor).inode, buffer, STAT64)


@syscall()
def newfstatat(task: Task, dirfd: Int, path: Pointer, buffer: Pointer, flags: Int) -> int:
    name = path_or_empty(task, path)
    return _give(task, inode_at(task, dirfd, name, flags, KNOWN_FLAGS), buffer, STAT[8])


@syscall()
def fstatat64(task: Task, dirfd: Int, path: Pointer, buffer: Pointer, flags: Int) -> int:
    name = path_or_empty(task, path)
    return _give(task, inode_at(task, dirfd, name, flags, KNOWN_FLAGS), buffer, STAT64)


@syscall(support="partial", missing="no birth time, mount id or attributes are told")
def statx(task: Task, dirfd: Int, path: Pointer, flags: UInt, mask: UInt, buffer: Pointer) -> int:
    if mask & STATX_RESERVED or flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE:
        raise Errno(EINVAL)
    name = path_or_empty(task, path)
    inode = inode_at(task, dirfd, name, flags, KNOWN_FLAGS | AT_STATX_SYNC_TYPE)
    task.memory.copy_out(buffer, STATX.pack(_statx_fields(task, inode.stat())))
    return 0


def _statx_fields(task: Task, status: Status) -> dict[str, int]:
    shown = _shown(task, status)
    fields = {name.replace("st_", "stx_", 1): value for name, value in shown.items()}
    fields["stx_mask"] = STATX_BASIC
    for name, device in (("stx_rdev", status.st_rdev), ("stx_dev", status.st_dev)):
        fields[name + "_major"], fields[name + "_minor"] = os.major(device), os.minor(device)
    return fields


def _statfs_fields(inode: Inode) -> dict[str, int]:
    """The same sizes in every run: how full the host's disks are is nobody's business."""
    device = inode.stat().st_dev
    is_pipe = inode.kind == S_IFIFO and device == 0
    return {
        "f_type": PIPEFS_MAGIC if is_pipe else MAGIC.get(device, EXT4_MAGIC),
        "f_bsize": 4096,
        "f_blocks": BLOCKS,
        "f_bfree": BLOCKS // 2,
        "f_bavail": BLOCKS // 2,
        "f_files": BLOCKS // 4,
        "f_ffree": BLOCKS // 8,
        "f_fsid0": device & MASK_32,
        "f_namelen": 255,
        "f_frsize": 4096,
    }


_STATFS_MISSING: Final = "sizes and free blocks are the same for every file system"


@syscall(support="partial", missing=_STATFS_MISSING)
def statfs(task: Task, path: Path, buffer: Pointer) -> int:
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    task.memory.copy_out(buffer, STATFS[task.abi.word].pack(_statfs_fields(inode)))
    return 0


@syscall(support="partial", missing=_STATFS_MISSING)
def fstatfs(task: Task, descriptor: Int, buffer: Pointer) -> int:
    fields = _statfs_fields(task.files.any(descriptor).inode)
    task.memory.copy_out(buffer, STATFS[task.abi.word].pack(fields))
    return 0


def _require_size(size: int) -> None:
    """The i386 calls say how large their structure is; one size has two roundings."""
    if size not in (STATFS64.size, STATFS64.size + 4):
        raise Errno(EINVAL)


@syscall(support="partial", missing=_STATFS_MISSING)
def statfs64(task: Task, path: Path, size: ULong, buffer: Pointer) -> int:
    _require_size(size)
    inode = place_at(task, AT_FDCWD, path, follow=True).found()
    task.memory.copy_out(buffer, STATFS64.pack(_statfs_fields(inode)))
    return 0


@syscall(support="partial", missing=_STATFS_MISSING)
def fstatfs64(task: Task, descriptor: Int, size: ULong, buffer: Pointer) -> int:
    _require_size(size)
    fields = _statfs_fields(task.files.any(descriptor).inode)
    task.memory.copy_out(buffer, STATFS64.pack(fields))
    return 0
