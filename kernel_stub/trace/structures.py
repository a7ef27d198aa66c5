"""Structures in the program's memory as strace writes them: `{field=value, ...}`.

Each function reads one structure with the layouts of the ABI and writes the fields that strace
shows unless it is asked for all. Which call has which structure is in table.py.
The man page of each structure; kernel_stub/abi.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.process_structures import (
    RLIMIT64,
    SIGACTION,
    STACK_T,
    SYSINFO,
    TIMESPEC64,
    USER_DESC,
    UTSNAME_FIELD,
)
from kernel_stub.abi.structures import STAT, STAT64, STATFS, STATX
from kernel_stub.trace import names, text
from kernel_stub.trace.kinds import Called, Kind, descriptor, device, kernel_device, signed
from kernel_stub.vfs.modes import S_IFBLK, S_IFCHR, S_IFMT

_UNLIMITED: Final = {8: (1 << 64) - 1, 4: (1 << 32) - 1}
_MOST_SHOWN: Final = 32  # elements of an array


def _status(fields: Mapping[str, int], prefix: str = "st_") -> str:
    mode = fields["st_mode"]
    kind = names.FILE_KIND.get(mode & S_IFMT, f"{mode & S_IFMT:#o}")
    shown = f"{prefix}mode={kind}|{text.octal(mode & 0o7777)}"
    if mode & S_IFMT in (S_IFCHR, S_IFBLK):
        return f"{{{shown}, {prefix}rdev={device(fields['st_rdev'])}, ...}}"
    return f"{{{shown}, {prefix}size={fields['st_size']}, ...}}"


def _stat(c: Called, i: int) -> str:
    layout = STAT[c.task.abi.word]
    return _status(layout.unpack(c.read(c.values[i], layout.size)))


def _stat64(c: Called, i: int) -> str:
    return _status(STAT64.unpack(c.read(c.values[i], STAT64.size)))


def _statx(c: Called, i: int) -> str:
    fields = STATX.unpack(c.read(c.values[i], STATX.size))
    number = kernel_device(fields["stx_rdev_major"], fields["stx_rdev_minor"])
    status = {
        "st_mode": fields["stx_mode"],
        "st_size": fields["stx_size"],
        "st_rdev": number,
    }
    mask = text.bits(fields["stx_mask"], names.STATX)
    head = f"{{stx_mask={mask}, stx_attributes={text.bits(fields['stx_attributes'], {})}, "
    return head + _status(status, "stx_")[1:]


def _statfs(c: Called, i: int) -> str:
    layout = STATFS[c.task.abi.word]
    fields = layout.unpack(c.read(c.values[i], layout.size))
    kind = names.FILE_SYSTEM.get(fields["f_type"], f"{fields['f_type']:#x}")
    shown = ("f_bsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree")
    numbers = ", ".join(f"{name}={fields[name]}" for name in shown)
    identity = ", ".join(f"{fields[name]:#x}" for name in ("f_fsid0", "f_fsid1"))
    rest = f"f_namelen={fields['f_namelen']}, f_frsize={fields['f_frsize']}"
    flags = text.bits(fields["f_flags"], names.MOUNT)
    return f"{{f_type={kind}, {numbers}, f_fsid={{val=[{identity}]}}, {rest}, f_flags={flags}}}"


def _machine(c: Called, i: int) -> str:
    """struct sysinfo."""
    values = c.task.memory.unpack(SYSINFO[c.task.abi.word], c.values[i])
    uptime, *loads = values[:4]
    memory = ("totalram", "freeram", "sharedram", "bufferram", "totalswap", "freeswap", "procs")
    rows = [f"{name}={value}" for name, value in zip(memory, values[4:11], strict=True)]
    high, free_high, unit = values[-3:]
    rows.append(f"totalhigh={high}, freehigh={free_high}, mem_unit={unit}")
    return f"{{uptime={uptime}, loads={loads}, " + ", ".join(rows) + "}"


def _times(c: Called, i: int) -> str:
    """Two struct timespec: access and modification."""
    word = 8 if c.task.abi.word == 8 else 4
    rows = []
    for at in (c.values[i], c.values[i] + 2 * word):
        seconds, rest = c.task.memory.unpack(c.task.abi.timespec, at)
        named = {0x3FFF_FFFF: "UTIME_NOW", 0x3FFF_FFFE: "UTIME_OMIT"}.get(rest)
        rows.append(named or f"{{tv_sec={seconds}, tv_nsec={rest}}}")
    return "[" + ", ".join(rows) + "]"


def _limit(value: int, word: int) -> str:
    if value == _UNLIMITED[word]:
        return "RLIM64_INFINITY" if word == 8 else "RLIM_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and not value % 1024 else str(value)


def _rlimit64(c: Called, i: int) -> str:
    soft, hard = c.task.memory.unpack(RLIMIT64, c.values[i])
    return f"{{rlim_cur={_limit(soft, 8)}, rlim_max={_limit(hard, 8)}}}"


def _rlimit(c: Called, i: int) -> str:
    word = c.task.abi.word
    pair = (c.word(c.values[i]), c.word(c.values[i] + word))
    soft, hard = (_limit(value, word).replace("RLIM64", "RLIM") for value in pair)
    return f"{{rlim_cur={soft}, rlim_max={hard}}}"


def _timespec(c: Called, i: int) -> str:
    seconds, rest = c.task.memory.unpack(c.task.abi.timespec, c.values[i])
    return f"{{tv_sec={seconds}, tv_nsec={rest}}}"


def _timespec64(c: Called, i: int) -> str:
    seconds, rest = c.task.memory.unpack(TIMESPEC64, c.values[i])
    return f"{{tv_sec={seconds}, tv_nsec={rest}}}"


def _timeval(c: Called, i: int) -> str:
    seconds, rest = c.task.memory.unpack(c.task.abi.timeval, c.values[i])
    return f"{{tv_sec={seconds}, tv_usec={rest}}}"


def _signal_set(c: Called, i: int) -> str:
    return text.signal_set(int.from_bytes(c.read(c.values[i], 8), "little"))


def _signal_action(c: Called, i: int) -> str:
    """struct sigaction as rt_sigaction(2) takes it."""
    layout = SIGACTION[c.task.abi.word]
    handler, flags, restorer, mask = c.task.memory.unpack(layout, c.values[i])
    shown = {0: "SIG_DFL", 1: "SIG_IGN"}.get(handler, f"{handler:#x}")
    parts = f"sa_handler={shown}, sa_mask={text.signal_set(mask)}"
    parts += f", sa_flags={text.bits(flags & 0xFFFF_FFFF, names.SIGACTION)}"
    has_restorer = flags & names.SIGACTION["SA_RESTORER"]
    return f"{{{parts}, sa_restorer={restorer:#x}}}" if has_restorer else f"{{{parts}}}"


def _signal_stack(c: Called, i: int) -> str:
    pointer, flags, size = c.task.memory.unpack(STACK_T[c.task.abi.word], c.values[i])
    named = {0: "0", 1: "SS_ONSTACK", 2: "SS_DISABLE"}.get(flags, f"{flags:#x}")
    return f"{{ss_sp={text.address(pointer)}, ss_flags={named}, ss_size={size}}}"


def _segment(c: Called, i: int) -> str:
    """struct user_desc of set_thread_area(2)."""
    number, base, limit, bits = c.task.memory.unpack(USER_DESC, c.values[i])
    flags = (
        ("seg_32bit", bits & 1),
        ("contents", bits >> 1 & 3),
        ("read_exec_only", bits >> 3 & 1),
        ("limit_in_pages", bits >> 4 & 1),
        ("seg_not_present", bits >> 5 & 1),
        ("useable", bits >> 6 & 1),
    )
    head = f"entry_number={signed(number)}, base_addr={base:#x}, limit={limit:#08x}"
    return f"{{{head}, " + ", ".join(f"{name}={value}" for name, value in flags) + "}"


def _names(c: Called, i: int) -> str:
    system, node = (
        c.read(c.values[i] + at, UTSNAME_FIELD).split(b"\0", 1)[0] for at in (0, UTSNAME_FIELD)
    )
    return f"{{sysname={text.quoted(system)}, nodename={text.quoted(node)}, ...}}"


def _pair(c: Called, i: int) -> str:
    data = c.read(c.values[i], 8)
    ends = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
    return "[" + ", ".join(descriptor(c, end) for end in ends) + "]"


def _groups(c: Called, i: int) -> str:
    data = c.read(c.values[i], 4 * c.result if c.values[0] else 0)
    found = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    return "[" + ", ".join(map(str, found)) + "]"


def _processors(c: Called, i: int) -> str:
    mask = int.from_bytes(c.read(c.values[i], c.result), "little")
    return "[" + " ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) + "]"


def _entries(c: Called, i: int) -> str:
    """The buffer of getdents64, by how many entries it has."""
    data = c.read(c.values[i], c.result)
    at = count = 0
    while at < len(data):
        at += int.from_bytes(data[at + 16 : at + 18], "little") or len(data)
        count += 1
    return f"{text.address(c.values[i])} /* {count} entries */"


def _vector(c: Called, i: int) -> str:
    """struct iovec of writev: each piece as a string."""
    at, word, pieces = c.values[i], c.task.abi.word, []
    for n in range(min(c.values[i + 1], _MOST_SHOWN)):
        base, size = c.word(at + 2 * word * n), c.word(at + word * (2 * n + 1))
        data = c.read(base, min(size, c.limit + 1)) if size else b""
        shown = text.quoted(data, c.limit, size > c.limit)
        pieces.append(f"{{iov_base={shown}, iov_len={size}}}")
    return "[" + ", ".join(pieces) + "]"


def _int(c: Called, i: int) -> str:
    return f"[{signed(int.from_bytes(c.read(c.values[i], 4), 'little'))}]"


def _wait_status(c: Called, i: int) -> str:
    if not c.result:
        return text.address(c.values[i])  # WNOHANG: nothing was stored
    status = int.from_bytes(c.read(c.values[i], 4), "little")
    if status & 0xFF == 0x7F:
        return f"[{{WIFSTOPPED(s) && WSTOPSIG(s) == {text.signal_name(status >> 8)}}}]"
    if status == 0xFFFF:
        return "[{WIFCONTINUED(s)}]"
    if not status & 0x7F:
        return f"[{{WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}}}]"
    dumped = " && WCOREDUMP(s)" if status & 0x80 else ""
    return f"[{{WIFSIGNALED(s) && WTERMSIG(s) == {text.signal_name(status & 0x7F)}{dumped}}}]"


# Structures that the program fills in, and those that the kernel fills in; NULL is NULL.
INPUTS: Final[Mapping[str, Kind]] = {
    "rlimit64_in": _rlimit64,
    "rlimit_in": _rlimit,
    "timespec_in": _timespec,
    "timespec64_in": _timespec64,
    "timeval_in": _timeval,
    "sigset_in": _signal_set,
    "sigaction_in": _signal_action,
    "sigstack_in": _signal_stack,
    "times": _times,
    "descriptor_in": _segment,
    "iovec_in": _vector,
}
OUTPUTS: Final[Mapping[str, Kind]] = {
    "stat": _stat,
    "stat64": _stat64,
    "statx": _statx,
    "statfs": _statfs,
    "sysinfo": _machine,
    "rlimit64": _rlimit64,
    "rlimit": _rlimit,
    "timespec": _timespec,
    "timespec64": _timespec64,
    "timeval": _timeval,
    "sigset": _signal_set,
    "sigaction": _signal_action,
    "sigstack": _signal_stack,
    "utsname": _names,
    "fd_pair": _pair,
    "groups": _groups,
    "cpus": _processors,
    "entries": _entries,
    "int_out": _int,
    "wait_status": _wait_status,
}
