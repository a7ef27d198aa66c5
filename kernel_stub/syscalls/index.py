"""Which module answers which calls. `make docs` writes it from the modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HOMES: Final[Mapping[str, str]] = {
    "attributes": (
        "access chmod chown chown32 faccessat faccessat2 fchmod fchmodat fchmodat2 fchown "
        "fchown32 fchownat futimesat lchown lchown32 umask utime utimensat utimensat_time64 "
        "utimes "
    ),
    "children": "wait4 waitid waitpid",
    "creation": "clone clone3 execve execveat fork vfork",
    "descriptors": "fcntl fcntl64 ioctl",
    "directories": (
        "chdir chroot fchdir getcwd getdents getdents64 link linkat mkdir mkdirat mknod mknodat "
        "readlink readlinkat rename renameat renameat2 rmdir symlink symlinkat unlink unlinkat "
    ),
    "epoll": "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait",
    "events": "eventfd eventfd2",
    "extents": (
        "fadvise64 fadvise64_64 fallocate fdatasync fsync ftruncate ftruncate64 readahead sync "
        "sync_file_range syncfs truncate truncate64 "
    ),
    "files": "close close_range creat dup dup2 dup3 memfd_create open openat openat2",
    "futex": "futex futex_time64",
    "identity": (
        "capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
        "getresgid getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid "
        "setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid "
        "setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32 "
    ),
    "io": "_llseek lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv write writev",
    "io_priority": "ioprio_get ioprio_set",
    "ldt": "modify_ldt",
    "locks": "flock",
    "memory": "brk madvise mincore mmap mmap2 mprotect mremap msync munmap",
    "memory_locks": "mlock mlock2 mlockall munlock munlockall",
    "messages": "recv recvfrom recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto",
    "metadata": (
        "fstat fstat64 fstatat64 fstatfs fstatfs64 lstat lstat64 newfstatat stat stat64 statfs "
        "statfs64 statx "
    ),
    "mounts": "mount name_to_handle_at open_by_handle_at pivot_root swapoff swapon umount umount2",
    "pidfds": "pidfd_getfd pidfd_open pidfd_send_signal",
    "pipes": "pipe pipe2",
    "polling": "_newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select",
    "ports": "ioperm iopl",
    "process": (
        "exit exit_group get_robust_list getpgid getpgrp getpid getppid getsid gettid prctl "
        "set_robust_list set_tid_address setpgid setsid "
    ),
    "process_vm": "process_vm_readv process_vm_writev",
    "ptrace": "ptrace",
    "resources": "getrlimit getrusage prlimit64 setrlimit sysinfo times ugetrlimit",
    "scheduling": (
        "getcpu getpriority membarrier nice sched_get_priority_max sched_get_priority_min "
        "sched_getaffinity sched_getparam sched_getscheduler sched_rr_get_interval "
        "sched_rr_get_interval_time64 sched_setaffinity sched_setparam sched_setscheduler "
        "sched_yield setpriority "
    ),
    "sending": "kill rt_sigqueueinfo rt_tgsigqueueinfo tgkill tkill",
    "signalfd": "signalfd signalfd4",
    "signals": (
        "pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend "
        "rt_sigtimedwait rt_sigtimedwait_time64 sigaction sigaltstack signal sigpending "
        "sigprocmask sigreturn sigsuspend "
    ),
    "socketcall": "socketcall",
    "sockets": (
        "accept accept4 bind connect getpeername getsockname getsockopt listen setsockopt "
        "shutdown socket socketpair "
    ),
    "splicing": "splice tee vmsplice",
    "system": "getrandom oldolduname olduname personality setdomainname sethostname uname",
    "time": (
        "clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
        "clock_nanosleep_time64 clock_settime clock_settime64 gettimeofday nanosleep settimeofday "
        "stime time "
    ),
    "timerfd": "timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64",
    "timers": (
        "alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
        "timer_gettime64 timer_settime timer_settime64 "
    ),
    "tls": "arch_prctl get_thread_area set_thread_area",
    "transfers": "copy_file_range sendfile sendfile64",
    "xattrs": (
        "fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr "
        "lremovexattr lsetxattr removexattr setxattr "
    ),
}
