"""Numbers of open(2), lseek(2), poll(2) and inode(7), the same in both ABIs of x86.

Facts only; asm-generic/fcntl.h, linux/stat.h, asm-generic/poll.h.
"""

from __future__ import annotations

from typing import Final

# open(2)
O_RDONLY: Final = 0
O_WRONLY: Final = 1
O_RDWR: Final = 2
O_ACCMODE: Final = 3
O_CREAT: Final = 0o100
O_EXCL: Final = 0o200
O_NOCTTY: Final = 0o400
O_TRUNC: Final = 0o1000
O_APPEND: Final = 0o2000
O_NONBLOCK: Final = 0o4000
O_DSYNC: Final = 0o10000
O_ASYNC: Final = 0o20000
O_DIRECT: Final = 0o40000
O_LARGEFILE: Final = 0o100000
O_DIRECTORY: Final = 0o200000
O_NOFOLLOW: Final = 0o400000
O_NOATIME: Final = 0o1000000
O_CLOEXEC: Final = 0o2000000
O_SYNC: Final = 0o4010000
O_PATH: Final = 0o10000000
O_TMPFILE: Final = 0o20200000
# What only the act of opening looks at; F_GETFL does not show it.
O_AT_OPEN: Final = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC

# inode(7): "The file type and mode"
S_IFMT: Final = 0o170000
S_IFSOCK: Final = 0o140000
S_IFLNK: Final = 0o120000
S_IFREG: Final = 0o100000
S_IFBLK: Final = 0o060000
S_IFDIR: Final = 0o040000
S_IFCHR: Final = 0o020000
S_IFIFO: Final = 0o010000
S_ISUID: Final = 0o4000
S_ISGID: Final = 0o2000
S_ISVTX: Final = 0o1000
S_IXGRP: Final = 0o010

# access(2); also one triplet of the mode bits
R_OK: Final = 4
W_OK: Final = 2
X_OK: Final = 1

# lseek(2)
SEEK_SET: Final = 0
SEEK_CUR: Final = 1
SEEK_END: Final = 2
SEEK_DATA: Final = 3
SEEK_HOLE: Final = 4

# poll(2)
POLLIN: Final = 0x001
POLLPRI: Final = 0x002
POLLOUT: Final = 0x004
POLLERR: Final = 0x008
POLLHUP: Final = 0x010
POLLNVAL: Final = 0x020
POLLRDNORM: Final = 0x040
POLLWRNORM: Final = 0x100
POLLRDHUP: Final = 0x2000

RLIMIT_FSIZE: Final = 1
RLIMIT_NOFILE: Final = 7
SIGXFSZ: Final = 25

# openat2(2): RESOLVE_*
RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10
RESOLVE_CACHED: Final = 0x20

# The most that one read or write moves: the guest asks, the host's memory pays.
MOST_AT_ONCE: Final = 1 << 28
