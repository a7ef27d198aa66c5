"""What an argument may be, and how each kind is written: the vocabulary of table.py.

A kind of INPUTS is written before the call is answered, from what the program passed; one of
OUTPUTS afterwards, from what the kernel stored, and after a failure as the bare address. What a
structure holds is in structures.py. The man page of each call; strace(1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from kernel_stub.errno import Errno
from kernel_stub.trace import names, text
from kernel_stub.vfs.modes import O_ACCMODE, O_CREAT, O_TMPFILE, S_IFIFO

if TYPE_CHECKING:
    from kernel_stub.task import Task

AT_FDCWD: Final = -100
LONGEST_PATH: Final = 4096


class Later(Exception):
    """Raised by a kind of INPUTS that is one of OUTPUTS too: only the answer tells it."""


class Called:
    """One system call while it is told: who called, with what, and later what came of it.

    `name` is the call's. `limit` is how much of a string is shown; `show_paths`: descriptors tell
    what they are.
    """

    def __init__(
        self,
        task: Task,
        values: tuple[int, ...],
        limit: int = 32,
        show_paths: bool = False,
        name: str = "",
    ) -> None:
        self.task = task
        self.name = name
        self.noted: dict[int, int] = {}  # sizes that stood in memory before
        self.shown: dict[int, str] = {}  # how arguments looked before
        self.values = values
        self.limit = limit
        self.show_paths = show_paths
        self.result = 0

    def read(self, address: int, size: int) -> bytes:
        """Memory of the program. Raises Errno(EFAULT)."""
        return self.task.memory.copy_in(address, size)

    def word(self, address: int) -> int:
        """One word of its ABI. Raises Errno(EFAULT)."""
        return int.from_bytes(self.read(address, self.task.abi.word), "little")


Kind = Callable[[Called, int], str]


def signed(value: int, bits: int = 32) -> int:
    """The low `bits` of `value` as a signed number."""
    sign = 1 << bits - 1
    return ((value & (sign << 1) - 1) ^ sign) - sign


def _int(c: Called, i: int) -> str:
    return str(signed(c.values[i]))


def _uint(c: Called, i: int) -> str:
    return str(c.values[i] & 0xFFFF_FFFF)


def _long(c: Called, i: int) -> str:
    return str(signed(c.values[i], 8 * c.task.abi.word))


def _size(c: Called, i: int) -> str:
    return str(c.values[i])


def _wide(c: Called, i: int) -> str:
    return str(signed(c.values[i], 64))


def _id(c: Called, i: int) -> str:
    return str(signed(c.values[i])) if signed(c.values[i]) == -1 else _uint(c, i)


def _hex(c: Called, i: int) -> str:
    return f"{c.values[i]:#x}" if c.values[i] else "0"


def _address(c: Called, i: int) -> str:
    return text.address(c.values[i])


def descriptor(c: Called, number: int) -> str:
    """A file descriptor, with what it is if that is wanted."""
    if not c.show_paths:
        return str(number)
    try:
        file = c.task.files.any(number)
    except Errno:
        return str(number)
    path = file.path.decode("utf-8", "backslashreplace")
    if not path:
        sort = "pipe" if file.inode.kind == S_IFIFO else "anon_inode"
        path = f"{sort}:[{file.inode.number}]"
    return f"{number}<{path}>"


def _fd(c: Called, i: int) -> str:
    return descriptor(c, signed(c.values[i]))


def _dirfd(c: Called, i: int) -> str:
    if signed(c.values[i]) != AT_FDCWD:
        return _fd(c, i)
    if not c.show_paths:
        return "AT_FDCWD"
    cwd: bytes = c.task.fs.cwd.path()
    return f"AT_FDCWD<{cwd.decode('utf-8', 'backslashreplace')}>"


def _path(c: Called, i: int) -> str:
    if not c.values[i]:
        return "NULL"
    return text.quoted(c.task.memory.copy_in_string(c.values[i], LONGEST_PATH))


def _buffer(c: Called, i: int) -> str:
    """Bytes that the program gives; the next argument says how many."""
    size = c.values[i + 1]
    data = c.read(c.values[i], min(size, c.limit + 1))
    return text.quoted(data, c.limit, is_cut=size > c.limit)


def _filled(c: Called, i: int) -> str:
    """Bytes that the kernel stored: as many as the result says."""
    data = c.read(c.values[i], min(c.result, c.limit + 1))
    return text.quoted(data, c.limit, is_cut=c.result > c.limit)


def _link(c: Called, i: int) -> str:
    return text.quoted(c.read(c.values[i], c.result), c.limit)


def _cwd(c: Called, i: int) -> str:
    return text.quoted(c.read(c.values[i], c.result).rstrip(b"\0"))


def _random(c: Called, i: int) -> str:
    return text.in_hex(c.read(c.values[i], c.result), c.limit)


def _mode(c: Called, i: int) -> str:
    return text.octal(c.values[i] & 0xFFFF)


def _mode_of_new(c: Called, i: int) -> str:
    """The mode that open(2) uses only if it makes a file; else it is not shown."""
    flags = c.values[i - 1]
    makes = flags & O_CREAT or flags & O_TMPFILE == O_TMPFILE
    return _mode(c, i) if makes else ""


def open_flags(value: int) -> str:
    """What open(2) and F_GETFL speak of."""
    access = names.ACCESS_MODE[value & O_ACCMODE]
    rest = value & 0xFFFF_FFFF & ~O_ACCMODE
    return f"{access}|{text.bits(rest, names.OPEN)}" if rest else access


def _open_flags(c: Called, i: int) -> str:
    return open_flags(c.values[i])


def _map_flags(c: Called, i: int) -> str:
    value = c.values[i] & 0xFFFF_FFFF
    kind = text.one_of(value & 0xF, names.MAP_TYPE, "MAP_")
    return f"{kind}|{text.bits(value & ~0xF, names.MAP)}" if value & ~0xF else kind


def _statx_flags(c: Called, i: int) -> str:
    value = c.values[i] & 0xFFFF_FFFF
    sync = names.STATX_SYNC.get(value & 0x6000, "AT_STATX_???")
    rest = value & ~0x6000
    return f"{sync}|{text.bits(rest, names.AT)}" if rest else sync


def _futex(c: Called, i: int) -> str:
    value = c.values[i]
    operation = text.one_of(value & 0x7F, names.FUTEX, "FUTEX_")
    flags = text.bits(value & ~0x7F & 0xFFFF, names.FUTEX_FLAGS, zero="")
    return operation + (f"_PRIVATE{flags.removeprefix('FUTEX_PRIVATE_FLAG')}" if flags else "")


def _socket_type(c: Called, i: int) -> str:
    value = c.values[i]
    kind = text.one_of(value & 0xF, names.SOCKET_TYPE, "SOCK_")
    return f"{kind}|{text.bits(value & ~0xF, names.SOCKET)}" if value & ~0xF else kind


def _device(c: Called, i: int) -> str:
    return device(c.values[i])


def device(number: int) -> str:
    """makedev(3) of a device number as stat(2) has it."""
    major = number >> 8 & 0xFFF | number >> 32 & ~0xFFF
    minor = number & 0xFF | number >> 12 & 0xFFFF_FF00
    return f"makedev({major:#x}, {minor:#x})"


def kernel_device(major: int, minor: int) -> int:
    """A device number as stat(2) has it."""
    return (major & 0xFFF) << 8 | minor & 0xFF | (minor & ~0xFF) << 12


def _remap_target(c: Called, i: int) -> str:
    """The new address of mremap(2), which counts only if it is to be fixed."""
    return text.address(c.values[i]) if c.values[i - 1] & 2 else ""


def _futex_word(c: Called, i: int) -> str:
    return f"{c.values[i]:#x}"


def _signal(c: Called, i: int) -> str:
    return text.signal_name(signed(c.values[i]))


_PR_ARGUMENTS: Final = {2: 1, 3: 0, 4: 1, 15: 1, 16: 1, 39: 4}  # how many each option takes


def _argument_of_prctl(c: Called, i: int) -> str:
    """What the option takes; names of tasks as strings."""
    option = c.values[0]
    if i > _PR_ARGUMENTS.get(option, 4):
        return ""
    return _path(c, i) if option in (15, 16) else _hex(c, i)


def flags(table: Mapping[str, int], zero: str = "0") -> Kind:
    """A kind: bits with the names of `table`."""
    return lambda c, i: text.bits(c.values[i] & 0xFFFF_FFFF, table, zero)


def one_of(table: Mapping[int, str], prefix: str) -> Kind:
    """A kind: one of the numbers of `table`."""
    return lambda c, i: text.one_of(signed(c.values[i]), table, prefix)


def _io_priority(c: Called, i: int) -> str:
    """Class and level. ioprio_set(2), "Selecting an I/O scheduler"."""
    level = signed(c.values[i])
    kind = text.one_of(level >> 13, names.IOPRIO_CLASS, "IOPRIO_CLASS_")
    return f"IOPRIO_PRIO_VALUE({kind}, {level & 0x1FFF})"


INPUTS: Final[Mapping[str, Kind]] = {
    "int": _int,
    "uint": _uint,
    "long": _long,
    "size": _size,
    "id": _id,
    "hex": _hex,
    "address": _address,
    "fd": _fd,
    "dirfd": _dirfd,
    "path": _path,
    "buffer": _buffer,
    "mode": _mode,
    "mode_of_new": _mode_of_new,
    "open_flags": _open_flags,
    "map_flags": _map_flags,
    "statx_flags": _statx_flags,
    "futex": _futex,
    "socket_type": _socket_type,
    "device": _device,
    "signal": _signal,
    "loff": _wide,
    "position": _wide,
    "mremap_target": _remap_target,
    "futex_word": _futex_word,
    "open_bits": flags(names.OPEN),
    "prot": flags(names.PROT, "PROT_NONE"),
    "access": flags(names.ACCESS, "F_OK"),
    "at_flags": flags(names.AT),
    "at_access": flags(names.AT_ACCESS),
    "statx_mask": flags(names.STATX),
    "pipe_flags": flags(names.PIPE),
    "random_flags": flags(names.RANDOM),
    "mremap_flags": flags(names.MREMAP),
    "msync_flags": flags(names.MSYNC),
    "memfd_flags": flags(names.MEMFD),
    "eventfd_flags": flags(names.EVENTFD),
    "pidfd_flags": flags(names.PIDFD),
    "rename_flags": flags(names.RENAME),
    "fallocate_mode": flags(names.FALLOCATE),
    "wait_flags": flags(names.WAIT),
    "lock": flags(names.FLOCK),
    "timer_flags": flags(names.TIMER),
    "whence": one_of(names.WHENCE, "SEEK_"),
    "fadvice": one_of(names.FADVISE, "POSIX_FADV_"),
    "madvice": one_of(names.MADVISE, "MADV_"),
    "clock": one_of(names.CLOCK, "CLOCK_"),
    "sigmask_how": one_of(names.SIGMASK, "SIG_"),
    "resource": one_of(names.RESOURCE, "RLIMIT_"),
    "rusage_who": one_of(names.RUSAGE, "RUSAGE_"),
    "itimer": one_of(names.ITIMER, "ITIMER_"),
    "priority_kind": one_of(names.PRIORITY, "PRIO_"),
    "ioprio_who": one_of(names.IOPRIO_WHO, "IOPRIO_WHO_"),
    "ioprio": _io_priority,
    "membarrier": one_of(names.MEMBARRIER, "MEMBARRIER_CMD_"),
    "membarrier_flags": flags(names.MEMBARRIER_FLAGS),
    "scheduler": one_of(names.SCHEDULER, "SCHED_"),
    "arch_prctl": one_of(names.ARCH_PRCTL, "ARCH_"),
    "fcntl": one_of(names.FCNTL, "F_"),
    "prctl": one_of(names.PRCTL, "PR_"),
    "ptrace": one_of(names.PTRACE, "PTRACE_"),
    "family": one_of(names.FAMILY, "AF_"),
}
NUMBERS: Final = frozenset({"prctl_argument"})  # of OUTPUTS: what is 0 is no null pointer
OUTPUTS: Final[Mapping[str, Kind]] = {
    "filled": _filled,
    "link": _link,
    "cwd": _cwd,
    "prctl_argument": _argument_of_prctl,
    "random": _random,
}
