"""What Linux calls the kernel function behind each system call, where the name alone does not tell.

Most calls end in `sys_` and their own name; here stand the others, as the table of a 64-bit kernel
of Linux 6.1 lists them. It does not know numbers. Linux: syscall_64.tbl and syscall_32.tbl (names
of functions); asm/syscall_wrapper.h for the prefixes.
"""

from __future__ import annotations

from typing import Final

NOT_THERE: Final = "sys_ni_syscall"
COMPAT: Final = "compat_"

# Calls that a 64-bit kernel numbers and does not have.
MISSING_64: Final = frozenset(
    "_sysctl afs_syscall create_module epoll_ctl_old epoll_wait_old get_kernel_syms "
    "get_thread_area getpmsg nfsservctl putpmsg query_module security set_thread_area tuxcall "
    "uselib vserver".split()
)
MISSING_32: Final = frozenset(
    "_sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle lock "
    "mpx nfsservctl prof profil putpmsg query_module stty ulimit uselib vm86 vm86old "
    "vserver".split()
)

RENAMED_64: Final = {
    "fstat": "newfstat",
    "lstat": "newlstat",
    "sendfile": "sendfile64",
    "stat": "newstat",
    "umount2": "umount",
    "uname": "newuname",
}

# Calls of x32 that are not those of x86_64: the same name, but the compat function.
COMPAT_X32: Final = frozenset(
    "execve execveat get_robust_list io_setup io_submit ioctl kexec_load move_pages mq_notify "
    "ptrace recvfrom recvmsg rt_sigaction rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo "
    "sendmmsg sendmsg set_robust_list sigaltstack timer_create waitid".split()
)
RENAMED_COMPAT_X32: Final = {
    "preadv": "preadv64",
    "preadv2": "preadv64v2",
    "pwritev": "pwritev64",
    "pwritev2": "pwritev64v2",
    "recvmmsg": "recvmmsg_time64",
    "rt_sigreturn": "x32_rt_sigreturn",
    "rt_sigtimedwait": "rt_sigtimedwait_time64",
}

RENAMED_32: Final = {
    "_llseek": "llseek",
    "adjtimex": "adjtimex_time32",
    "chown": "chown16",
    "chown32": "chown",
    "clock_adjtime": "clock_adjtime32",
    "clock_adjtime64": "clock_adjtime",
    "clock_getres": "clock_getres_time32",
    "clock_getres_time64": "clock_getres",
    "clock_gettime": "clock_gettime32",
    "clock_gettime64": "clock_gettime",
    "clock_nanosleep": "clock_nanosleep_time32",
    "clock_nanosleep_time64": "clock_nanosleep",
    "clock_settime": "clock_settime32",
    "clock_settime64": "clock_settime",
    "fchown": "fchown16",
    "fchown32": "fchown",
    "futex": "futex_time32",
    "futex_time64": "futex",
    "futimesat": "futimesat_time32",
    "getegid": "getegid16",
    "getegid32": "getegid",
    "geteuid": "geteuid16",
    "geteuid32": "geteuid",
    "getgid": "getgid16",
    "getgid32": "getgid",
    "getgroups": "getgroups16",
    "getgroups32": "getgroups",
    "getresgid": "getresgid16",
    "getresgid32": "getresgid",
    "getresuid": "getresuid16",
    "getresuid32": "getresuid",
    "getuid": "getuid16",
    "getuid32": "getuid",
    "io_getevents": "io_getevents_time32",
    "io_pgetevents_time64": "io_pgetevents",
    "lchown": "lchown16",
    "lchown32": "lchown",
    "mmap2": "mmap_pgoff",
    "mq_timedreceive": "mq_timedreceive_time32",
    "mq_timedreceive_time64": "mq_timedreceive",
    "mq_timedsend": "mq_timedsend_time32",
    "mq_timedsend_time64": "mq_timedsend",
    "nanosleep": "nanosleep_time32",
    "oldfstat": "fstat",
    "oldlstat": "lstat",
    "oldolduname": "olduname",
    "oldstat": "stat",
    "olduname": "uname",
    "sched_rr_get_interval": "sched_rr_get_interval_time32",
    "sched_rr_get_interval_time64": "sched_rr_get_interval",
    "semtimedop_time64": "semtimedop",
    "setfsgid": "setfsgid16",
    "setfsgid32": "setfsgid",
    "setfsuid": "setfsuid16",
    "setfsuid32": "setfsuid",
    "setgid": "setgid16",
    "setgid32": "setgid",
    "setgroups": "setgroups16",
    "setgroups32": "setgroups",
    "setregid": "setregid16",
    "setregid32": "setregid",
    "setresgid": "setresgid16",
    "setresgid32": "setresgid",
    "setresuid": "setresuid16",
    "setresuid32": "setresuid",
    "setreuid": "setreuid16",
    "setreuid32": "setreuid",
    "setuid": "setuid16",
    "setuid32": "setuid",
    "stime": "stime32",
    "time": "time32",
    "timer_gettime": "timer_gettime32",
    "timer_gettime64": "timer_gettime",
    "timer_settime": "timer_settime32",
    "timer_settime64": "timer_settime",
    "timerfd_gettime": "timerfd_gettime32",
    "timerfd_gettime64": "timerfd_gettime",
    "timerfd_settime": "timerfd_settime32",
    "timerfd_settime64": "timerfd_settime",
    "umount": "oldumount",
    "umount2": "umount",
    "uname": "newuname",
    "utime": "utime32",
    "utimensat": "utimensat_time32",
    "utimensat_time64": "utimensat",
    "utimes": "utimes_time32",
}

# Calls of i386 whose arguments a 64-bit kernel must convert: the compat function of that name.
COMPAT_32: Final = frozenset(
    "arch_prctl epoll_pwait2 execve execveat fanotify_mark fcntl64 fstatfs fstatfs64 ftruncate "
    "get_robust_list getdents getitimer getrusage gettimeofday io_pgetevents io_setup io_submit "
    "ioctl ipc kexec_load keyctl lseek mq_getsetattr mq_notify mq_open msgctl msgrcv msgsnd open "
    "open_by_handle_at openat ppoll_time64 preadv preadv2 pselect6_time64 ptrace pwritev pwritev2 "
    "recvfrom recvmmsg_time64 recvmsg rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
    "rt_sigreturn rt_sigsuspend rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity "
    "sched_setaffinity semctl sendfile sendmmsg sendmsg set_robust_list setitimer setrlimit "
    "settimeofday shmat shmctl sigaction sigaltstack signalfd signalfd4 sigpending sigprocmask "
    "sigreturn socketcall statfs statfs64 sysinfo timer_create times truncate ustat wait4 "
    "waitid".split()
)
RENAMED_COMPAT_32: Final = {
    "_newselect": "select",
    "clone": "ia32_clone",
    "fcntl": "fcntl64",
    "fstat": "newfstat",
    "getrlimit": "old_getrlimit",
    "lstat": "newlstat",
    "mmap": "ia32_mmap",
    "ppoll": "ppoll_time32",
    "pselect6": "pselect6_time32",
    "readdir": "old_readdir",
    "recvmmsg": "recvmmsg_time32",
    "rt_sigtimedwait": "rt_sigtimedwait_time32",
    "select": "old_select",
    "stat": "newstat",
    "ugetrlimit": "getrlimit",
    "fstat64": "ia32_fstat64",
    "fstatat64": "ia32_fstatat64",
    "lstat64": "ia32_lstat64",
    "stat64": "ia32_stat64",
}
# 64-bit values in two 32-bit registers are put together by a function of `ia32`.
IA32_64BIT_ARGUMENTS: Final = {
    "fadvise64": "ia32_fadvise64",
    "fadvise64_64": "ia32_fadvise64_64",
    "fallocate": "ia32_fallocate",
    "ftruncate64": "ia32_ftruncate64",
    "pread64": "ia32_pread64",
    "pwrite64": "ia32_pwrite64",
    "readahead": "ia32_readahead",
    "sync_file_range": "ia32_sync_file_range",
    "truncate64": "ia32_truncate64",
}


def kernel_symbol(abi: str, name: str) -> str:
    """The symbol of call `name` of `abi` (x86_64, i386 or x32) in a 64-bit kernel."""
    if abi == "i386":
        return _symbol_32(name)
    if name in MISSING_64:
        return NOT_THERE
    if abi == "x32" and name in COMPAT_X32:
        return f"__x64_{COMPAT}sys_{name}"
    if abi == "x32" and name in RENAMED_COMPAT_X32:
        return f"__x64_{COMPAT}sys_{RENAMED_COMPAT_X32[name]}"
    return f"__x64_sys_{RENAMED_64.get(name, name)}"


def _symbol_32(name: str) -> str:
    if name in MISSING_32:
        return NOT_THERE
    if name in COMPAT_32:
        return f"__ia32_{COMPAT}sys_{name}"
    if name in RENAMED_COMPAT_32:
        return f"__ia32_{COMPAT}sys_{RENAMED_COMPAT_32[name]}"
    return f"__ia32_sys_{(RENAMED_32 | IA32_64BIT_ARGUMENTS).get(name, name)}"
