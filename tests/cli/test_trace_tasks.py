"""`ringscope trace -f` beside `strace -f`: what each process does, and the signals between them.

The order of lines of different processes is the scheduler's, so each process is compared by itself;
pids are replaced by the order in which they appear.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import ringscope
from tests.oracle import host

SOURCE = Path(__file__).with_name("tasks.c")
# Calls of the start, which libc makes as the processor and the kernel allow.
START = (
    "brk mprotect readlink readlinkat arch_prctl set_tid_address set_robust_list rseq prlimit64 "
    "ugetrlimit getrandom newfstatat fstat64 set_thread_area execve statx"
).split()
CUT = re.compile(r"^(?P<call>.*?),? ?<unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(?P<rest>.*)$")


def by_process(trace: str) -> list[list[str]]:
    """The lines of each process, in the order in which the processes appear; halves are joined."""
    lines: dict[str, list[str]] = {}
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, said = line.partition(" ")
        said = said.strip()
        own = lines.setdefault(pid, [])
        if cut := CUT.match(said):
            begun[pid] = cut["call"]
            continue
        if resumed := RESUMED.match(said):
            said = begun.pop(pid) + ", " + resumed["rest"]
        own.append(said)
    names = {pid: f"P{number}" for number, pid in enumerate(lines)}
    return [[normalised(said, names) for said in own if told(said)] for own in lines.values()]


def told(said: str) -> bool:
    return said.partition("(")[0] not in START and "bit mode" not in said


def normalised(said: str, names: dict[str, str]) -> str:
    said = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", said)
    said = re.sub(r"\b\d{4,}\b", lambda found: names.get(found[0], found[0]), said)
    return re.sub(r"[ ,]+", " ", said).replace("( ", "(").replace(" )", ")")


@pytest.mark.may_skip("the machine may forbid ptrace")
@pytest.mark.parametrize("mode", ["-m64", "-m32"])
def test_each_process_is_told_as_strace_tells_it(mode: str, tmp_path: Path) -> None:
    if not (shutil.which("gcc") and shutil.which("strace") and host.is_x86_64_linux()):
        pytest.skip("needs gcc, strace and Linux on x86_64")
    program, theirs, ours = (tmp_path / name for name in ("tasks", "theirs", "ours"))
    gcc = ["gcc", mode, "-static", "-O1", "-w", "-o", str(program), str(SOURCE)]
    subprocess.run(gcc, check=True)
    strace = ["env", "--default-signal", "strace", "-f", "-o", str(theirs), str(program)]
    asked = subprocess.run(strace, capture_output=True, check=False)
    if b"ptrace" in asked.stderr:
        pytest.skip("ptrace is forbidden here")
    ended = ringscope("trace", "-f", "-o", str(ours), str(program))
    assert "Traceback" not in ended.err
    expected = by_process(theirs.read_text())
    assert by_process(ours.read_text()) == expected
    assert len(expected) == 3
    assert any("--- SIGCHLD {si_signo=SIGCHLD" in said for said in expected[0])
