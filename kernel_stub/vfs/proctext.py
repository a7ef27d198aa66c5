"""The texts of /proc: what each file says, as a function of the task and of the machine.

What is told of memory, procmemory.py knows; it is imported when somebody asks.
The values are this kernel's own and the same in every run; nothing is asked of the host.
proc(5).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.process_structures import SECOND
from kernel_stub.mm.maps import VSYSCALL_LINE
from kernel_stub.vfs.options import About

if TYPE_CHECKING:
    from kernel_stub.vfs.caller import Caller

Text: TypeAlias = "Callable[[View], bytes]"


class View(NamedTuple):
    """Who looks, and at which machine."""

    task: Caller
    about: About


TICK: Final = 10**7  # USER_HZ is 100
NO_LIMIT: Final = (1 << 64) - 1
BOOT_ID: Final = b"00000000-0000-4000-8000-000000000001\n"

# name in the file, resource, unit; getrlimit(2)
LIMITS: Final = (
    (b"Max cpu time", 0, b"seconds"),
    (b"Max file size", 1, b"bytes"),
    (b"Max data size", 2, b"bytes"),
    (b"Max stack size", 3, b"bytes"),
    (b"Max core file size", 4, b"bytes"),
    (b"Max resident set", 5, b"bytes"),
    (b"Max processes", 6, b"processes"),
    (b"Max open files", 7, b"files"),
    (b"Max locked memory", 8, b"bytes"),
    (b"Max address space", 9, b"bytes"),
    (b"Max file locks", 10, b"locks"),
    (b"Max pending signals", 11, b"signals"),
    (b"Max msgqueue size", 12, b"bytes"),
    (b"Max nice priority", 13, b""),
    (b"Max realtime priority", 14, b""),
    (b"Max realtime timeout", 15, b"us"),
)


def lines_of(task: Caller) -> list[tuple[int, int, bytes]]:
    """The mappings (start, end, name) that /proc/self/maps shows."""
    mappings = []
    for line in task.space.maps_text().splitlines():
        fields = line.split(None, 5)
        start, _, end = fields[0].partition(b"-")
        mappings.append((int(start, 16), int(end, 16), fields[5] if len(fields) > 5 else b""))
    return mappings


def maps(view: View) -> bytes:
    """The mappings, and the vsyscall page if 64-bit code may call it."""
    has_vsyscall = view.about.vsyscall and view.task.program_abi.word == 8
    return view.task.space.maps_text() + VSYSCALL_LINE * has_vsyscall


def stat(view: View) -> bytes:
    """The 52 fields of /proc/self/stat; what this kernel does not count is 0."""
    mappings = lines_of(view.task)
    size = sum(end - start for start, end, _ in mappings)
    stack = next((end for _, end, name in mappings if name == b"[stack]"), 0)
    fields = [0] * 53
    task = view.task
    fields[4:9] = [task.parent_pid, task.process_group, task.session, 0, -1]
    fields[18:21] = [20, 0, len(task.threads)]  # priority, nice, threads
    fields[22] = 0  # start time in ticks after boot
    fields[23:26] = [size, size // PAGE_SIZE, NO_LIMIT]
    fields[28] = stack
    fields[38] = 17  # SIGCHLD is what its parent hears at its end
    head = b"%d (%s) %c " % (task.pid, task.name, task.state[0])
    return head + b" ".join(b"%d" % field for field in fields[4:]) + b"\n"


def smaps(view: View) -> bytes:
    from kernel_stub.vfs.procmemory import smaps

    return smaps(view.task)


def smaps_rollup(view: View) -> bytes:
    from kernel_stub.vfs.procmemory import smaps_rollup

    return smaps_rollup(view.task)


def statm(view: View) -> bytes:
    from kernel_stub.vfs.procmemory import statm

    return statm(view.task)


def meminfo(view: View) -> bytes:
    from kernel_stub.vfs.procmemory import meminfo

    return meminfo(view.task, view.about.memory)


def status(view: View) -> bytes:
    from kernel_stub.vfs.procmemory import status_rows

    rows: list[tuple[bytes, bytes]] = [
        (b"Name", view.task.name),
        (b"Umask", b"%04o" % view.task.fs.umask),
        (b"State", view.task.state),
        (b"Tgid", b"%d" % view.task.pid),
        (b"Ngid", b"0"),
        (b"Pid", b"%d" % view.task.tid),
        (b"PPid", b"%d" % view.task.parent_pid),
        (b"TracerPid", b"%d" % view.task.tracer_pid),
        (b"Uid", b"\t".join([b"%d" % view.task.uid] * 4)),
        (b"Gid", b"\t".join([b"%d" % view.task.gid] * 4)),
        (b"FDSize", b"64"),
        (b"Groups", b" ".join(b"%d" % group for group in view.task.groups) + b" "),
        *status_rows(view.task),
        (b"Threads", b"%d" % len(view.task.threads)),
        (b"SigBlk", b"%016x" % view.task.signal_mask),
        (b"Cpus_allowed", b"1"),
        (b"Cpus_allowed_list", b"0"),
    ]
    return b"".join(b"%s:\t%s\n" % row for row in rows)


def limits(view: View) -> bytes:
    def shown(value: int) -> bytes:
        return b"unlimited" if value in (-1, NO_LIMIT) else b"%d" % value

    rows = [b"%-25s %-20s %-20s %-10s\n" % (b"Limit", b"Soft Limit", b"Hard Limit", b"Units")]
    for name, resource, unit in LIMITS:
        soft, hard = view.task.limits.get(resource, (NO_LIMIT, NO_LIMIT))
        rows.append(b"%-25s %-20s %-20s %-10s\n" % (name, shown(soft), shown(hard), unit))
    return b"".join(rows)


MOUNTS: Final = (
    b"rootfs / rootfs rw 0 0\n"
    b"devtmpfs /dev devtmpfs rw,nosuid 0 0\n"
    b"proc /proc proc rw,nosuid,nodev,noexec 0 0\n"
    b"sysfs /sys sysfs ro,nosuid,nodev,noexec 0 0\n"
)
MOUNTINFO: Final = (
    b"1 1 0:2 / / rw - rootfs rootfs rw\n"
    b"2 1 0:5 / /dev rw,nosuid - devtmpfs devtmpfs rw\n"
    b"3 1 0:20 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"
    b"4 1 0:21 / /sys ro,nosuid,nodev,noexec - sysfs sysfs ro\n"
)


def kallsyms(view: View) -> bytes:
    """The symbols; with their addresses for root, and with kptr_restrict 2 for nobody."""
    about = view.about
    return about.kallsyms(about.kptr_restrict < 2 and view.task.uid == 0)


def locks(view: View) -> bytes:
    """Each advisory lock that is held: its kind, who holds it, of which file, and its range."""
    from kernel_stub.vfs.locks import ENDLESS

    rows: list[bytes] = []
    for inode in sorted(view.task.fs.root.storage.locked, key=lambda inode: inode.number):
        device, number = inode.stat().st_dev, inode.number
        place = b"%02x:%02x:%d" % (os.major(device), os.minor(device), number)
        for kind, lock in inode.locks.held():
            right = b"WRITE" if lock.exclusive else b"READ"
            end = b"EOF" if lock.end == ENDLESS else b"%d" % (lock.end - 1)
            numbers = (len(rows) + 1, kind, right, lock.pid, place, lock.start, end)
            rows.append(b"%d: %-6s ADVISORY  %-5s %d %s %d %s\n" % numbers)
    return b"".join(rows)


def uptime(view: View) -> bytes:
    hundredths = view.task.kernel.uptime_ns() // TICK
    shown = b"%d.%02d" % divmod(hundredths, 100)
    return shown + b" 0.00\n"


def machine_stat(view: View) -> bytes:
    ticks = view.task.kernel.uptime_ns() // TICK
    times = b"%d 0 0 0 0 0 0 0 0 0" % ticks
    boot = (view.task.kernel.now_ns() - view.task.kernel.uptime_ns()) // SECOND
    return (
        b"cpu  %s\ncpu0 %s\nintr 0\nctxt 0\nbtime %d\nprocesses 1\n"
        b"procs_running 1\nprocs_blocked 0\n" % (times, times, boot)
    )


def version(view: View) -> bytes:
    return b"Linux version %s (ringscope) %s\n" % (view.about.release, view.about.version)


def of_network(table: bytes) -> Text:
    """A file of /proc/net."""

    def text(view: View) -> bytes:
        found: bytes = view.task.kernel.network.listing(table)
        return found

    return text


def always(text: bytes) -> Text:
    return lambda view: text


OF_A_TASK: Final[Mapping[bytes, Text]] = {
    b"auxv": lambda view: view.task.auxv,
    b"cmdline": lambda view: b"".join(a + b"\0" for a in view.task.arguments),
    b"comm": lambda view: view.task.name + b"\n",
    b"environ": lambda view: b"".join(v + b"\0" for v in view.task.environment),
    b"limits": limits,
    b"loginuid": always(b"4294967295"),  # nobody has logged in
    b"maps": maps,
    b"mountinfo": always(MOUNTINFO),
    b"mounts": always(MOUNTS),
    **{b"net/" + table: of_network(table) for table in b"raw raw6 tcp tcp6 udp udp6 unix".split()},
    b"oom_score_adj": always(b"0\n"),
    b"stat": stat,
    b"smaps": smaps,
    b"smaps_rollup": smaps_rollup,
    b"statm": statm,
    b"status": status,
}

OF_THE_MACHINE: Final[Mapping[bytes, Text]] = {
    b"cmdline": always(b"\n"),
    b"cpuinfo": lambda view: view.about.cpuinfo,
    b"filesystems": always(b"nodev\tsysfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\ttmpfs\n"),
    b"kallsyms": kallsyms,
    b"loadavg": lambda view: b"0.00 0.00 0.00 1/1 %d\n" % view.task.pid,
    b"locks": locks,
    b"meminfo": meminfo,
    b"stat": machine_stat,
    b"uptime": uptime,
    b"version": version,
}

# Below /proc/sys, by path.
OF_SYSCTL: Final[Mapping[bytes, Text]] = {
    b"fs/pipe-max-size": always(b"1048576\n"),
    b"kernel/hostname": lambda view: view.about.hostname + b"\n",
    b"kernel/kptr_restrict": lambda view: b"%d\n" % view.about.kptr_restrict,
    b"kernel/ngroups_max": always(b"65536\n"),
    b"kernel/osrelease": lambda view: view.about.release + b"\n",
    b"kernel/ostype": always(b"Linux\n"),
    b"kernel/pid_max": always(b"32768\n"),
    b"kernel/random/boot_id": always(BOOT_ID),
    b"kernel/version": lambda view: view.about.version + b"\n",
    b"vm/max_map_count": always(b"65530\n"),
    b"vm/mmap_min_addr": always(b"65536\n"),
    b"vm/overcommit_memory": always(b"0\n"),
}

# Below /sys, by path.
OF_SYSFS: Final[Mapping[bytes, Text]] = {
    b"devices/system/cpu/online": always(b"0\n"),
    b"devices/system/cpu/possible": always(b"0\n"),
    b"devices/system/cpu/present": always(b"0\n"),
}
