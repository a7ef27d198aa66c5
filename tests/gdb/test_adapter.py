"""The core as a target: registers, memory and stops as gdb is to see them."""

from __future__ import annotations

import pytest

from emu.cli.gdbserver import World
from emu.cli.guest import LinuxGuest
from emu.gdb.adapter import KERNEL_PATH, DebuggedTarget
from emu.gdb.registers import LAYOUTS
from emu.gdb.target import Point, Reason, TargetRefusal
from kernel_stub import layout
from kernel_stub.kallsyms import entry_symbols
from tests.debug.sessions import debug

SYMBOLS = {one.name: one.address for one in entry_symbols()}
LOW32 = (1 << 32) - 1


def a_target(name: str = "debugged_64") -> DebuggedTarget:
    debugger = debug(name)
    assert isinstance(debugger.guest, LinuxGuest)
    return DebuggedTarget(debugger, World(debugger.guest.kernel))


def symbol(target: DebuggedTarget, name: str) -> int:
    symbols = target._debugger.guest.symbols()
    return next(one.address for one in symbols if one.name == name)


@pytest.mark.parametrize("bits", [64, 32])
def test_every_register_of_the_layout_has_a_value_that_fits(bits: int) -> None:
    target = a_target(f"debugged_{bits}")
    for row in LAYOUTS[bits].rows:
        assert -1 <= target.read_register(row.name) < 1 << row.bits, row.name
    assert target.read_register("idtr") == layout.IDT_BASE | 0xFFF << 64


@pytest.mark.parametrize(
    ("name", "value"), [("cpl", 0), ("idtr", 0), ("cs", 0x10), ("cr0", 0), ("rip", 1 << 60)]
)
def test_what_no_debugger_may_write_is_refused(name: str, value: int) -> None:
    with pytest.raises(TargetRefusal):
        a_target().write_register(name, value)


@pytest.mark.parametrize("name", ["rax", "r15", "eflags", "xmm3", "st0", "fctrl", "mxcsr"])
def test_what_was_written_is_what_is_read(name: str) -> None:
    target = a_target()
    value = target.read_register(name) ^ 0x40
    target.write_register(name, value)
    assert target.read_register(name) == value


def test_a_page_that_the_program_has_not_touched_is_read_and_stays_untouched() -> None:
    target = a_target()
    faults = target._debugger.position.crossings
    code = target.read(symbol(target, "the_crossing"), 2)
    assert code == bytes.fromhex("0f05")
    assert target.read(symbol(target, "counter"), 4) == bytes(4)
    assert target._debugger.memory.read_some(symbol(target, "the_crossing"), 2) == b""
    assert target._debugger.position.crossings == faults


def test_a_page_that_is_written_is_brought_first() -> None:
    target = a_target()
    target.write(symbol(target, "counter"), b"\x05")
    assert target.read(symbol(target, "counter"), 1) == b"\x05"
    assert target.resume()[:3] == (Reason.EXITED, 14, "")


@pytest.mark.parametrize("address", [0, 0x1234_5678_9000, 1 << 63, (1 << 64) - 1])
def test_where_nothing_is_nothing_is_read_or_written(address: int) -> None:
    target = a_target()
    assert target.read(address, 8) == b""
    with pytest.raises(TargetRefusal):
        target.write(address, b"\0")


def test_a_read_ends_where_memory_ends() -> None:
    target = a_target()
    top = layout.USER_64.stack_top
    assert len(target.read(top - 8, 64)) == 8


# ---- the kernel's half, folded


def test_an_i386_client_sees_the_kernels_code_always_and_its_stack_in_ring_0() -> None:
    target = a_target("debugged_32")
    entry = SYMBOLS["entry_INT80_compat"] & LOW32
    assert target.read(entry, 3) == bytes.fromhex("0f01f8")
    assert target.read(0x3FD8, 8) == b""
    target.insert(Point.SOFTWARE, entry, 1)
    assert target.resume()[:3] == (Reason.SWBREAK, entry, "")
    assert target.read_register("eip") == entry
    assert target.read_register("rip") == SYMBOLS["entry_INT80_compat"]
    frame = target.read(target.read_register("esp"), 8)
    assert int.from_bytes(frame, "little") == symbol(target, "the_crossing") + 2
    target.write_register("eip", entry)
    assert target.read_register("rip") == SYMBOLS["entry_INT80_compat"]


def test_a_64_bit_client_has_its_own_memory_at_those_addresses() -> None:
    target = a_target()
    assert target.read(SYMBOLS["entry_INT80_compat"] & LOW32, 3) == b""
    assert target.read(SYMBOLS["entry_INT80_compat"], 3) == bytes.fromhex("0f01f8")


# ---- stops


@pytest.mark.parametrize(
    ("point", "reason"), [(Point.SOFTWARE, Reason.SWBREAK), (Point.HARDWARE, Reason.HWBREAK)]
)
def test_a_breakpoint_says_of_which_kind_it_was(point: Point, reason: Reason) -> None:
    target = a_target()
    address = symbol(target, "twice")
    target.insert(point, address, 1)
    assert target.resume()[:3] == (reason, address, "")
    target.remove(point, address, 1)
    assert target.resume().reason is Reason.EXITED


@pytest.mark.parametrize(
    ("point", "reason"),
    [(Point.WRITE, Reason.WATCH_WRITE), (Point.ACCESS, Reason.WATCH_ACCESS),
     (Point.READ, Reason.WATCH_READ)],
)  # fmt: skip  # pairs read in rows
def test_a_watchpoint_says_its_address(point: Point, reason: Reason) -> None:
    target = a_target()
    address = symbol(target, "counter")
    target.insert(point, address, 4)
    assert target.resume()[:3] == (reason, address, "")


def test_system_calls_are_told_by_number_in_pairs_and_faults_are_none() -> None:
    target = a_target()
    target.catch_syscalls(())
    told = []
    while not (stop := target.resume()).reason.is_end:
        told.append((stop.reason, stop.value))
    entry, back = Reason.SYSCALL_ENTRY, Reason.SYSCALL_RETURN
    assert told == [(entry, 1), (back, 1), (entry, 1), (back, 1), (entry, 60)]


def test_only_the_system_calls_that_were_named_stop() -> None:
    target = a_target()
    target.catch_syscalls({60})
    assert target.resume()[:2] == (Reason.SYSCALL_ENTRY, 60)
    target.catch_syscalls(None)
    assert target.resume().reason is Reason.EXITED


def test_all_points_are_forgotten_at_once() -> None:
    target = a_target()
    target.insert(Point.SOFTWARE, symbol(target, "twice"), 1)
    target.insert(Point.WRITE, symbol(target, "counter"), 4)
    target.catch_syscalls(())
    target.forget_points()
    assert target.resume()[:3] == (Reason.EXITED, 9, "")
    assert len(target._debugger.points) == 0


def test_backwards_it_stands_in_front_of_the_access() -> None:
    target = a_target()
    address = symbol(target, "counter")
    target.insert(Point.WRITE, address, 4)
    values = []
    for way in (target.resume, target.resume, target.resume_back, target.resume_back):
        assert way()[:3] == (Reason.WATCH_WRITE, address, "")
        values.append(target.read(address, 1)[0])
    assert values == [3, 9, 3, 0]
    assert target.resume_back().reason is Reason.HISTORY_BEGIN


def test_the_kernel_is_a_library_whose_file_only_a_client_sees() -> None:
    target = a_target("hello_glibc_dynamic_64")
    names = [library.name for library in target.libraries()]
    assert names == ["/lib64/ld-linux-x86-64.so.2", KERNEL_PATH]
    assert target.read_file(KERNEL_PATH.encode()).startswith(b"\x7fELF")


@pytest.mark.parametrize("path", [b"/no/such/file", b"/tmp", b"/dev/null", b"", b"/x" * 3000])
def test_what_is_no_regular_file_is_not_read(path: bytes) -> None:
    with pytest.raises(OSError):
        a_target().read_file(path)
