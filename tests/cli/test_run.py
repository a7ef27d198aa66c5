"""`run` and `stat` as a user meets them: statuses, reports, limits, safety."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import EXAMPLES, FIXTURES, ROOT, ringscope


def ledger(*arguments: str | Path) -> dict[str, Any]:
    ended = ringscope("stat", "-j", *arguments)
    lines = ended.err.splitlines()
    report: dict[str, Any] = json.loads(lines[-1])
    return report


@pytest.mark.parametrize(
    ("program", "status", "out"),
    [
        ("soft_irq_exit_i386", 42, ""),
        ("fast_syscall_64", 42, ""),
        ("sysenter_32", 42, ""),
        ("hello_int80_64", 0, "hello, world by int 0x80 from 64-bit code\n"),
        ("hello_sysenter_32", 0, "hello, world by sysenter\n"),
    ],
)
def test_the_status_and_the_output_are_the_programs(program: str, status: int, out: str) -> None:
    ended = ringscope("run", EXAMPLES / program)
    assert (ended.status, ended.out, ended.err) == (status, out, "")


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("hlt_64", 139, "SIGSEGV: #GP (general protection)"),
        ("ud2_64", 132, "SIGILL: #UD (invalid opcode)"),
        ("divide_by_zero_64", 136, "SIGFPE: #DE (divide error)"),
        ("read_kernel_64", 139, "SIGSEGV: #PF (page fault)"),
    ],
)
def test_a_signal_that_kills_gives_128_and_its_number_and_says_why(
    program: str, status: int, said: str
) -> None:
    ended = ringscope("run", FIXTURES / program)
    assert ended.status == status
    assert ended.out == "before\n"
    assert said in ended.err


@pytest.mark.parametrize("counter", ["native", "python"])
def test_the_ledger_as_json_has_what_it_promises(counter: str) -> None:
    report = ledger("--counter", counter, EXAMPLES / "fast_syscall_64")
    counts = report["instructions"]
    assert report["exit_status"] == 42
    assert report["signal"] is None
    assert counts["total"] == sum(counts[path] for path in ("user", "entry", "handler", "exit"))
    assert {row["mechanism"] for row in report["crossings"]} == {"fault", "syscall"}
    assert sum(row["entry"] for row in report["crossings"]) == counts["entry"]
    assert sum(row["exit"] for row in report["crossings"]) == counts["exit"]
    assert report["syscalls"]["exit"] == 1
    assert set(report["unknown_syscalls"]) <= set(report["syscalls"])


def test_a_signal_stands_in_the_ledger() -> None:
    report = ledger(FIXTURES / "cli_64")
    assert (report["exit_status"], report["signal"], report["signal_name"]) == (139, 11, "SIGSEGV")


def test_values_may_be_separated() -> None:
    ended = ringscope("stat", "-x,", EXAMPLES / "soft_irq_exit_i386")
    assert ended.err.splitlines()[:2] == ["72,,instructions,100.00", "3,,instructions:u,4.17"]


def test_the_ledger_may_go_to_a_file(tmp_path: Path) -> None:
    ended = ringscope("stat", "-j", "-o", tmp_path / "out", EXAMPLES / "soft_irq_exit_i386")
    assert ended.err == ""
    assert json.loads((tmp_path / "out").read_text())["exit_status"] == 42


def test_a_run_that_fails_leaves_no_file(tmp_path: Path) -> None:
    assert ringscope("stat", "-o", tmp_path / "out", tmp_path / "nothing").status == 1
    assert list(tmp_path.iterdir()) == []


def test_two_runs_are_the_same_to_the_byte() -> None:
    first, second = (ledger(FIXTURES / "hello_musl_static_64") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("counter", ["native", "python"])
@pytest.mark.parametrize("limit", [10_000, 30_000])
def test_a_limit_ends_the_program_within_a_hundredth(limit: int, counter: str) -> None:
    program = ROOT / "tests/counting/programs/bin/deep_recursion_64"
    report = ledger("--counter", counter, "--max-instructions", str(limit), program)
    assert report["exit_status"] == 124
    assert report["ended_by"] == "limit"
    assert 0.99 * limit <= report["instructions"]["total"] <= limit


def test_a_limit_is_said_with_what_was_counted() -> None:
    ended = ringscope("run", "--max-instructions", "100000", "/bin/ls")
    report = ledger("--max-instructions", "100000", "/bin/ls")
    total = report["instructions"]["total"]
    assert ended.err == (
        f"ringscope: stopped after {total:,} instructions, as --max-instructions says\n"
    )


@pytest.mark.parametrize(
    "program",
    [["/bin/sh", "-c", "read line"], ["/usr/bin/yes"]],
    ids=["reads what nobody writes", "writes what nobody reads"],
)
def test_ctrl_c_ends_a_program_that_waits_with_the_ledger_so_far(program: list[str]) -> None:
    command = [sys.executable, "-m", "emu", "stat", "-j", *program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    read_end, write_end = os.pipe()
    with subprocess.Popen(
        command,
        stdin=read_end,
        stdout=write_end,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    ) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    os.close(read_end)
    os.close(write_end)
    assert process.returncode == 130
    report = json.loads(err)
    assert (report["ended_by"], report["signal_name"]) == ("signal", "SIGINT")


def test_nothing_is_written_to_the_host_unless_it_is_granted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write = f"echo data > {file}; read line < {file}; echo $line"
    assert ringscope("run", "/bin/sh", "-c", write).out == "data\n"
    assert not file.exists()
    assert ringscope("run", "--rw", tmp_path, "/bin/sh", "-c", write).out == "data\n"
    assert file.read_text() == "data\n"


def test_the_environment_is_the_hosts_or_what_is_said() -> None:
    show = ["/bin/sh", "-c", "echo $LANG-$A-$PATH"]
    assert ringscope("run", "-E", "A=1", "-U", "LANG", *show).out == "-1-/usr/bin:/bin\n"
    assert ringscope("run", "--clear-env", "-E", "A=2", *show).out.startswith("-2-")


def test_options_end_at_the_program() -> None:
    assert ringscope("run", "--", "/bin/echo", "--root", "-j", "--").out == "--root -j --\n"


def test_an_unknown_call_is_counted_and_named() -> None:
    report = ledger(FIXTURES / "hello_glibc_static_64")
    assert report["unknown_syscalls"] == {"rseq": 1}
    assert report["syscalls"]["rseq"] == 1


def test_output_that_changes_the_working_directory_does_not_move_the_clock(tmp_path: Path) -> None:
    first = ringscope("run", "/bin/date", "+%s.%N", cwd=tmp_path)
    (tmp_path / "out").write_text(first.out)
    second = ringscope("run", "/bin/date", "+%s.%N", cwd=tmp_path)
    assert first == second


def test_the_ledger_survives_what_the_kernel_cannot_do(tmp_path: Path) -> None:
    ended = ringscope("stat", "-j", "-o", tmp_path / "out", "/bin/sh", "-c", "kill -STOP $$")
    assert ended.status == 1
    assert "process 1000 is stopped, and nobody sends it SIGCONT" in ended.err
    assert json.loads((tmp_path / "out").read_text())["ended_by"] == "error"


def test_a_ledger_in_the_guests_own_output_follows_it(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "emu", "stat", "-x,", "-o", "/dev/stdout", "/bin/echo", "hi"]
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(program, stdout=out, check=True, cwd=ROOT, timeout=60)
    assert (tmp_path / "out").read_text().startswith("hi\n")
    assert ",instructions:u," in (tmp_path / "out").read_text()


CAUSES = (
    ("int_0x20_64", "`int 0x20`, error code 0x102: gate 0x20 of the IDT", "IDT"),
    ("int_page_fault_64", "error code 0x72: gate 0xe of the IDT", "gate DPL below CPL"),
    ("cli_64", "`cli`, error code 0x0: no selector", "CPL above IOPL (CPL 3, IOPL 0)"),
    ("read_kernel_64", "user read of a page that forbids it", "supervisor-mode address, CPL 3"),
    ("read_null_64", "address 0x0, error code 0x4", "page-table entry not present"),
    ("load_kernel_ds_64", "error code 0x18: selector 0x18 of the GDT", "no data segment"),
    ("divide_by_zero_64", "#DE (divide error)", "divisor is 0 (divisor 0x0)"),
    ("rdmsr_64", "`rdmsr`", 'SDM 3A, "Privileged Instructions"'),
)


@pytest.mark.parametrize("verb", ["run", "stat"])
@pytest.mark.parametrize(("program", "what", "why"), CAUSES)
def test_a_program_that_dies_of_an_exception_is_told_of_in_two_lines(
    program: str, what: str, why: str, verb: str
) -> None:
    first, second = ringscope(verb, FIXTURES / program).err.splitlines()[:2]
    assert first.startswith("ringscope: SIG")
    assert what in first
    assert second.startswith("ringscope: why: ")
    assert why in second or why in first


def test_the_ledger_has_the_cause_as_data() -> None:
    cause = ledger(FIXTURES / "int_page_fault_64")["cause"]
    assert (cause["mnemonic"], cause["error_code"]) == ("#GP", 0x72)
    assert cause["error_code_fields"] == {"ext": 0, "idt": 1, "ti": 0, "index": 0xE}
    assert cause["inputs"] == {"vector": 0xE, "DPL": 0, "CPL": 3}


def test_a_program_that_exits_has_no_cause() -> None:
    assert ledger(EXAMPLES / "fast_syscall_64")["cause"] is None
