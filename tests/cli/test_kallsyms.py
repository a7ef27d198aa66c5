"""`ringscope kallsyms` and the guest's own /proc/kallsyms, as a user sees them."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.cli.command import ROOT, ringscope


def shown(*arguments: str) -> str:
    ended = ringscope("kallsyms", *arguments)
    assert (ended.status, ended.err) == (0, "")
    return ended.out


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("entry_SYSCALL_64", "ffffffff81000000 T entry_SYSCALL_64\n"),
        ("0xffffffff81000004", "ffffffff81000004 T entry_SYSCALL_64+0x4/0xaa\n"),
        ("FFFFFFFF81000004", "ffffffff81000004 T entry_SYSCALL_64+0x4/0xaa\n"),
        ("gdt_page", "fffffe0000001000 D gdt_page\n"),
    ],
)
def test_a_symbol_is_found_by_name_and_by_address(word: str, line: str) -> None:
    assert shown(word) == line


@pytest.mark.parametrize(
    ("name", "function", "callers"),
    [
        ("__x64_sys_getpid", "getpid", "do_syscall_64"),
        ("__ia32_sys_getpid", "getpid", "do_int80_syscall_32, do_SYSENTER_32, do_fast_syscall_32"),
        ("__x64_sys_newuname", "uname", "do_syscall_64"),
    ],
)
def test_a_function_that_is_python_here_says_where(name: str, function: str, callers: str) -> None:
    found = re.fullmatch(rf"-{{16}} - {name}  # Python, (\S+):(\d+), from {callers}\n", shown(name))
    assert found
    lines = (ROOT / found[1]).read_text().splitlines()[int(found[2]) - 1 :]
    assert f"def {function}(" in "".join(lines[:3])


def test_the_answer_is_there_as_data() -> None:
    (row,) = json.loads(shown("-j", "ffffffff81000004"))
    assert (row["name"], row["offset"], row["kind"]) == ("entry_SYSCALL_64", 4, "T")
    assert len(json.loads(shown("-j"))) == len(shown().splitlines())


@pytest.mark.parametrize("word", ["nope", "0x10", "0xzz"])
def test_what_is_no_symbol_is_one_sentence(word: str) -> None:
    ended = ringscope("kallsyms", word)
    assert (ended.status, ended.out) == (1, "")
    assert word in ended.err
    assert ended.err.count("\n") == 1


def test_a_guest_that_is_root_reads_the_same() -> None:
    text = ringscope("run", "/bin/cat", "/proc/kallsyms").out
    if os.getuid() == 0:
        assert text == shown()
    else:
        assert text == re.sub(r"^\w{16}", "0" * 16, shown(), flags=re.MULTILINE)


def test_with_kptr_restrict_2_nobody_reads_an_address() -> None:
    text = ringscope("run", "--kptr-restrict", "2", "/bin/cat", "/proc/kallsyms").out
    assert text == re.sub(r"^\w{16}", "0" * 16, shown(), flags=re.MULTILINE)


@pytest.mark.parametrize("number", ["0", "1", "2"])
def test_the_restriction_can_be_read(number: str) -> None:
    file = "/proc/sys/kernel/kptr_restrict"
    assert ringscope("run", "--kptr-restrict", number, "/bin/cat", file).out == number + "\n"
