"""`ringscope trace` beside the real strace: the same calls with the same decoded arguments.

What differs from run to run or by machine is normalised on both sides: addresses, process ids,
random bytes, and rseq(2), which this kernel has not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import EXAMPLES, FIXTURES, ROOT, ringscope

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
# What no kernel but the host's can answer alike is left out: /proc, sockets, the host's name.
PROGRAMS: Final = (
    *("/bin/true", "/bin/echo hi", "/bin/cat f", "/usr/bin/wc f", "/usr/bin/head -n1 f"),
    *("/usr/bin/tail -n1 f", "/usr/bin/uniq f", "/usr/bin/cut -c1 f", "/usr/bin/tr a b"),
    *("/usr/bin/od f", "/usr/bin/md5sum f", "/usr/bin/sha256sum f", "/usr/bin/basename /a/b"),
    *("/usr/bin/dirname /a/b", "/bin/pwd", "/usr/bin/seq 3", "/usr/bin/test -f f"),
    *("/bin/readlink /proc/self/exe", "/usr/bin/realpath .", "/usr/bin/printf x", "/usr/bin/nl f"),
    *("/usr/bin/tac f", "/usr/bin/fold f", "/usr/bin/base64 f", "/usr/bin/sum f"),
    *("/usr/bin/cksum f", "/usr/bin/join f f", "/usr/bin/paste f", "/usr/bin/comm f f"),
    *("/usr/bin/numfmt 1", "/bin/sleep 0", "/usr/bin/tty", "/usr/bin/rev f"),
    *("/usr/bin/expand f", "/bin/cat missing", "/bin/false"),
)
STATIC_32: Final = str(FIXTURES / "hello_glibc_static_32")
# Options that both know, and a program.
WITH_OPTIONS: Final = (
    *("-n /bin/cat f", "-i /bin/cat f", "-n -i /bin/true", "-y /bin/cat f", "-s 5 /bin/cat f"),
    *("-e openat,read /bin/cat f", "-e trace=%file /bin/cat f", "-e !mmap /bin/cat f"),
    *(
        f"-e !rseq,statx {STATIC_32}",
        f"{EXAMPLES}/soft_irq_exit_i386",
        f"{EXAMPLES}/hello_int80_64",
    ),
    *(f"{FIXTURES}/read_null_64", f"{FIXTURES}/divide_by_zero_64", f"-f {EXAMPLES}/hello_glibc"),
)


def normalised(trace: str) -> list[str]:
    lines = []
    for line in trace.splitlines():
        line = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", line)
        line = re.sub(r"\[[0-9a-f?]{8,}\]", "[POINTER]", line)
        line = re.sub(r"<pipe:\[\d+\]>", "<pipe>", line)
        line = re.sub(r" +=", " =", line)
        line = re.sub(r"l_pid=\d+", "l_pid=PID", line)
        line = re.sub(r"(set_tid_address\(.*=) \d+", r"\1 PID", line)
        line = re.sub(r"^\d+  ?", "PID ", line)
        line = re.sub(r'getrandom\("[^"]*"', "getrandom(RANDOM", line)
        line = re.sub(r"(rseq\(.*=) .*", r"\1 RESULT", line)
        if "runs in 32 bit mode" not in line:  # strace tells that to the terminal alone
            lines.append(line)
    return lines


def ours(options: list[str], program: list[str], folder: Path) -> str:
    """What `trace` writes; the environment is ENVIRONMENT and nothing that Python adds."""
    settings = [word for name in ENVIRONMENT.items() for word in ("-E", "=".join(name))]
    out = folder / "ours"
    command = ["trace", "-o", str(out), "--clear-env", *settings, *options, *program]
    ended = ringscope(*command, cwd=folder)
    assert "Traceback" not in ended.err
    return out.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f").write_text("b\na\nc\na\n")
    return tmp_path


@needs_strace
@pytest.mark.may_skip("the machine may forbid ptrace")
@pytest.mark.parametrize("command", [*PROGRAMS, *WITH_OPTIONS])
def test_a_trace_is_that_of_strace(command: str, folder: Path) -> None:
    words = command.split()
    start = next(i for i, word in enumerate(words) if word.startswith("/"))
    if not Path(words[start]).exists():
        pytest.skip(f"needs {words[start]}")
    asked = subprocess.run(
        ["env", "--default-signal", "strace", "-o", "theirs", *words],  # as ours begins
        cwd=folder,
        env=ENVIRONMENT,
        input=b"",
        capture_output=True,
        check=False,
    )
    if b"ptrace" in asked.stderr:
        pytest.skip("ptrace is forbidden here")
    # Both must see the same descriptors: input that is at its end, output that is a pipe.
    assert normalised(ours(words[:start], words[start:], folder)) == normalised(
        (folder / "theirs").read_text()
    )


@needs_strace
@pytest.mark.may_skip("the machine may forbid ptrace")
@pytest.mark.parametrize("abi", ["-m64", "-m32"])
def test_calls_about_sockets_waiting_and_terminals_are_told_as_strace_does(
    abi: str, folder: Path
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    source = Path(__file__).with_name("waiting_calls.c")
    subprocess.run(["gcc", abi, "-static", "-w", "-o", folder / "calls", source], check=True)
    asked = subprocess.run(
        ["strace", "-o", "theirs", "./calls"],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if b"ptrace" in asked.stderr:
        pytest.skip("ptrace is forbidden here")
    theirs = normalised((folder / "theirs").read_text())
    (folder / "g").unlink()
    found = normalised(ours([], ["./calls"], folder))
    start = next(i for i, line in enumerate(theirs) if line.startswith("epoll_create1"))
    assert found[-len(theirs) + start :] == theirs[start:]
    assert len(theirs) - start > 60


def test_thirty_programs_are_compared() -> None:
    assert len(set(PROGRAMS)) >= 30


# ---- what is shown


def lines(*words: str | Path) -> list[str]:
    ended = ringscope("trace", *words)
    return ended.err.splitlines()


def test_a_static_program_is_told_from_its_start_to_its_end() -> None:
    found = lines("-E", "A=1", EXAMPLES / "hello_syscall_64")
    assert re.fullmatch(
        r'execve\("\S+/hello_syscall_64", \["\S+"\.\.\.\], 0x7\w+ /\* \d+ vars \*/\) = 0', found[0]
    )
    assert found[1:] == [
        'write(1, "hello, world by syscall\\n", 24) = 24',
        "exit(0)                                 = ?",
        "+++ exited with 0 +++",
    ]


@pytest.mark.parametrize(
    ("program", "bits"),
    [("hello_int80_32", [32]), ("soft_irq_exit_i386_pie64", [32]), ("hello_int80_64", [32])],
)
def test_a_change_of_abi_is_told(program: str, bits: list[int]) -> None:
    told = [line for line in lines(EXAMPLES / program) if line.startswith("[ Process")]
    assert told == [f"[ Process PID=1000 runs in {b} bit mode. ]" for b in bits]


def test_a_signal_that_kills_is_told() -> None:
    told = [line for line in lines(FIXTURES / "read_null_64") if not line.startswith("ringscope")]
    assert told[-2:] == [
        "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---",
        "+++ killed by SIGSEGV +++",
    ]


@pytest.mark.parametrize(
    ("options", "leader"),
    [
        (["-n"], r"\[   1\] write\("),
        (["-i"], r"\[00000000004000c8\] write\("),
        (["-i", "-n"], r"\[   1\] \[00000000004000c8\] write\("),
        (["-s", "5"], r'write\(1, "hello"\.\.\., 24\)'),
        (["-f"], r"write\("),
    ],
)
def test_an_option_adds_to_the_line(options: list[str], leader: str) -> None:
    assert any(re.match(leader, line) for line in lines(*options, EXAMPLES / "hello_syscall_64"))


def test_descriptors_tell_what_they_are() -> None:
    found = lines("-y", "-e", "openat,close", "/bin/cat", "/etc/hostname")
    assert (
        "openat(AT_FDCWD<" + str(ROOT) + '>, "/etc/hostname", O_RDONLY) = 3</etc/hostname>' in found
    )


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("write", {"write"}),
        ("trace=write,exit", {"write", "exit"}),
        ("!write", {"execve", "exit"}),
        ("%process", {"execve", "exit"}),
        ("/^wr", {"write"}),
        ("none", set()),
        ("%desc", {"write"}),
    ],
)
def test_a_filter_chooses_calls(wanted: str, names: set[str]) -> None:
    found = lines("-e", wanted, EXAMPLES / "hello_syscall_64")
    assert {line.partition("(")[0] for line in found if "(" in line} == names


def test_the_summary_counts_calls_and_errors() -> None:
    text = "\n".join(lines("-c", "/bin/cat", "/does/not/exist"))
    assert re.search(r" +\d+\.\d\d +\d+ +64 +\d+ +\d* openat", text)
    (total,) = re.findall(r"100\.00 +(\d+) +\d+ +(\d+) +(\d+) total", text)
    assert int(total[0]) >= 60 * int(total[1])
    assert int(total[2]) >= 3


def test_each_crossing_is_a_line() -> None:
    found = lines("--crossings", EXAMPLES / "hello_int80_32")
    assert [line.split()[1] for line in found] == ["fault", "int80", "int80"]
    assert "asm_exc_page_fault" in found[0]
    assert "error 0x14: user fetch of a page that is not present" in found[0]
    assert "cpl 3>0  rip 0x8048088 > entry_INT80_compat" in found[1]


def test_crossings_are_told_as_qemu_tells_them() -> None:
    found = lines("--crossings", "--format", "qemu", EXAMPLES / "hello_int80_32")
    gate = r" +\d+: v={} e={} i={} cpl=3 IP=0023:\w{{16}} pc=\w{{16}} SP=002b:\w{{16}} {}=\w{{16}}"
    assert re.fullmatch(gate.format("0e", "0014", 0, "CR2"), found[0])
    assert re.fullmatch(gate.format("80", "0000", 1, r"env->regs\[R_EAX\]"), found[1])
    assert lines("--crossings", "--format", "qemu", EXAMPLES / "hello_syscall_64")[1:] == []


BAD: Final = (
    (["-e", "bogus"], 2, "no system call 'bogus'"),
    (["-e", "%bogus"], 2, "no class %bogus"),
    (["-e", "inject=open"], 2, "-e inject= is not known here"),
    (["-e", "/["], 2, "is no pattern"),
    (["-o", "/no/such/file"], 2, "cannot write /no/such/file"),
    (["-s", "x"], 2, "invalid int value"),
)


@pytest.mark.parametrize(("options", "status", "says"), BAD)
def test_a_wrong_option_is_one_sentence(options: list[str], status: int, says: str) -> None:
    ended = ringscope("trace", *options, EXAMPLES / "hello_syscall_64")
    assert (ended.status, says in ended.err, "Traceback" in ended.err) == (status, True, False)


def test_a_program_that_cannot_run_leaves_no_file(tmp_path: Path) -> None:
    ended = ringscope("trace", "-o", tmp_path / "o", "/no/such/program")
    assert (ended.status, list(tmp_path.iterdir())) == (1, [])


def test_tracing_changes_nothing_of_what_is_counted(tmp_path: Path) -> None:
    program = [EXAMPLES / "hello_glibc"]
    plain = ringscope("stat", "-j", *program)
    ringscope("trace", "-o", tmp_path / "o", *program)
    again = ringscope("stat", "-j", *program)
    assert plain == again
    assert os.path.getsize(tmp_path / "o") > 0
