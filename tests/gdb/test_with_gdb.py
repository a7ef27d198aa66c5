"""What a user of gdb does, done by gdb: into ring 0 and back, on both ABIs, also backwards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from emu.gdb.registers import LAYOUTS
from tests.debug.sessions import MEMORY, path_of
from tests.debug.sessions import debug as debug_directly
from tests.gdb.gdb import Session, debug, needs_gdb

pytestmark = needs_gdb

ENTRIES: Final = {64: "entry_SYSCALL_64", 32: "entry_INT80_compat"}
WHERE: Final = r'printf "pc=%#lx cpl=%d\n", $pc, $cpl'
STEPS: Final = 1000
# The machine and the environment of tests.debug.sessions.
AS_DIRECTLY: Final = ("--memory", f"{MEMORY >> 20}M", "--clear-env", "-E", "LC_ALL=C")


def program(bits: int) -> str:
    return str(path_of(f"debugged_{bits}"))


@pytest.mark.parametrize("bits", [64, 32])
def test_a_step_over_the_crossing_lands_on_the_kernels_entry_and_finish_leads_back(
    bits: int,
) -> None:
    session = debug(
        program(bits),
        *("break main", "continue", "backtrace", "break *the_crossing", "continue"),
        *("stepi", "backtrace", WHERE, "x/5i $pc", "info registers", "monitor info idt 0x80"),
        *("stepi 4", "backtrace", "finish", WHERE, "backtrace", "detach"),
    )
    said, entry = session.said, ENTRIES[bits]
    assert "Breakpoint 1, 0x" in said
    assert re.search(rf"0x[0-9a-f]+ in {entry} \(\)", said)
    assert re.search(rf"=> 0x[0-9a-f]+ <{entry}>:\s+swapgs", said)
    assert re.findall(r"cpl=(\d)", said) == ["0", "3"]
    assert re.search(r"^cpl\s+0x0\s+0$", said, flags=re.M)
    assert re.search(r"^cr0\s+0x80050033\s+\[ PE MP ET NE WP AM PG \]$", said, flags=re.M)
    assert "interrupt gate DPL 3 0x10:0xffffffff810000cc <entry_INT80_compat>" in said
    across = rf"#0 .* {entry} \(\).*\n#1 .* system_call \(\)\n#2 .* say \(\)\n#3 .* main \(\)"
    assert len(re.findall(across, said)) == 2
    assert session.value("pc") == address_of("the_crossing", bits) + 2
    assert (session.out, session.status) == ("one\ntwo\n", 9)


def address_of(symbol: str, bits: int) -> int:
    symbols = debug_directly(f"debugged_{bits}").guest.symbols()
    return next(one.address for one in symbols if one.name == symbol)


@pytest.mark.parametrize("bits", [64, 32])
def test_watchpoints_stop_forwards_and_backwards(bits: int) -> None:
    counter = 'printf "counter=%d\\n", *(int *) &counter'
    session = debug(
        program(bits),
        *("watch *(int *) &counter", "continue", counter, "continue", counter),
        *("stepi", "reverse-stepi", "reverse-continue", counter, "reverse-continue", counter),
        *("reverse-continue", "delete", WHERE, "continue"),
    )
    assert re.findall(r"counter=(\d)", session.said) == ["3", "9", "3", "0"]
    assert session.said.count("Hardware watchpoint 1: *(int *) &counter\n\nOld value") == 4
    assert "No more reverse-execution history" in session.said
    assert session.value("cpl") == 3
    assert "exited with code 011" in session.said
    assert (session.out, session.status) == ("one\ntwo\n", 9)


@pytest.mark.parametrize("bits", [64, 32])
def test_a_step_backwards_over_the_crossing_undoes_it(bits: int) -> None:
    registers = r'printf "regs=%x %x %x %x\n", $sp, $eflags, $cs, $pc'
    session = debug(
        program(bits),
        *("break *the_crossing", "continue", registers, "stepi", WHERE, "reverse-stepi"),
        *(registers, WHERE, "kill"),
    )
    before, after = re.findall(r"regs=(.*)", session.said)
    assert before == after
    assert re.findall(r"cpl=(\d)", session.said) == ["0", "3"]
    assert session.status == 137


@pytest.mark.parametrize(("bits", "call"), [(64, "write"), (32, "write")])
def test_system_calls_are_caught_by_name_going_in_and_coming_out(bits: int, call: str) -> None:
    session = debug(
        program(bits),
        *(f"catch syscall {call}", "continue", WHERE, "continue", WHERE),
        *("delete", "catch syscall exit", "continue", "continue"),
    )
    assert f"(call to syscall {call}), 0x" in session.said
    assert f"(returned from syscall {call}), 0x" in session.said
    assert "(call to syscall exit), 0x" in session.said
    assert re.findall(r"cpl=(\d)", session.said) == ["0", "3"]
    assert session.status == 9


def registers_of(session: Session, bits: int) -> dict[str, int]:
    names = {row.name for row in LAYOUTS[bits].rows if "xmm" not in row.name}
    rows = re.findall(r"^(\w+)\s+(0x[0-9a-f]+)\s", session.said, flags=re.M)
    return {name: int(value, 16) for name, value in rows if name in names}


@pytest.mark.parametrize("name", ["hello_glibc_static_64", "hello_glibc_static_32"])
def test_a_thousand_steps_end_where_running_ends(name: str) -> None:
    bits = int(name[-2:])
    session = debug(path_of(name), f"stepi {STEPS}", "info registers", "kill", options=AS_DIRECTLY)
    seen = registers_of(session, bits)
    stepped, run = debug_directly(name), debug_directly(name)
    position = stepped.step(STEPS).position
    run.run_to_instruction(position.instructions)
    assert run.position == position
    general = LAYOUTS[bits].rows[:9] if bits == 32 else LAYOUTS[bits].rows[:17]
    for row in general:
        assert seen[row.name] == run.read_register(row.name) & (1 << row.bits) - 1, row.name


def test_gdb_finds_the_program_its_libraries_and_the_kernel_by_itself() -> None:
    session = debug(
        path_of("hello_glibc_dynamic_64"),
        *("info sharedlibrary", "catch syscall write", "continue", "info sharedlibrary"),
        *("info auxv", "info symbol $pc", "detach"),
    )
    assert re.search(r"Yes.*target:/lib64/ld-linux-x86-64.so.2", session.said)
    assert re.search(r"Yes.*target:.*/libc.so.6", session.said)
    assert re.search(r"0xffffffff81000000 .*target:/ringscope/kernel", session.said)
    assert "entry_SYSCALL_64 in section .text of target:/ringscope/kernel" in session.said
    assert re.search(r"AT_ENTRY\s+Entry point of program\s+0x5555", session.said)
    assert "warning" not in session.said.replace("warning: File transfers", "")


def test_a_client_that_quits_ends_the_program_and_run_can_wait_for_one_too() -> None:
    session = debug(program(64), "quit", verb="run")
    assert session.status == 137
    assert session.out == ""


def test_registers_and_memory_can_be_changed_and_nonsense_is_refused() -> None:
    session = debug(
        program(64),
        *("break say", "continue", "set var *(char *) $rdi = 'O'", "set var $r15 = 0x1234"),
        *(r'printf "r15=%#lx\n", $r15', "set var $cpl = 0", "continue", "continue"),
    )
    assert session.value("r15") == 0x1234
    assert "a change of ring is a crossing" in session.said
    assert session.out == "One\ntwo\n"


def test_every_monitor_command_shows_something() -> None:
    commands = ("info gdt", "info tss", "info msr", "info traps", "stat", "page 0x401000", "help")
    session = debug(program(64), *(f"monitor {command}" for command in commands), "monitor nope")
    for shown in ("64-bit code", "RSP0 0xffffc90000004000", "<entry_SYSENTER_compat>", "PML4E"):
        assert shown in session.said
    assert "no such command: 'nope'" in session.said


@pytest.mark.parametrize("bits", [64, 32])
def test_a_deadly_fault_is_seen_as_a_signal_before_the_death(bits: int) -> None:
    session = debug(
        path_of(f"read_null_{bits}"),
        *("continue", "x/i $pc", WHERE, "continue", "continue"),
    )
    assert "Program received signal SIGSEGV, Segmentation fault" in session.said
    assert session.value("cpl") == 3
    assert re.search(r"=> 0x[0-9a-f]+.*:\s+mov ", session.said)
    assert "Program terminated with signal SIGSEGV" in session.said
    assert (session.out, session.status) == ("before\n", 139)


def test_the_kernels_file_can_be_fetched(tmp_path: Path) -> None:
    copy = tmp_path / "kernel.elf"
    debug(program(64), f"remote get /ringscope/kernel {copy}", "kill")
    assert copy.read_bytes().startswith(b"\x7fELF")


@pytest.mark.parametrize("bits", [64, 32])
def test_functions_of_the_program_can_be_called(bits: int) -> None:
    call = 'printf "called=%d\\n", ((int (*)(int)) twice)(21)'
    session = debug(
        program(bits),
        *("break say", "continue", call, call, "backtrace", WHERE, "delete", "continue"),
    )
    assert re.findall(r"called=(\d+)", session.said) == ["42", "42"]
    assert "#1 " in session.said
    assert session.value("cpl") == 3
    assert (session.out, session.status) == ("one\ntwo\n", 9 + 2 * 21)


@pytest.mark.parametrize("bits", [64, 32])
def test_tasks_are_threads_with_registers_and_stacks_of_their_own(bits: int) -> None:
    session = debug(
        path_of(f"tasks_{bits}"),
        *("handle SIGUSR1 nostop noprint", "break in_the_thread", "continue", "info threads"),
        *("backtrace 1", "thread 1", "stepi", "backtrace", "info threads", "continue"),
    )
    said = session.said
    assert re.search(r"^\* 2 +Thread 1002 \(tasks_\d+, of process 1000: runs, ring 3\)", said, re.M)
    assert re.search(r"^  1 +Thread 1000 \(tasks_\d+: waits for the futex at 0x\w+", said, re.M)
    assert "hit Breakpoint 1, in_the_thread () at tests/fixtures/src/tasks.c:58" in said
    assert re.search(r"Switching to thread 1 \(Thread 1000\)", said)
    assert re.search(r"^#\d .* main \(\) at tests/fixtures/src/tasks.c:\d+", said, re.M)
    assert re.search(r"^\* 1 +Thread 1000 \(tasks_\d+: runs, ring 0\)", said, re.M)
    assert (session.out, session.status) == ("thread\nparent\n", 3)


@pytest.mark.parametrize(
    ("commands", "shown", "status"),
    [
        (("continue", "continue"), "Program received signal SIGUSR1, User defined signal 1", 3),
        (("continue", "signal 0"), "Program received signal SIGUSR1, User defined signal 1", 2),
        (("handle SIGUSR1 nostop noprint", "continue"), "exited with code 03", 3),
        (
            ("break main", "continue", "signal SIGTERM"),
            "Program terminated with signal SIGTERM, Terminated",
            143,
        ),
    ],
)
def test_signals_are_told_dropped_and_sent(
    commands: tuple[str, ...], shown: str, status: int
) -> None:
    session = debug(path_of("tasks_64"), *commands)
    assert shown in session.said
    assert session.status == status


@pytest.mark.parametrize("bits", [64, 32])
def test_a_run_over_tasks_is_taken_back_and_made_again(bits: int) -> None:
    session = debug(
        path_of(f"tasks_{bits}"),
        *("handle SIGUSR1 nostop noprint", "break in_the_thread", "continue", WHERE),
        *("reverse-stepi 20", "reverse-continue", "continue", WHERE, "info threads", "continue"),
    )
    first, again = re.findall(r"pc=(0x\w+)", session.said)
    assert first == again
    assert "No more reverse-execution history" in session.said
    assert session.status == 3


@pytest.mark.parametrize("bits", [64, 32])
def test_the_monitor_names_what_an_msr_points_to_by_the_kernels_entry(bits: int) -> None:
    session = debug(program(bits), "monitor info msr", "kill")
    assert re.search(r"LSTAR +0xffffffff81000000  <entry_SYSCALL_64>", session.said)
    assert "<_text>" not in session.said
