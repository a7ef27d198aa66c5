"""Which programs are run, how, and what of their output is not compared: one row for each.

It knows names of packages and command lines. Where the programs come from, and how two runs are
compared, it does not know. A row's command runs in a directory that holds the files of `scripts`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

X86_64: Final = "x86_64"
I386: Final = "i386"
BOTH: Final = (X86_64, I386)
BUSYBOX: Final = ("busybox", "sh")


class Normal(NamedTuple):
    """What is replaced in the output of both runs before they are compared, and why."""

    pattern: str
    by: str
    why: str


class Program(NamedTuple):
    """One row. `packages` are Debian's; `quick` rows are part of the tests."""

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    abis: tuple[str, ...] = BOTH
    normal: tuple[Normal, ...] = ()
    quick: tuple[str, ...] = ()
    """The ABIs in which it is part of the tests that run every time."""
    files: bool = True
    """Whether the files that it leaves are compared."""
    note: str = ""
    """Why it differs, or is not run."""


TIMES: Final = (
    Normal(r"\d+:\d\d:\d\d load avg: \d+\.\d+", "TIME", "the time since the start, and the load"),
    Normal(r"Total duration: .*", "Total duration", "how long it took"),
    Normal(r"\w+ passed in .*\n", "", "how long it took"),  # told from half a minute on
    Normal(r"Ran (\d+) tests? in .*", r"Ran \1 tests", "how long it took"),
)
TEMPORARY: Final = (Normal(r"\bcc\w{6}\.", "cc.", "the name of a temporary file"),)


def script(
    name: str, packages: str, shell: tuple[str, ...] = ("dash",), quick: tuple[str, ...] = ()
) -> Program:
    """A row for `scripts/NAME.sh`, which a shell reads."""
    shells = shell if shell != BUSYBOX else ()
    return Program(name, (*shells, *packages.split()), (*shell, f"{name}.sh"), quick=quick)


def python_test(name: str) -> Program:
    """One of Python's own tests, in a process of its own as `-m test` runs it."""
    command = ("/usr/bin/python3", "-m", "test", name)
    packages = ("python3", "libpython3.11-testsuite")
    return Program(f"python3 -m test {name}", packages, command, normal=TIMES, files=False)


TABLE: Final = (
    script("shell", "coreutils", quick=BOTH),
    script("bash", "coreutils", ("bash",), quick=BOTH),
    script("coreutils_files", "coreutils"),
    script("coreutils_text", "coreutils"),
    script("coreutils_few", "coreutils", quick=BOTH),
    script("text_tools", "grep sed gawk mawk diffutils", quick=BOTH),
    script("find", "findutils coreutils", quick=(X86_64,)),
    script("archives", "tar gzip bzip2 xz-utils coreutils", quick=(X86_64,)),
    script("busybox_files", "busybox-static", BUSYBOX),
    script("busybox_text", "busybox-static", BUSYBOX),
    script("busybox_more", "busybox-static", BUSYBOX),
    Program("perl", ("perl-base",), ("perl", "program.pl"), quick=BOTH),
    Program("lua5.4", ("lua5.4",), ("lua5.4", "program.lua"), quick=BOTH),
    Program("python3", ("python3",), ("/usr/bin/python3", "program.py"), quick=BOTH),
    *map(
        python_test,
        (
            "test_json",
            "test_re",
            "test_struct",
            "test_dict",
            "test_generators",
            "test_signal",
            "test_threading",
            "test_subprocess",
        ),
    ),
    script("sqlite_journal", "sqlite3"),
    script("sqlite_wal", "sqlite3"),
    script("sqlite_few", "sqlite3", quick=BOTH),
    script("git", "git")._replace(files=False),
    script("gcc", "gcc libc6-dev")._replace(normal=TEMPORARY),
)
