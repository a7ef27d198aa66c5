"""/proc and /sys tell of the guest, and the same in every run."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from emu.x86.paging import ACCESSED, DIRTY, PAGE_SIZE, PF_USER
from kernel_stub.errno import EACCES, EINVAL, ENODEV, ENOENT, EPERM, Errno
from kernel_stub.mm.maps import VSYSCALL_LINE
from kernel_stub.vfs.inode import Inode, mmap_check
from kernel_stub.vfs.procmemory import Pagemap
from tests.vfs.program import AT_FDCWD, BUFFER, Program, a_program
from tests.vfs.world import MAPS


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/it").write_bytes(b"\x7fELF")
    tmp_path.chmod(0o755)
    return a_program(tmp_path)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("self/cmdline", b"it\0-x\0"),
        ("self/environ", b"A=1\0"),
        ("self/comm", b"it\n"),
        ("self/loginuid", b"4294967295"),
        ("self/maps", MAPS + VSYSCALL_LINE),
        ("self/auxv", bytes(16)),
        ("self/statm", b"34 0 0 0 0 33 0\n"),
        ("thread-self/comm", b"it\n"),
        ("self/task/1000/comm", b"it\n"),
        ("1000/comm", b"it\n"),
        ("loadavg", b"0.00 0.00 0.00 1/1 1000\n"),
        ("uptime", b"1.50 0.00\n"),
        ("sys/kernel/ostype", b"Linux\n"),
        ("sys/kernel/osrelease", b"6.1.0\n"),
        ("sys/kernel/hostname", b"ringscope\n"),
        ("sys/kernel/pid_max", b"32768\n"),
        ("sys/vm/overcommit_memory", b"0\n"),
        ("../sys/devices/system/cpu/online", b"0\n"),
        ("../sys/devices/system/cpu/possible", b"0\n"),
    ],
)
def test_a_file_says(path: str, says: bytes, program: Program) -> None:
    program.task.kernel.clock = 1_500_000_000
    assert program.contents("/proc/" + path) == says


@pytest.mark.parametrize(
    "path",
    [
        "cpuinfo",
        "meminfo",
        "version",
        "stat",
        "filesystems",
        "mounts",
        "self/limits",
        "self/status",
    ],
)
def test_a_file_says_the_same_twice(path: str, program: Program) -> None:
    first = program.contents("/proc/" + path)
    assert first.endswith(b"\n")
    assert program.contents("/proc/" + path) == first


def test_stat_has_52_fields_in_their_places(program: Program) -> None:
    text = program.contents("/proc/self/stat")
    name = text[text.index(b"(") : text.rindex(b")") + 1]
    fields = [b"", *text.replace(name, b"name").split()]
    assert len(fields) == 53
    assert (fields[1], name, fields[3], fields[4]) == (b"1000", b"(it)", b"R", b"1")
    assert fields[20] == b"1"
    assert int(fields[23]) == 0x1000 + 0x21000
    assert int(fields[28]) == 0x7FFF_FFFF_F000


def test_limits_are_the_tasks(program: Program) -> None:
    program.task.limits[7] = (100, -1)
    line = next(
        row for row in program.contents("/proc/self/limits").splitlines() if b"open files" in row
    )
    assert line.split()[3:] == [b"100", b"unlimited", b"files"]


def test_status_tells_the_ids_and_the_umask(program: Program) -> None:
    program.task.uid, program.task.groups = 7, [3, 4]
    program.call("umask", 0o77)
    rows = dict(row.split(b":\t", 1) for row in program.contents("/proc/self/status").splitlines())
    assert rows[b"Uid"] == b"7\t7\t7\t7"
    assert rows[b"Groups"] == b"3 4 "
    assert rows[b"Umask"] == b"0077"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("self", b"1000"),
        ("thread-self", b"1000/task/1000"),
        ("mounts", b"self/mounts"),
        ("self/exe", b"/bin/it"),
        ("self/cwd", b"/bin"),
        ("self/root", b"/"),
        ("self/fd/0", b"/bin/it"),
    ],
)
def test_a_link_leads_to(path: str, target: bytes, program: Program) -> None:
    program.open("bin/it")
    program.call("chdir", b"bin")
    size = program.call("readlink", b"/proc/" + path.encode(), BUFFER, 100)
    assert program.peek(size) == target


def test_exe_is_the_program_itself(program: Program) -> None:
    assert program.contents("/proc/self/exe") == b"\x7fELF"


def test_fd_lists_what_is_open(program: Program) -> None:
    program.open("bin/it")
    program.open("bin")
    assert program.names("/proc/self/fd") == [".", "..", "0", "1", "2"]
    assert program.names("/dev/fd") == [".", "..", "0", "1", "2"]
    assert program.fails("stat", b"/proc/self/fd/9", BUFFER) == ENOENT
    assert program.fails("stat", b"/proc/self/fd/x", BUFFER) == ENOENT


def test_a_link_in_fd_opens_the_file_anew(program: Program) -> None:
    descriptor = program.open("bin/it")
    program.read(descriptor, 2)
    assert program.contents("/dev/fd/0") == b"\x7fELF"
    program.put("/proc/self/fd/0", b"written")
    assert program.contents("bin/it") == b"written"


def test_a_directory_in_fd_can_be_walked_through(program: Program) -> None:
    descriptor = program.open("bin", os.O_PATH)
    assert program.contents(f"/proc/self/fd/{descriptor}/it") == b"\x7fELF"


def test_nothing_is_made_written_or_removed_there(program: Program) -> None:
    assert program.fails("mkdir", b"/proc/x", 0o755) == EPERM
    assert program.fails("openat", AT_FDCWD, b"/sys/x", os.O_CREAT, 0o644) == EPERM
    assert program.fails("openat", AT_FDCWD, b"/proc/self/comm", os.O_WRONLY, 0) == EACCES
    assert program.fails("unlink", b"/proc/version") == EPERM
    assert program.fails("symlink", b"x", b"/proc/self/y") == EPERM


def test_a_text_is_read_and_sought_as_it_was_when_opened(program: Program) -> None:
    descriptor = program.open("/proc/self/comm")
    program.task.name = b"other"
    assert program.call("lseek", descriptor, 1, os.SEEK_SET) == 1
    assert program.read(descriptor, 10) == b"t\n"
    assert program.call("pread64", descriptor, BUFFER, 10, 0) == 3
    assert program.status("fstat", descriptor)["st_size"] == 0
    with pytest.raises(Errno) as refused:
        mmap_check(program.task.files.get(descriptor), 1, 2)
    assert refused.value.number == ENODEV


def test_listings_show_the_process_and_its_files(program: Program) -> None:
    assert {"self", "1000", "cpuinfo", "sys"} <= set(program.names("/proc"))
    assert program.names("/proc/self/task") == [".", "..", "1000"]
    assert program.names("/proc/sys/kernel/random") == [".", "..", "boot_id"]
    assert program.names("/sys/devices/system/cpu") == [".", "..", "online", "possible", "present"]


def rows_of(text: bytes) -> dict[bytes, bytes]:
    return dict(line.split(b":", 1) for line in text.splitlines() if b": " in line)


def touched(program: Program) -> None:
    """One page of code and two of the stack are there; one of those was stored to."""
    space = program.task.space
    code, stack = 0x40_0000, 0x7FFF_FFFF_E000
    for address, access in ((code, PF_USER), (stack, PF_USER), (stack - PAGE_SIZE, PF_USER)):
        assert space.fault(address, access)
    space.tables.store(stack, space.tables.entry(stack) | ACCESSED | DIRTY)


def test_smaps_tells_what_is_there_and_who_stored(program: Program) -> None:
    touched(program)
    code, stack = program.contents("/proc/self/smaps").split(b"VmFlags")[:2]
    assert rows_of(code)[b"Rss"].split() == [b"4", b"kB"]
    rows = {name: int(value.split()[0]) for name, value in rows_of(stack).items() if b"kB" in value}
    assert (rows[b"Size"], rows[b"Rss"], rows[b"Referenced"]) == (132, 8, 4)
    assert (rows[b"Private_Clean"], rows[b"Private_Dirty"]) == (4, 4)
    everything = rows_of(program.contents("/proc/self/smaps_rollup"))
    assert everything[b"Rss"].split() == [b"12", b"kB"]


def test_status_and_statm_count_pages(program: Program) -> None:
    touched(program)
    assert program.contents("/proc/self/statm") == b"34 3 0 0 0 33 0\n"
    rows = rows_of(program.contents("/proc/self/status").replace(b"\t", b" "))
    assert [int(rows[name].split()[0]) for name in (b"VmSize", b"VmRSS", b"VmStk")] == [
        136,
        12,
        132,
    ]


@pytest.mark.parametrize(("uid", "shows"), [(0, True), (1000, False)])
def test_pagemap_has_an_entry_for_each_page(uid: int, shows: bool, program: Program) -> None:
    touched(program)
    program.task.uid = uid
    data = Pagemap(Inode(None), 0, program.task).read_at(program.task, 0x400 * 8, 16)
    present, absent = struct.unpack("<2Q", data)
    assert (present >> 63, absent) == (1, 0)
    assert bool(present & (1 << 55) - 1) is shows


def test_pagemap_is_read_in_whole_entries(program: Program) -> None:
    touched(program)
    fd = program.open("/proc/self/pagemap")
    assert program.call("pread64", fd, BUFFER, 16, 0x3FF * 8) == 16
    before, page = struct.unpack("<2Q", program.peek(16))
    assert (before, page >> 63) == (0, 1)
    assert program.fails("pread64", fd, BUFFER, 4, 0) == EINVAL
    assert program.call("lseek", fd, 0x400 * 8, 0) == 0x400 * 8
    assert program.call("read", fd, BUFFER, 8) == 8
    assert program.peek(8) == struct.pack("<Q", page)


def test_meminfo_counts_frames(program: Program) -> None:
    rows = rows_of(program.contents("/proc/meminfo"))
    total, free = (int(rows[name].split()[0]) for name in (b"MemTotal", b"MemFree"))
    program.task.kernel.physical.allocate()
    after = rows_of(program.contents("/proc/meminfo"))
    assert total == 256 << 10
    assert int(after[b"MemFree"].split()[0]) == free - 4


def test_locks_are_listed_with_who_holds_what(program: Program) -> None:
    fd = program.open("/file", os.O_RDWR | os.O_CREAT)
    assert program.contents("/proc/locks") == b""
    program.call("fcntl", fd, 6, struct.pack("<hh4xqqi4x", 1, 0, 10, 5, 0))
    program.call("flock", fd, 1)
    file = program.status("fstat", fd)
    major, minor = os.major(file["st_dev"]), os.minor(file["st_dev"])
    place = b"%02x:%02x:%d" % (major, minor, file["st_ino"])
    assert program.contents("/proc/locks") == (
        b"1: POSIX  ADVISORY  WRITE 1000 %s 10 14\n2: FLOCK  ADVISORY  READ  1000 %s 0 EOF\n"
        % (place, place)
    )
    program.call("close", fd)
    assert program.contents("/proc/locks") == b""
