"""What programs find in the vDSO: the time that the system call gives, without a crossing.

A function's value is compared with a count of instructions that was made by reading its code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from emu.machine import Machine
from emu.watch.disasm import disassemble
from emu.x86 import vendors
from emu.x86.paging import PAGE_SIZE
from emu.x86.vendors import Vendor
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.clock import BOOT_TIME_NS
from kernel_stub.errno import EACCES, ENOMEM, Errno
from kernel_stub.exec import auxv
from kernel_stub.kernel import Kernel
from kernel_stub.launch import launch
from kernel_stub.mm.flags import PROT_READ, PROT_WRITE
from kernel_stub.vdso import adapted, read_image, read_symbols
from kernel_stub.vfs import VfsOptions
from tests.cli.command import EXAMPLES, FIXTURES, ringscope

CLOCKS: Final = (
    *("clocks_glibc_static_64", "clocks_glibc_static_32"),
    *("clocks_glibc_dynamic_64", "clocks_glibc_dynamic_32"),
    "clocks_musl_static_64",
)
every_libc = pytest.mark.parametrize("program", CLOCKS)
CALLS: Final = ("clock_gettime", "clock_gettime64")
FAST: Final = ("syscall", "sysenter", "int80")


def asked(program: str, times: int, *options: str) -> tuple[int, int]:
    """How many calls of clock_gettime the kernel saw, and how many crossings by a system call."""
    ended = ringscope("stat", "-j", *options, FIXTURES / program, str(times))
    assert ended.status == 0
    report = json.loads(ended.err)
    crossings = {row["mechanism"]: row["count"] for row in report["crossings"]}
    return (
        sum(report["syscalls"].get(name, 0) for name in CALLS),
        sum(crossings.get(name, 0) for name in FAST),
    )


@every_libc
def test_a_thousand_times_cost_no_crossing(program: str) -> None:
    none, thousand = asked(program, 0), asked(program, 1000)
    assert thousand == (0, none[1])


@every_libc
def test_without_the_vdso_each_is_a_crossing(program: str) -> None:
    none, thousand = asked(program, 0, "--no-vdso"), asked(program, 1000, "--no-vdso")
    assert thousand == (1000, none[1] + 1000)


@every_libc
@pytest.mark.parametrize(
    "options",
    [
        ["--no-vdso"],
        ["--realtime"],
        ["--vendor", "amd"],
        ["--vendor", "amd", "--no-vdso"],
        ["--counter", "python"],
    ],
    ids=" ".join,
)
def test_every_clock_is_that_of_the_system_call(program: str, options: list[str]) -> None:
    ended = ringscope("run", *options, FIXTURES / program)
    assert (ended.status, "WRONG" in ended.out) == (0, False)
    assert ended.out.count("ok") == 23


def test_in_real_time_the_kernel_is_asked() -> None:
    assert asked("clocks_glibc_static_64", 10, "--realtime")[0] == 10


def test_a_sleep_moves_the_clock_that_needs_no_crossing() -> None:
    show = "import time; a = time.monotonic_ns(); time.sleep(5); print(time.monotonic_ns() - a)"
    slept = int(ringscope("run", "/usr/bin/python3", "-S", "-c", show).out)
    assert 5 * 10**9 <= slept < 5.1 * 10**9


# ---- the instruction itself


class Call:
    """One call of a function of the vDSO, from the first instruction of a program."""

    def __init__(self, program: Path, function: str, clock: int, counter: str = "auto") -> None:
        self.machine = Machine(counter=counter)
        path = str(program).encode()
        self.kernel = launch(self.machine, path, [path], [], VfsOptions())
        state, task = self.machine.engine.state, self.kernel.task
        task.space.users += 1  # what it stored stays readable
        state.load()
        name = "vdso64" if task.abi is X86_64 else "vdso32"
        state.rip = task.space.vdso_base + read_symbols(name)[function]
        self.buffer = state.words[4] - 1024 & -64
        if task.abi is X86_64:
            state.words[7], state.words[6], state.words[4] = clock, self.buffer, self.buffer - 8
            task.memory.pack(X86_64.pointer, self.buffer - 8, 0)
        else:
            state.words[4] = self.buffer - 12
            task.memory.pack(I386.words(3), self.buffer - 12, 0, clock, self.buffer)
        state.store()
        self.machine.run()  # it returns to address 0, which is a fault

    def shows(self) -> int:
        word = self.kernel.task.abi.timespec
        seconds, nanoseconds = self.kernel.task.memory.unpack(word, self.buffer)
        return int(seconds * 10**9 + nanoseconds)


# Instructions from RDTSC up to the return, and those of the page fault that ended it.
AFTER: Final = {"vdso64": 14, "vdso32": 30}
PROGRAMS: Final = {"vdso64": EXAMPLES / "fast_syscall_64", "vdso32": EXAMPLES / "sysenter_32"}


@pytest.mark.parametrize("counter", ["native", "python"])
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("clock", "started"), [(0, BOOT_TIME_NS), (1, 0), (4, 0), (7, 0), (11, BOOT_TIME_NS)]
)
def test_a_clock_is_the_number_of_instructions_before_rdtsc(
    name: str, clock: int, started: int, counter: str
) -> None:
    call = Call(PROGRAMS[name], "__vdso_clock_gettime", clock, counter)
    (line,) = call.machine.ledger.rows()
    last_entry = line.entry // line.crossings
    executed = call.machine.counter.user + call.machine.counter.kernel
    assert (
        call.shows() & 0xFFFF_FFFF == (started + executed - last_entry - AFTER[name]) & 0xFFFF_FFFF
    )


def test_a_slept_nanosecond_is_seen_at_once() -> None:
    call = Call(PROGRAMS["vdso64"], "__vdso_clock_gettime", 1)
    kernel: Kernel = call.kernel
    before = call.shows()
    kernel.clock.advance_to(kernel.uptime_ns() + 12345)
    assert kernel.vdso.clocks.values == (1, BOOT_TIME_NS + 12345, 12345)
    assert before > 0


# ---- what the processor is asked


@pytest.mark.parametrize(
    ("vendor", "fast"),
    [
        (vendors.INTEL, ["mov ebp, esp", "sysenter", "int 0x80"]),
        (vendors.AMD, ["mov ebp, ecx", "syscall", "int 0x80"]),
        (
            vendors.AMD._replace(name="neither", compat_syscall=False),
            ["nop", "int 0x80"],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Vendor) else "",
)
def test_the_fast_call_is_what_the_vendor_has(vendor: Vendor, fast: list[str]) -> None:
    symbols = read_symbols("vdso32")
    image = adapted(read_image("vdso32"), symbols, vendor)
    start, end = symbols["__kernel_vsyscall"], symbols["__kernel_sigreturn"] - 1
    text = [text for _, text in disassemble(image[start:end], start, long=False)]
    text = ["nop" if "nop" in one or "[" in one else one for one in text]
    assert text == [
        "push ecx",
        "push edx",
        "push ebp",
        *fast,
        "pop ebp",
        "pop edx",
        "pop ecx",
        "ret",
    ]


@pytest.mark.parametrize(("vendor", "mechanism"), [("intel", "sysenter"), ("amd", "syscall")])
def test_libc_of_i386_enters_by_the_vendors_fast_way(vendor: str, mechanism: str) -> None:
    ended = ringscope("stat", "-j", "--vendor", vendor, FIXTURES / "hello_glibc_static_32")
    mechanisms = {row["mechanism"] for row in json.loads(ended.err)["crossings"]}
    assert mechanisms == {"fault", "int80", mechanism}


def test_signal_returns_are_the_bytes_that_debuggers_look_for() -> None:
    symbols, image = read_symbols("vdso32"), read_image("vdso32")
    plain, real_time = symbols["__kernel_sigreturn"], symbols["__kernel_rt_sigreturn"]
    assert image[plain : plain + 8] == bytes.fromhex("58b877000000cd80")
    assert image[real_time : real_time + 7] == bytes.fromhex("b8ad000000cd80")


# ---- what a program is told


def told(program: Path, vdso: bool = True) -> tuple[dict[int, int], Kernel]:
    path = str(program).encode()
    kernel = launch(Machine(), path, [path], [], VfsOptions(), vdso=vdso)
    abi = kernel.task.abi
    words = abi.words(len(kernel.task.auxv) // abi.word).unpack(kernel.task.auxv)
    return dict(zip(words[::2], words[1::2], strict=True)), kernel


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_auxiliary_vector_tells_where_it_is(name: str) -> None:
    values, kernel = told(PROGRAMS[name])
    base = values[auxv.AT_SYSINFO_EHDR]
    assert kernel.task.memory.copy_in(base, 4) == b"\x7fELF"
    if name == "vdso32":
        assert values[auxv.AT_SYSINFO] == base + read_symbols(name)["__kernel_vsyscall"]
    else:
        assert auxv.AT_SYSINFO not in values
    names = {region.name for region in kernel.task.space.regions}
    assert {b"[vvar]", b"[vdso]"} <= names


def test_without_it_nobody_is_told_and_sysenter_still_returns() -> None:
    values, _ = told(PROGRAMS["vdso32"], vdso=False)
    assert not values.keys() & {auxv.AT_SYSINFO, auxv.AT_SYSINFO_EHDR}
    assert ringscope("run", "--no-vdso", PROGRAMS["vdso32"]).status == (
        ringscope("run", PROGRAMS["vdso32"]).status
    )


def test_no_program_can_write_the_clocks() -> None:
    _, kernel = told(PROGRAMS["vdso64"])
    space = kernel.task.space
    clocks = space.vdso_base - PAGE_SIZE
    assert space.regions.find(clocks) is not None
    with pytest.raises(Errno) as refused:
        space.mprotect(clocks, PAGE_SIZE, PROT_READ | PROT_WRITE)
    assert refused.value.number == EACCES
    space.mprotect(clocks, PAGE_SIZE, PROT_READ)


def test_a_copy_of_a_space_finds_its_vdso() -> None:
    _, kernel = told(PROGRAMS["vdso32"])
    space = kernel.task.space
    address = kernel.vdso.symbol_32(space, "landing_pad")
    space.vdso_base = 0
    assert kernel.vdso.symbol_32(space, "landing_pad") == address != 0


def test_a_program_without_room_for_it_is_refused() -> None:
    _, kernel = told(PROGRAMS["vdso64"])
    kernel.task.space.size_limit = 0
    with pytest.raises(Errno) as refused:
        kernel.vdso.map_into(kernel.task.space, X86_64)
    assert refused.value.number == ENOMEM
