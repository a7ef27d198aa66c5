"""What calls refuse, and by which error, as data: (call, arguments, errno or OK).

In a claim, bytes are put into memory and passed by address; `Fd` is a descriptor opened before the
call, `Pipe` an end of a new pipe, OUT is where an answer may be written, and NULL is nowhere.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from kernel_stub import errno as e


class Fd(NamedTuple):
    """A descriptor of `path`, opened with `flags`."""

    path: str
    flags: int = 0


class Pipe(NamedTuple):
    """One end (0: to read from, 1: to write to) of a new pipe."""

    end: int


OUT: Final = "OUT"
NULL: Final = "NULL"
Argument = int | bytes | str | Fd | Pipe
Claim = tuple[str, tuple[Argument, ...], int]

CWD: Final = -100
O_PATH: Final = os.O_PATH
READ, WRITE, BOTH = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
DIRECTORY: Final = os.O_DIRECTORY
TMPFILE: Final = os.O_TMPFILE
OK: Final = 0
CLOSED: Final = 9999
HOLE: Final = 0x10  # an address that no program has


def how(flags: int, mode: int = 0, resolve: int = 0) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in (flags, mode, resolve))


def times(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def vector(*pairs: tuple[int, int]) -> bytes:
    return b"".join(v.to_bytes(8, "little") for pair in pairs for v in pair)


OPENING: Final[tuple[Claim, ...]] = (
    ("open", (b"no", READ), e.ENOENT),
    ("open", (b"", READ), e.ENOENT),
    ("open", (HOLE, READ), e.EFAULT),
    ("open", (b"n" * 4096, READ), e.ENAMETOOLONG),
    ("open", (b"f/x", READ), e.ENOTDIR),
    ("open", (b"f", DIRECTORY), e.ENOTDIR),
    ("open", (b"f/", READ), e.ENOTDIR),
    ("open", (b"d", WRITE), e.EISDIR),
    ("open", (b"d", BOTH), e.EISDIR),
    ("open", (b"d", os.O_CREAT), e.EISDIR),
    ("open", (b"f", os.O_CREAT | os.O_EXCL), e.EEXIST),
    ("open", (b"d", os.O_CREAT | os.O_EXCL), e.EEXIST),
    ("open", (b"l", os.O_CREAT | os.O_EXCL), e.EEXIST),
    ("open", (b"dangling", os.O_CREAT | os.O_EXCL), e.EEXIST),
    ("open", (b"new/", os.O_CREAT), e.EISDIR),
    ("open", (b"no/new", os.O_CREAT), e.ENOENT),
    ("open", (b"l", os.O_NOFOLLOW), e.ELOOP),
    ("open", (b"ld", os.O_NOFOLLOW | DIRECTORY), e.ENOTDIR),
    ("open", (b"loop", READ), e.ELOOP),
    ("open", (b"l", O_PATH | os.O_NOFOLLOW), OK),
    ("open", (b"f", O_PATH | os.O_CREAT | os.O_EXCL), OK),
    ("open", (b"d", TMPFILE | READ), e.EINVAL),
    ("open", (b"f", TMPFILE | BOTH), e.ENOTDIR),
    ("creat", (b"d", 0o644), e.EISDIR),
    ("openat", (CLOSED, b"f", READ), e.EBADF),
    ("openat", (Fd("f"), b"g", READ), e.ENOTDIR),
    ("openat", (Fd("d"), b"g", READ), OK),
    ("openat", (Fd("d", O_PATH), b"g", READ), OK),
    ("openat", (CLOSED, b"/", READ), OK),
    ("openat2", (CWD, b"f", how(0), 8), e.EINVAL),
    ("openat2", (CWD, b"f", how(0) + b"\1" * 8, 32), e.E2BIG),
    ("openat2", (CWD, b"f", how(0) + b"\0" * 8, 32), OK),
    ("openat2", (CWD, b"f", how(1 << 40), 24), e.EINVAL),
    ("openat2", (CWD, b"f", how(0, 0o644), 24), e.EINVAL),
    ("openat2", (CWD, b"f", how(0, 0, 0x100), 24), e.EINVAL),
    ("openat2", (CWD, b"f", how(0, 0, 0x18), 24), e.EINVAL),
    ("openat2", (CWD, b"l", how(0, 0, 0x04), 24), e.ELOOP),
    ("openat2", (CWD, b"f", how(0, 0, 0x04), 24), OK),
    ("openat2", (CWD, b"/", how(0, 0, 0x08), 24), e.EXDEV),
    ("openat2", (CWD, b"..", how(0, 0, 0x08), 24), e.EXDEV),
    ("openat2", (CWD, b"d/../f", how(0, 0, 0x08), 24), OK),
    ("openat2", (Fd("d"), b"up", how(0, 0, 0x08), 24), e.EXDEV),
    ("openat2", (Fd("d"), b"/g", how(0, 0, 0x10), 24), OK),
    ("openat2", (Fd("d"), b"../../g", how(0, 0, 0x10), 24), OK),
    ("openat2", (Fd("d"), b"up", how(0, 0, 0x10), 24), e.ENOENT),
    ("openat2", (CWD, b"/proc/self/exe", how(0, 0, 0x02), 24), e.ELOOP),
    ("openat2", (CWD, b"/proc/self/fd", how(0, 0, 0x01), 24), e.EXDEV),
    ("memfd_create", (b"m", 0), OK),
    ("memfd_create", (b"m" * 250, 0), e.EINVAL),
    ("memfd_create", (b"m", 0x1000_0000), e.EINVAL),
)

DESCRIPTORS: Final[tuple[Claim, ...]] = (
    ("close", (CLOSED,), e.EBADF),
    ("close", (-1,), e.EBADF),
    ("dup", (CLOSED,), e.EBADF),
    ("dup2", (CLOSED, 98), e.EBADF),
    ("dup2", (Fd("f"), -1), e.EBADF),
    ("dup2", (CLOSED, CLOSED), e.EBADF),
    ("dup3", (CLOSED, CLOSED, 0), e.EINVAL),
    ("dup3", (Fd("f"), 98, 1), e.EINVAL),
    ("close_range", (9, 8, 0), e.EINVAL),
    ("close_range", (900, 901, 0x100), e.EINVAL),
    ("fcntl", (CLOSED, 1), e.EBADF),
    ("fcntl", (Fd("f"), 0, 1 << 30), e.EINVAL),
    ("fcntl", (Fd("f"), 0, -1), e.EINVAL),
    ("fcntl", (Fd("f"), 999), e.EINVAL),
    ("fcntl", (Fd("f", O_PATH), 4, 0), e.EBADF),
    ("fcntl", (Fd("f", O_PATH), 3), OK),
    ("fcntl", (Fd("f"), 6, b"\1\0\0\0" + bytes(28)), e.EBADF),
    ("fcntl", (Fd("f"), 6, b"\0\0\0\0" + bytes(28)), OK),
    ("fcntl", (Fd("f", BOTH), 6, b"\1\0\0\0" + bytes(28)), OK),
    ("fcntl", (Fd("f"), 6, b"\7\0\0\0" + bytes(28)), e.EINVAL),
    ("fcntl", (Fd("f"), 5, b"\0\0\7\0" + bytes(28)), e.EINVAL),
    ("fcntl", (Fd("f"), 1032), e.EBADF),
    ("flock", (CLOSED, 1), e.EBADF),
    ("flock", (Fd("f"), 0), e.EINVAL),
    ("flock", (Fd("f"), 6), OK),
    ("ioctl", (CLOSED, 0x5401, OUT), e.EBADF),
    ("ioctl", (Fd("f"), 0x5401, OUT), e.ENOTTY),
    ("ioctl", (Fd("f"), 0x5413, OUT), e.ENOTTY),
    ("ioctl", (Fd("f"), 0x541B, OUT), OK),
    ("ioctl", (Fd("f"), 0x541B, HOLE), e.EFAULT),
    ("ioctl", (Fd("f", O_PATH), 0x541B, OUT), e.EBADF),
    ("ioctl", (Pipe(0), 0x541B, OUT), OK),
    ("ioctl", (Pipe(0), 0x5401, OUT), e.ENOTTY),
)

MOVING: Final[tuple[Claim, ...]] = (
    ("read", (CLOSED, OUT, 1), e.EBADF),
    ("read", (Fd("f", WRITE), OUT, 1), e.EBADF),
    ("read", (Fd("f", O_PATH), OUT, 1), e.EBADF),
    ("read", (Fd("d"), OUT, 1), e.EISDIR),
    ("read", (Fd("f"), HOLE, 1), e.EFAULT),
    ("write", (Fd("f"), b"x", 1), e.EBADF),
    ("write", (Fd("f", WRITE), HOLE, 1), e.EFAULT),
    ("write", (Fd("f", WRITE), b"", 0), OK),
    ("pread64", (Fd("f"), OUT, 1, -1), e.EINVAL),
    ("pread64", (Pipe(0), OUT, 1, 0), e.ESPIPE),
    ("pread64", (Fd("d"), OUT, 1, 0), e.EISDIR),
    ("pwrite64", (Fd("f", WRITE), b"x", 1, -1), e.EINVAL),
    ("pwrite64", (Pipe(1), b"x", 1, 0), e.ESPIPE),
    ("pwrite64", (Fd("f", WRITE), b"x", 1, (1 << 63) - 1), e.EINVAL),
    ("readv", (Fd("f"), OUT, -1), e.EINVAL),
    ("readv", (Fd("f"), OUT, 1025), e.EINVAL),
    ("readv", (Fd("f"), HOLE, 1), e.EFAULT),
    ("readv", (Fd("f"), vector((HOLE, 4)), 1), e.EFAULT),
    ("readv", (Fd("f"), vector((0, 1 << 63)), 1), e.EINVAL),
    ("writev", (Fd("f", WRITE), vector(), 0), OK),
    ("preadv", (Fd("f"), vector(), 0, -1), e.EINVAL),
    ("preadv2", (Fd("f"), vector((HOLE, 1)), 1, 0, 0, 0x1000), e.EOPNOTSUPP),
    ("pwritev2", (Fd("f", WRITE), vector((HOLE, 1)), 1, 0, 0, 0x1000), e.EOPNOTSUPP),
    ("lseek", (CLOSED, 0, 0), e.EBADF),
    ("lseek", (Fd("f"), -1, 0), e.EINVAL),
    ("lseek", (Fd("f"), 0, 9), e.EINVAL),
    ("lseek", (Fd("f"), -100, 1), e.EINVAL),
    ("lseek", (Fd("f"), -100, 2), e.EINVAL),
    ("lseek", (Fd("f"), 4, 3), e.ENXIO),
    ("lseek", (Fd("f"), 0, 4), OK),
    ("lseek", (Fd("f"), 1 << 40, 0), OK),
    ("lseek", (Pipe(0), 0, 1), e.ESPIPE),
    ("lseek", (Fd("f", O_PATH), 0, 0), e.EBADF),
    ("sendfile", (Fd("f", WRITE), Fd("no-such"), NULL, 1), e.EBADF),
    ("sendfile", (Fd("f", WRITE), Fd("d/g", WRITE), NULL, 1), e.EBADF),
    ("sendfile", (Fd("f"), Fd("d/g"), NULL, 1), e.EBADF),
    ("sendfile", (Fd("f", WRITE), Fd("d/g"), times(-1), 1), e.EINVAL),
    ("sendfile", (Fd("f", WRITE | os.O_APPEND), Fd("d/g"), NULL, 1), e.EINVAL),
    ("copy_file_range", (Fd("f"), NULL, Fd("d/g"), NULL, 1, 0), e.EBADF),
    ("copy_file_range", (Fd("f"), NULL, Fd("d/g", WRITE), NULL, 1, 1), e.EINVAL),
    ("copy_file_range", (Fd("d"), NULL, Fd("d/g", WRITE), NULL, 1, 0), e.EISDIR),
    ("copy_file_range", (Fd("f"), NULL, Fd("d/g", WRITE | os.O_APPEND), NULL, 1, 0), e.EBADF),
    ("copy_file_range", (Pipe(0), NULL, Fd("d/g", WRITE), NULL, 1, 0), e.EINVAL),
)

NAMES: Final[tuple[Claim, ...]] = (
    ("mkdirat", (CLOSED, b"n", 0o777), e.EBADF),
    ("mkdirat", (Fd("f"), b"n", 0o777), e.ENOTDIR),
    ("unlinkat", (CWD, b"f", 0x1), e.EINVAL),
    ("unlinkat", (CWD, b"f", 0x200), e.ENOTDIR),
    ("unlinkat", (CWD, b"d", 0x200), e.ENOTEMPTY),
    ("renameat2", (CWD, b"f", CWD, b"d/g", 1), e.EEXIST),
    ("renameat2", (CWD, b"f", CWD, b"no", 2), e.ENOENT),
    ("renameat2", (CWD, b"f", CWD, b"no", 3), e.EINVAL),
    ("renameat2", (CWD, b"f", CWD, b"no", 0x10), e.EINVAL),
    ("linkat", (CWD, b"f", CWD, b"n", 0x1), e.EINVAL),
    ("linkat", (CWD, b"dangling", CWD, b"n", 0x400), e.ENOENT),
    ("linkat", (CWD, b"dangling", CWD, b"n", 0), OK),
    ("readlink", (b"f", OUT, 10), e.EINVAL),
    ("readlink", (b"l", OUT, 0), e.EINVAL),
    ("readlink", (b"l", HOLE, 10), e.EFAULT),
    ("readlinkat", (CWD, b"", OUT, 10), e.ENOENT),
    ("readlinkat", (Fd("f", O_PATH), b"", OUT, 10), e.ENOENT),
    ("readlinkat", (Fd("l", O_PATH | os.O_NOFOLLOW), b"", OUT, 10), OK),
    ("symlink", (b"x" * 4095, b"n"), OK),
    ("mknod", (b"f", 0o100644, 0), e.EEXIST),
    ("mknod", (b"n", 0o100644, 0), OK),
    ("mknod", (b"n", 0o010644, 0), OK),
    ("mknod", (b"n/", 0o100644, 0), e.ENOENT),
    ("getdents64", (Fd("f"), OUT, 100), e.ENOTDIR),
    ("getdents64", (Fd("d"), OUT, 4), e.EINVAL),
    ("getdents64", (CLOSED, OUT, 100), e.EBADF),
    ("getdents", (Fd("d"), OUT, 4), e.EINVAL),
    ("getcwd", (OUT, 1), e.ERANGE),
    ("getcwd", (OUT, 0), e.ERANGE),
    ("chdir", (b"f",), e.ENOTDIR),
    ("chdir", (b"no",), e.ENOENT),
    ("fchdir", (Fd("f"),), e.ENOTDIR),
    ("fchdir", (CLOSED,), e.EBADF),
    ("chroot", (b"f",), e.ENOTDIR),
)

ATTRIBUTES: Final[tuple[Claim, ...]] = (
    ("stat", (b"no", OUT), e.ENOENT),
    ("stat", (b"f", HOLE), e.EFAULT),
    ("fstat", (CLOSED, OUT), e.EBADF),
    ("fstat", (Fd("f", O_PATH), OUT), OK),
    ("newfstatat", (CWD, b"", OUT, 0), e.ENOENT),
    ("newfstatat", (CWD, b"", OUT, 0x1000), OK),
    ("newfstatat", (Fd("f"), b"", OUT, 0x1000), OK),
    ("newfstatat", (CWD, b"dangling", OUT, 0x100), OK),
    ("newfstatat", (CWD, b"f", OUT, 0x1), e.EINVAL),
    ("statx", (CWD, b"f", 0x1, 0xFFF, OUT), e.EINVAL),
    ("statx", (CWD, b"f", 0x6000, 0xFFF, OUT), e.EINVAL),
    ("statx", (CWD, b"f", 0, 0x8000_0000, OUT), e.EINVAL),
    ("statx", (Fd("f"), b"", 0x1000, 0xFFF, OUT), OK),
    ("statfs", (b"no", OUT), e.ENOENT),
    ("fstatfs", (CLOSED, OUT), e.EBADF),
    ("fstatfs", (Pipe(0), OUT), OK),
    ("fchmod", (CLOSED, 0o644), e.EBADF),
    ("fchmod", (Fd("f", O_PATH), 0o644), e.EBADF),
    ("fchmodat", (CWD, b"dangling", 0o644), e.ENOENT),
    ("fchown", (Fd("f", O_PATH), -1, -1), e.EBADF),
    ("fchownat", (CWD, b"f", -1, -1, 0x1), e.EINVAL),
    ("fchownat", (CWD, b"dangling", -1, -1, 0x100), OK),
    ("fchownat", (Fd("f", O_PATH), b"", -1, -1, 0x1000), OK),
    ("access", (b"no", 0), e.ENOENT),
    ("access", (b"f", 0), OK),
    ("access", (b"f", 8), e.EINVAL),
    ("access", (b"f", 1), e.EACCES),
    ("access", (b"dangling", 0), e.ENOENT),
    ("faccessat2", (CWD, b"dangling", 0, 0x100), OK),
    ("faccessat2", (CWD, b"f", 0, 0x1), e.EINVAL),
    ("utimensat", (CWD, b"f", times(0, -1, 0, 0), 0), e.EINVAL),
    ("utimensat", (CWD, b"f", times(0, 10**9, 0, 0), 0), e.EINVAL),
    ("utimensat", (CWD, b"f", times(0, (1 << 30) - 2, 0, (1 << 30) - 1), 0), OK),
    ("utimensat", (CWD, b"no", times(0, 0, 0, 0), 0), e.ENOENT),
    ("utimensat", (CWD, b"f", NULL, 0x1), e.EINVAL),
    ("utimensat", (Fd("f"), NULL, NULL, 0), OK),
    ("utimensat", (CLOSED, NULL, NULL, 0), e.EBADF),
    ("futimesat", (CWD, b"f", times(0, 10**6, 0, 0)), e.EINVAL),
    ("utime", (b"no", NULL), e.ENOENT),
    ("truncate", (b"f", -1), e.EINVAL),
    ("truncate", (b"d", 0), e.EISDIR),
    ("ftruncate", (Fd("f"), 0), e.EINVAL),
    ("ftruncate", (Fd("f", WRITE), -1), e.EINVAL),
    ("ftruncate", (Pipe(1), 0), e.EINVAL),
    ("ftruncate", (Fd("f", O_PATH), 0), e.EBADF),
    ("fallocate", (Fd("f", WRITE), 0, 0, 0), e.EINVAL),
    ("fallocate", (Fd("f", WRITE), 0, -1, 1), e.EINVAL),
    ("fallocate", (Fd("f"), 0, 0, 1), e.EBADF),
    ("fallocate", (Pipe(1), 0, 0, 1), e.ESPIPE),
    ("fallocate", (Fd("f", WRITE), 0x80, 0, 1), e.EOPNOTSUPP),
    ("fadvise64", (Fd("f"), 0, 0, 9), e.EINVAL),
    ("fadvise64", (Pipe(0), 0, 0, 0), e.ESPIPE),
    ("readahead", (Pipe(0), 0, 1), e.EINVAL),
    ("readahead", (Fd("f", WRITE), 0, 1), e.EBADF),
    ("fsync", (CLOSED,), e.EBADF),
    ("fsync", (Pipe(0),), e.EINVAL),
    ("sync_file_range", (Fd("f"), 0, -1, 0), e.EINVAL),
    ("sync_file_range", (Pipe(0), 0, 1, 0), e.ESPIPE),
)

WAITING: Final[tuple[Claim, ...]] = (
    ("pipe", (HOLE,), e.EFAULT),
    ("pipe2", (OUT, 1), e.EINVAL),
    ("read", (Pipe(1), OUT, 1), e.EBADF),
    ("write", (Pipe(0), b"x", 1), e.EBADF),
    ("eventfd2", (0, 0x100), e.EINVAL),
    ("poll", (HOLE, 1, 0), e.EFAULT),
    ("poll", (OUT, 1 << 30, 0), e.EINVAL),
    ("ppoll", (NULL, 0, times(0, -1), NULL, 0), e.EINVAL),
    ("ppoll", (NULL, 0, times(-1, 0), NULL, 0), e.EINVAL),
    ("ppoll", (NULL, 0, times(0, 0), NULL, 0), OK),
    ("select", (-1, NULL, NULL, NULL, times(0, 0)), e.EINVAL),
    ("select", (0, NULL, NULL, NULL, times(0, -1)), e.EINVAL),
    ("pselect6", (0, NULL, NULL, NULL, times(0, 10**9), NULL), e.EINVAL),
)

CLAIMS: Final = OPENING + DESCRIPTORS + MOVING + NAMES + ATTRIBUTES + WAITING
