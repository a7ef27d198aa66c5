"""The structures that file system calls put into the guest's memory, for both ABIs.

Each is a `Layout`: a packing and the names of its fields in order. Facts only: who fills them in,
kernel_stub/syscalls knows.
stat(2), statx(2), statfs(2), getdents(2), fcntl(2); asm/stat.h, asm/statfs.h, linux/stat.h.
"""

from __future__ import annotations

from struct import Struct, calcsize
from typing import Any, Final


class Layout:
    """A structure as "format name" pairs; a name that starts with `_` is a gap."""

    __slots__ = ("names", "size", "struct", "_formats")

    def __init__(self, *fields: str) -> None:
        pairs = [field.split() for field in fields]
        self._formats = [pair[0] for pair in pairs]
        self.names = tuple(pair[1] for pair in pairs if len(pair) == 2)
        self.struct = Struct("<" + "".join(self._formats))
        self.size = self.struct.size
        assert len(self.names) == len(self.struct.unpack(bytes(self.size))), "a name for each field"

    def pack(self, values: dict[str, int]) -> bytes:
        """The bytes of the structure; a field without a value is 0."""
        return self.struct.pack(*[values.get(name, 0) for name in self.names])

    def unpack(self, data: bytes) -> dict[str, Any]:
        return dict(zip(self.names, self.struct.unpack(data), strict=True))

    def offsets(self) -> dict[str, int]:
        """Where each field starts."""
        at, offsets = 0, {}
        names = iter(self.names)
        for form in self._formats:
            if not form.endswith("x"):
                offsets[next(names)] = at
            at += calcsize("<" + form)
        return offsets


_TIMES_64: Final = (
    "Q st_atime",
    "Q st_atime_nsec",
    "Q st_mtime",
    "Q st_mtime_nsec",
    "Q st_ctime",
    "Q st_ctime_nsec",
)
_TIMES_32: Final = tuple(field.replace("Q", "I") for field in _TIMES_64)

# The word of an ABI (in bytes) -> its struct stat, as `stat` and `fstat` give it.
STAT: Final = {
    8: Layout(
        "Q st_dev",
        "Q st_ino",
        "Q st_nlink",
        "I st_mode",
        "I st_uid",
        "I st_gid",
        "4x",
        "Q st_rdev",
        "q st_size",
        "q st_blksize",
        "q st_blocks",
        *_TIMES_64,
        "24x",
    ),
    4: Layout(
        "I st_dev",
        "I st_ino",
        "H st_mode",
        "H st_nlink",
        "H st_uid",
        "H st_gid",
        "I st_rdev",
        "I st_size",
        "I st_blksize",
        "I st_blocks",
        *_TIMES_32,
        "8x",
    ),
}
# i386 alone: `stat64` and its kin.
STAT64: Final = Layout(
    "Q st_dev",
    "4x",
    "I __st_ino",
    "I st_mode",
    "I st_nlink",
    "I st_uid",
    "I st_gid",
    "Q st_rdev",
    "4x",
    "q st_size",
    "I st_blksize",
    "Q st_blocks",
    *_TIMES_32,
    "Q st_ino",
)


def _statx_time(name: str) -> tuple[str, str, str]:
    return f"q {name}", f"I {name}_nsec", "4x"


STATX: Final = Layout(
    "I stx_mask",
    "I stx_blksize",
    "Q stx_attributes",
    "I stx_nlink",
    "I stx_uid",
    "I stx_gid",
    "H stx_mode",
    "2x",
    "Q stx_ino",
    "Q stx_size",
    "Q stx_blocks",
    "Q stx_attributes_mask",
    *_statx_time("stx_atime"),
    *_statx_time("stx_btime"),
    *_statx_time("stx_ctime"),
    *_statx_time("stx_mtime"),
    "I stx_rdev_major",
    "I stx_rdev_minor",
    "I stx_dev_major",
    "I stx_dev_minor",
    "Q stx_mnt_id",
    "104x",
)

_STATFS: Final = (
    "f_type",
    "f_bsize",
    "f_blocks",
    "f_bfree",
    "f_bavail",
    "f_files",
    "f_ffree",
    "f_fsid0",
    "f_fsid1",
    "f_namelen",
    "f_frsize",
    "f_flags",
)


def _statfs(formats: str, gap: str) -> Layout:
    return Layout(*(f"{form} {name}" for form, name in zip(formats, _STATFS, strict=True)), gap)


STATFS: Final = {8: _statfs("QQQQQQQIIQQQ", "32x"), 4: _statfs("I" * 12, "16x")}
STATFS64: Final = _statfs("IIQQQQQIIIII", "16x")  # i386 alone

_FLOCK: Final = ("h l_type", "h l_whence")
FLOCK: Final = {
    8: Layout(*_FLOCK, "4x", "q l_start", "q l_len", "i l_pid", "4x"),
    4: Layout(*_FLOCK, "i l_start", "i l_len", "i l_pid"),
}
FLOCK64: Final = Layout(*_FLOCK, "q l_start", "q l_len", "i l_pid")  # i386 alone

# A directory entry's fixed head. `linux_dirent` ends with the type, behind the name's NUL.
DIRENT64: Final = Struct("<QqHB")
DIRENT: Final = {8: Struct("<QqH"), 4: Struct("<IiH")}

OPEN_HOW: Final = Struct("<3Q")  # openat2(2)
INT: Final = Struct("<i")
POLLFD: Final = Struct("<ihh")
TERMIOS_SIZE: Final = 36  # struct termios of the kernel, in both ABIs
WINSIZE_SIZE: Final = 8
