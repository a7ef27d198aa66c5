"""Names of constants that programs pass to the kernel, in the order in which strace writes them.

Numbers that the kernel itself works with come from its own modules; the others stand here. Facts
only. The man page of each call; asm-generic/fcntl.h, linux/mman.h, linux/prctl.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi import resources
from kernel_stub.abi.tracing import Request
from kernel_stub.mm import flags as mm
from kernel_stub.syscalls import time
from kernel_stub.vfs import modes


def _of(module: object, names: str, prefix: str = "") -> dict[str, int]:
    return {prefix + name: getattr(module, prefix + name) for name in names.split()}


def _numbered(names: str, prefix: str = "") -> dict[int, str]:
    """Names by their place; a `-` is no name."""
    return {i: prefix + name for i, name in enumerate(names.split()) if name != "-"}


# ---- bits

OPEN: Final = _of(
    modes,
    "CREAT EXCL NOCTTY TRUNC APPEND NONBLOCK SYNC ASYNC DSYNC DIRECT LARGEFILE NOFOLLOW NOATIME "
    "CLOEXEC PATH TMPFILE DIRECTORY",
    "O_",
)
PROT: Final = _of(mm, "READ WRITE EXEC GROWSDOWN GROWSUP", "PROT_")
MAP: Final = _of(
    mm,
    "FIXED ANONYMOUS 32BIT NORESERVE POPULATE NONBLOCK GROWSDOWN DENYWRITE EXECUTABLE LOCKED STACK "
    "HUGETLB SYNC FIXED_NOREPLACE",
    "MAP_",
)
ACCESS: Final = {"R_OK": 4, "W_OK": 2, "X_OK": 1}
AT: Final = {
    "AT_SYMLINK_NOFOLLOW": 0x100,
    "AT_REMOVEDIR": 0x200,
    "AT_SYMLINK_FOLLOW": 0x400,
    "AT_NO_AUTOMOUNT": 0x800,
    "AT_EMPTY_PATH": 0x1000,
}
AT_ACCESS: Final = {"AT_SYMLINK_NOFOLLOW": 0x100, "AT_EACCESS": 0x200, "AT_EMPTY_PATH": 0x1000}
STATX_SYNC: Final = {
    0: "AT_STATX_SYNC_AS_STAT",
    0x2000: "AT_STATX_FORCE_SYNC",
    0x4000: "AT_STATX_DONT_SYNC",
}
STATX: Final = {
    "STATX_ALL": 0xFFF,
    "STATX_BASIC_STATS": 0x7FF,
    "STATX_TYPE": 1,
    "STATX_MODE": 2,
    "STATX_NLINK": 4,
    "STATX_UID": 8,
    "STATX_GID": 0x10,
    "STATX_ATIME": 0x20,
    "STATX_MTIME": 0x40,
    "STATX_CTIME": 0x80,
    "STATX_INO": 0x100,
    "STATX_SIZE": 0x200,
    "STATX_BLOCKS": 0x400,
    "STATX_BTIME": 0x800,
    "STATX_MNT_ID": 0x1000,
}
SIGACTION: Final = {
    "SA_RESTORER": 0x0400_0000,
    "SA_ONSTACK": 0x0800_0000,
    "SA_RESTART": 0x1000_0000,
    "SA_INTERRUPT": 0x2000_0000,
    "SA_NODEFER": 0x4000_0000,
    "SA_RESETHAND": 0x8000_0000,
    "SA_NOCLDSTOP": 1,
    "SA_NOCLDWAIT": 2,
    "SA_SIGINFO": 4,
}
PIPE: Final = _of(modes, "CLOEXEC DIRECT NONBLOCK", "O_")
RANDOM: Final = {"GRND_NONBLOCK": 1, "GRND_RANDOM": 2, "GRND_INSECURE": 4}
MREMAP: Final = {"MREMAP_MAYMOVE": 1, "MREMAP_FIXED": 2, "MREMAP_DONTUNMAP": 4}
MSYNC: Final = {"MS_SYNC": 4, "MS_ASYNC": 1, "MS_INVALIDATE": 2}
CLONE: Final = {
    "CLONE_VM": 0x100,
    "CLONE_FS": 0x200,
    "CLONE_FILES": 0x400,
    "CLONE_SIGHAND": 0x800,
    "CLONE_PIDFD": 0x1000,
    "CLONE_PTRACE": 0x2000,
    "CLONE_VFORK": 0x4000,
    "CLONE_PARENT": 0x8000,
    "CLONE_THREAD": 0x10000,
    "CLONE_NEWNS": 0x20000,
    "CLONE_SYSVSEM": 0x40000,
    "CLONE_SETTLS": 0x80000,
    "CLONE_PARENT_SETTID": 0x100000,
    "CLONE_CHILD_CLEARTID": 0x200000,
    "CLONE_DETACHED": 0x400000,
    "CLONE_UNTRACED": 0x800000,
    "CLONE_CHILD_SETTID": 0x1000000,
}
MEMFD: Final = {"MFD_CLOEXEC": 1, "MFD_ALLOW_SEALING": 2, "MFD_HUGETLB": 4}
SEAL: Final = {
    name: 1 << bit
    for bit, name in enumerate(
        ("F_SEAL_SEAL", "F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE")
    )
}
FALLOCATE: Final = {
    "FALLOC_FL_KEEP_SIZE": 1,
    "FALLOC_FL_PUNCH_HOLE": 2,
    "FALLOC_FL_NO_HIDE_STALE": 4,
    "FALLOC_FL_COLLAPSE_RANGE": 8,
    "FALLOC_FL_ZERO_RANGE": 0x10,
    "FALLOC_FL_INSERT_RANGE": 0x20,
    "FALLOC_FL_UNSHARE_RANGE": 0x40,
}
PIDFD: Final = {"PIDFD_NONBLOCK": modes.O_NONBLOCK, "PIDFD_THREAD": modes.O_EXCL}
EVENTFD: Final = {"EFD_SEMAPHORE": 1, "EFD_CLOEXEC": modes.O_CLOEXEC, "EFD_NONBLOCK": 0o4000}
RENAME: Final = {"RENAME_NOREPLACE": 1, "RENAME_EXCHANGE": 2, "RENAME_WHITEOUT": 4}
WAIT: Final = {
    "WNOHANG": 1,
    "WSTOPPED": 2,
    "WEXITED": 4,
    "WCONTINUED": 8,
    "WNOWAIT": 0x0100_0000,
    "__WNOTHREAD": 0x2000_0000,
    "__WALL": 0x4000_0000,
    "__WCLONE": 0x8000_0000,
}
FLOCK: Final = {"LOCK_SH": 1, "LOCK_EX": 2, "LOCK_UN": 8, "LOCK_NB": 4}
FD: Final = {"FD_CLOEXEC": 1}
MOUNT: Final = {
    "ST_VALID": 0x20,
    "ST_RDONLY": 1,
    "ST_NOSUID": 2,
    "ST_NODEV": 4,
    "ST_NOEXEC": 8,
    "ST_SYNCHRONOUS": 0x10,
    "ST_MANDLOCK": 0x40,
    "ST_NOATIME": 0x400,
    "ST_NODIRATIME": 0x800,
    "ST_RELATIME": 0x1000,
}
SOCKET: Final = {"SOCK_CLOEXEC": modes.O_CLOEXEC, "SOCK_NONBLOCK": modes.O_NONBLOCK}
TIMER: Final = {"TIMER_ABSTIME": time.TIMER_ABSTIME}
POLL: Final = {
    "POLLIN": 1,
    "POLLPRI": 2,
    "POLLOUT": 4,
    "POLLRDNORM": 0x40,
    "POLLRDBAND": 0x80,
    "POLLWRNORM": 0x100,
    "POLLWRBAND": 0x200,
    "POLLERR": 8,
    "POLLHUP": 0x10,
    "POLLNVAL": 0x20,
    "POLLRDHUP": 0x2000,
}

# ---- one of many

ACCESS_MODE: Final = {0: "O_RDONLY", 1: "O_WRONLY", 2: "O_RDWR", 3: "O_ACCMODE"}
MAP_TYPE: Final = {1: "MAP_SHARED", 2: "MAP_PRIVATE", 3: "MAP_SHARED_VALIDATE"}
WHENCE: Final = _numbered("SET CUR END DATA HOLE", "SEEK_")
FADVISE: Final = _numbered("NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED NOREUSE", "POSIX_FADV_")
MADVISE: Final = _numbered(
    "NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED - - - FREE REMOVE DONTFORK DOFORK MERGEABLE "
    "UNMERGEABLE HUGEPAGE NOHUGEPAGE DONTDUMP DODUMP WIPEONFORK KEEPONFORK COLD PAGEOUT",
    "MADV_",
)
CLOCK: Final = {
    value: name
    for name, value in vars(time).items()
    if name.startswith("CLOCK_") and isinstance(value, int)
}
SIGMASK: Final = _numbered("SIG_BLOCK SIG_UNBLOCK SIG_SETMASK")
RESOURCE: Final = {
    value: name for name, value in vars(resources).items() if name.startswith("RLIMIT_")
}
RUSAGE: Final = {0: "RUSAGE_SELF", -1: "RUSAGE_CHILDREN", 1: "RUSAGE_THREAD"}
ITIMER: Final = _numbered("REAL VIRTUAL PROF", "ITIMER_")
PRIORITY: Final = _numbered("PROCESS PGRP USER", "PRIO_")
IOPRIO_WHO: Final = _numbered("- PROCESS PGRP USER", "IOPRIO_WHO_")
IOPRIO_CLASS: Final = _numbered("NONE RT BE IDLE", "IOPRIO_CLASS_")
MEMBARRIER: Final = {
    0: "MEMBARRIER_CMD_QUERY",
    1: "MEMBARRIER_CMD_GLOBAL",
    2: "MEMBARRIER_CMD_GLOBAL_EXPEDITED",
    4: "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED",
    8: "MEMBARRIER_CMD_PRIVATE_EXPEDITED",
    16: "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED",
    32: "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE",
    64: "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE",
    128: "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ",
    256: "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ",
}
MEMBARRIER_FLAGS: Final = {"MEMBARRIER_CMD_FLAG_CPU": 1}
SCHEDULER: Final = _numbered("OTHER FIFO RR BATCH - IDLE DEADLINE", "SCHED_")
ARCH_PRCTL: Final = {
    0x1001: "ARCH_SET_GS",
    0x1002: "ARCH_SET_FS",
    0x1003: "ARCH_GET_FS",
    0x1004: "ARCH_GET_GS",
    0x1011: "ARCH_GET_CPUID",
    0x1012: "ARCH_SET_CPUID",
}
FCNTL: Final = _numbered(
    "F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG "
    "F_GETSIG"
) | {
    12: "F_GETLK64",
    13: "F_SETLK64",
    14: "F_SETLKW64",
    36: "F_OFD_GETLK",
    37: "F_OFD_SETLK",
    38: "F_OFD_SETLKW",
    1024: "F_SETLEASE",
    1025: "F_GETLEASE",
    1026: "F_NOTIFY",
    1030: "F_DUPFD_CLOEXEC",
    1031: "F_SETPIPE_SZ",
    1032: "F_GETPIPE_SZ",
    1033: "F_ADD_SEALS",
    1034: "F_GET_SEALS",
}
LOCK: Final = _numbered("F_RDLCK F_WRLCK F_UNLCK")
IOCTL: Final = {
    0x5401: "TCGETS",
    0x5402: "TCSETS",
    0x5403: "TCSETSW",
    0x5404: "TCSETSF",
    0x540F: "TIOCGPGRP",
    0x5410: "TIOCSPGRP",
    0x5413: "TIOCGWINSZ",
    0x5414: "TIOCSWINSZ",
    0x5409: "TCSBRK",
    0x540A: "TCXONC",
    0x540B: "TCFLSH",
    0x540E: "TIOCSCTTY",
    0x5411: "TIOCOUTQ",
    0x5422: "TIOCNOTTY",
    0x5429: "TIOCGSID",
    0x8004_5430: "TIOCGPTN",
    0x4004_5431: "TIOCSPTLCK",
    0x8004_5439: "TIOCGPTLCK",
    0x5441: "TIOCGPTPEER",
    0x541B: "FIONREAD",
    0x5421: "FIONBIO",
    0x5450: "FIONCLEX",
    0x5451: "FIOCLEX",
    0x4004_9409: "FICLONE",
}
PRCTL: Final = {
    1: "PR_SET_PDEATHSIG",
    2: "PR_GET_PDEATHSIG",
    3: "PR_GET_DUMPABLE",
    4: "PR_SET_DUMPABLE",
    15: "PR_SET_NAME",
    16: "PR_GET_NAME",
    22: "PR_SET_SECCOMP",
    23: "PR_CAPBSET_READ",
    38: "PR_SET_NO_NEW_PRIVS",
    39: "PR_GET_NO_NEW_PRIVS",
    47: "PR_CAP_AMBIENT",
    0x5356_4D41: "PR_SET_VMA",
}
PTRACE: Final = {int(request): f"PTRACE_{request.name}" for request in Request}
FUTEX: Final = _numbered(
    "WAIT WAKE FD REQUEUE CMP_REQUEUE WAKE_OP LOCK_PI UNLOCK_PI TRYLOCK_PI WAIT_BITSET WAKE_BITSET",
    "FUTEX_",
)
FUTEX_FLAGS: Final = {"FUTEX_PRIVATE_FLAG": 128, "FUTEX_CLOCK_REALTIME": 256}
FAMILY: Final = {0: "AF_UNSPEC", 1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK"}
SOCKET_TYPE: Final = _numbered("- STREAM DGRAM RAW RDM SEQPACKET", "SOCK_")
FILE_KIND: Final[Mapping[int, str]] = {
    getattr(modes, name): name
    for name in dir(modes)
    if name.startswith("S_IF") and name != "S_IFMT"
}
FILE_SYSTEM: Final = {
    0xEF53: "EXT2_SUPER_MAGIC",
    0x9FA0: "PROC_SUPER_MAGIC",
    0x6265_6572: "SYSFS_MAGIC",
    0x0102_1994: "TMPFS_MAGIC",
    0x794C_7630: "OVERLAYFS_SUPER_MAGIC",
}
