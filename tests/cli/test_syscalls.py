"""`ringscope syscalls`, as a user types it, and its numbers against every other list there is.

The headers are asked by gcc, auditd's table by ausyscall, the kernel's functions by the host's
/proc/kallsyms: each is skipped where it is not there.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from emu.cli.headers import difference
from kernel_stub.abi.conventions import CONVENTIONS
from kernel_stub.abi.numbers import numbered
from tests.cli.command import ringscope

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
needs_ausyscall = pytest.mark.skipif(shutil.which("ausyscall") is None, reason="needs auditd")
HEADERS_KNOW: Final = {"x86_64": 350, "i386": 430, "x32": 340}


def shown(*arguments: str) -> str:
    ended = ringscope("syscalls", *arguments)
    assert (ended.status, ended.err) == (0, "")
    return ended.out


def rows(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shown(*arguments, "--json"))
    return found


@needs_gcc
@pytest.mark.parametrize("abi", CONVENTIONS)
def test_every_number_is_that_of_the_installed_headers(abi: str) -> None:
    found = difference(abi)
    assert found.numbers == {}
    assert found.equal >= HEADERS_KNOW[abi]


@needs_ausyscall
@pytest.mark.parametrize("abi", ["x86_64", "i386"])
def test_every_number_is_that_of_ausyscall(abi: str) -> None:
    asked = subprocess.run(["ausyscall", abi, "--dump"], capture_output=True, check=True)
    lines = asked.stdout.decode().splitlines()[1:]
    theirs = {name: int(number) for number, name in (line.split("\t") for line in lines)}
    ours = {call.name: call.number for call in numbered(abi)}
    both = ours.keys() & theirs.keys()
    assert len(both) > 300
    assert {name: (ours[name], theirs[name]) for name in both if ours[name] != theirs[name]} == {}


@needs_ausyscall
@pytest.mark.parametrize(
    "words", [("x86_64", "60"), ("i386", "1"), ("x86_64", "open", "--exact"), ("i386", "execveat")]
)
def test_a_brief_answer_is_that_of_ausyscall(words: tuple[str, ...]) -> None:
    asked = subprocess.run(["ausyscall", *words], capture_output=True, check=True)
    assert shown(*words, "--brief") == asked.stdout.decode()


# What was not in the kernel of every host: removed since, added later, or left out of its build.
COMES_AND_GOES: Final = frozenset({"lookup_dcookie", "arch_prctl", "uselib", "sysfs"})


@pytest.mark.may_skip("the host may hide its symbols")
def test_the_functions_are_those_of_a_linux_kernel() -> None:
    symbols = set(re.findall(r" (__\w+sys_\w+)$", Path("/proc/kallsyms").read_text(), re.MULTILINE))
    if "__x64_sys_newfstat" not in symbols or "__ia32_sys_ia32_pread64" not in symbols:
        pytest.skip("the host does not show the symbols of such a kernel")
    calls = [c for abi in ("x86_64", "i386") for c in numbered(abi) if c.number < 450]
    unknown = {c.name for c in calls if c.symbol not in symbols and c.symbol != "sys_ni_syscall"}
    assert len(calls) > 700
    assert unknown <= COMES_AND_GOES


CLAIMS: Final = (
    (("x86_64", "60"), "x86_64", 60, "exit", "__x64_sys_exit"),
    (("i386", "exit", "--exact"), "i386", 1, "exit", "__ia32_sys_exit"),
    (("i386", "0x4"), "i386", 4, "write", "__ia32_sys_write"),
    (("exit", "i686", "--exact"), "i386", 1, "exit", "__ia32_sys_exit"),
    (("x32", "60"), "x32", 0x4000_003C, "exit", "__x64_sys_exit"),
    (("x32", "ioctl"), "x32", 0x4000_0202, "ioctl", "__x64_compat_sys_ioctl"),
    (("i386", "fcntl64"), "i386", 221, "fcntl64", "__ia32_compat_sys_fcntl64"),
    (("i386", "78"), "i386", 78, "gettimeofday", "__ia32_compat_sys_gettimeofday"),
    (("amd64", "5"), "x86_64", 5, "fstat", "__x64_sys_newfstat"),
    (("x86_64", "_sysctl"), "x86_64", 156, "_sysctl", "sys_ni_syscall"),
)


@pytest.mark.parametrize(("words", "abi", "number", "name", "symbol"), CLAIMS)
def test_one_call_is_told_of(
    words: tuple[str, ...], abi: str, number: int, name: str, symbol: str
) -> None:
    (row,) = rows(*words)
    assert (row["abi"], row["number"], row["name"], row["symbol"]) == (abi, number, name, symbol)
    assert f"{name}\n" in shown(*words)


def test_without_an_abi_all_three_answer() -> None:
    assert [(row["abi"], row["name"]) for row in rows("60")] == [
        ("x86_64", "exit"),
        ("i386", "umask"),
        ("x32", "exit"),
    ]


def test_a_part_of_a_name_finds_all_that_have_it() -> None:
    assert [row["name"] for row in rows("i386", "exit")] == ["exit", "exit_group"]
    assert "exit_group" in shown("i386", "exit")


def test_an_argument_of_64_bits_takes_two_registers_of_i386() -> None:
    (row,) = rows("i386", "pread64")
    assert row["arguments"][-1] == {"register": "edi:esi", "is": "loff_t offset"}
    (row,) = rows("x86_64", "pread64")
    assert row["arguments"][-1] == {"register": "r10", "is": "loff_t offset"}


def test_the_support_is_that_of_the_handlers() -> None:
    assert [row["support"] for row in rows("x86_64", "read", "--exact")] == ["full"]
    (row,) = rows("x86_64", "fcntl", "--exact")
    assert row["support"] == "partial"
    assert "leases" in row["missing"]
    assert [row["support"] for row in rows("x86_64", "bpf", "--exact")] == ["missing"]
    assert {row["support"] for row in rows("x32", "--dump")} == {"missing"}


def test_the_dump_has_every_call_of_the_abi() -> None:
    dumped = rows("i386", "--dump")
    assert [row["number"] for row in dumped] == sorted(row["number"] for row in dumped)
    assert len(dumped) == len(numbered("i386"))
    assert shown("i386", "--dump", "--brief").startswith(
        "Using i386 syscall table:\n0\trestart_syscall\n1\texit\n"
    )


@needs_gcc
def test_the_headers_are_compared_in_words() -> None:
    assert re.match(
        r"i386: \d+ calls have the same number in the installed headers\n",
        shown("i386", "--headers"),
    )


BAD: Final = (
    (("bogus",), 1, "no system call 'bogus' in x86_64, i386, x32"),
    (("x86_64", "exti"), 1, "close: exit"),
    (("x86_64", "99999"), 1, "no system call '99999'"),
    ((), 2, "which call?"),
    (("exit", "open"), 2, "one name or number at a time"),
    (("--bogus", "exit"), 2, "unknown option --bogus"),
)


@pytest.mark.parametrize(("words", "status", "says"), BAD)
def test_a_wrong_question_is_answered_by_one_sentence(
    words: tuple[str, ...], status: int, says: str
) -> None:
    ended = ringscope("syscalls", *words)
    assert ended.status == status
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_plain_run_does_not_import_the_numbers() -> None:
    import sys

    code = (
        "import sys, emu.cli.run; print([m for m in sys.modules"
        " if m.startswith(('system_calls', 'emu.cli.syscalls', 'kernel_stub.abi.numbers'))])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ended.stdout == b"[]\n"
