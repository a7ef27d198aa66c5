"""Structures of system calls about processes, signals and time, in both ABIs.

Layouts only, keyed by the ABI's word size where they differ. Linux's user headers: asm/signal.h,
linux/resource.h, linux/sysinfo.h, linux/times.h, linux/utsname.h, asm/ldt.h.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

# struct rlimit; the i386 ABI's infinity is not the kernel's.
RLIMIT: Final = {8: Struct("<2Q"), 4: Struct("<2I")}
RLIMIT64: Final = Struct("<2Q")
# struct rusage: ru_utime, ru_stime, then 14 longs from ru_maxrss on.
RUSAGE: Final = {8: Struct("<4q14q"), 4: Struct("<4i14i")}
RUSAGE_MAXRSS: Final = 4  # the field's place
RUSAGE_MINFLT: Final = 8
# struct sysinfo: uptime, 3 loads, totalram, freeram, sharedram, bufferram, totalswap, freeswap,
# procs, pad, totalhigh, freehigh, mem_unit.
SYSINFO: Final = {8: Struct("<q9QHH4xQQI4x"), 4: Struct("<i9IHHIII8x")}
# struct tms: utime, stime, cutime, cstime.
TMS: Final = {8: Struct("<4q"), 4: Struct("<4i")}
# struct new_utsname, old_utsname, oldold_utsname: fields of a fixed size.
UTSNAME_FIELD: Final = 65
OLD_UTSNAME_FIELD: Final = 9
SECOND: Final = 10**9  # in the nanoseconds of a timespec
# struct __kernel_timespec: the same in both ABIs.
TIMESPEC64: Final = Struct("<2q")
# struct itimerval: interval and value, each seconds and microseconds.
ITIMERVAL: Final = {8: Struct("<4q"), 4: Struct("<4i")}
# struct sigaction of the kernel: handler, flags, restorer, mask.
SIGACTION: Final = {8: Struct("<4Q"), 4: Struct("<3IQ")}
# The old i386 struct: handler, mask, flags, restorer.
OLD_SIGACTION: Final = Struct("<4I")
SIGSET: Final = Struct("<Q")
OLD_SIGSET: Final = Struct("<I")
# stack_t: ss_sp, ss_flags, ss_size.
STACK_T: Final = {8: Struct("<QI4xQ"), 4: Struct("<3I")}
# struct robust_list_head: a list, an offset, a pointer.
ROBUST_LIST_HEAD: Final = {8: Struct("<QqQ"), 4: Struct("<IiI")}
# struct user_desc: entry_number, base_addr, limit, the bits of the descriptor.
USER_DESC: Final = Struct("<4I")
# struct __user_cap_header_struct (version, pid) and __user_cap_data_struct.
CAPABILITY_HEADER: Final = Struct("<Ii")
CAPABILITY_DATA: Final = Struct("<3I")
SCHED_PARAM: Final = Struct("<i")
INT: Final = Struct("<i")
U64: Final = Struct("<Q")
UINT: Final = Struct("<I")
