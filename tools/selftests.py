"""Linux's own x86 selftests on this processor, in qemu-user and here: `python -m tools.selftests`.

    python -m tools.selftests [--package FILE.deb] [--write-docs] [--seconds N] [NAME...]

It fetches Debian's package of Linux's source (or takes FILE, or an installed one), builds the tests
as their Makefile does, in a directory that is removed afterwards, runs each in every way, and
prints the table of docs/fidelity.md. Nothing of the source, which is under the GPL, is kept. It
fails where a test ends otherwise here than on the host and EXPLAINED does not say why.
Linux: tools/testing/selftests/x86/Makefile.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench.report import into_page
from tools.make_docs import markdown

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/fidelity.md"
MARK: Final = "selftests"
PACKAGE: Final = "linux-source-6.1"
INSTALLED: Final = Path(f"/usr/src/{PACKAGE}.tar.xz")
_FOLDER: Final = f"{PACKAGE}/tools/testing/selftests"
_NEEDED: Final = (f"{_FOLDER}/x86/", f"{_FOLDER}/kselftest.h", f"{PACKAGE}/arch/x86/include/asm/")

BOTH: Final = (
    "check_initial_reg_state fsgsbase_restore ioperm iopl ldt_gdt mov_ss_trap ptrace_syscall "
    "sigaltstack sigreturn sigtrap_loop single_step_syscall syscall_arg_fault syscall_nt "
    "sysret_ss_attrs test_mremap_vdso test_vsyscall"
).split()
ONLY: Final[Mapping[int, Sequence[str]]] = {
    64: "amx corrupt_xstate_header fsgsbase syscall_numbering sysret_rip".split(),
    32: (
        "entry_from_vm86 test_FCMOV test_FCOMI test_FISTTP test_syscall_vdso unwind_vdso "
        "vdso_restorer"
    ).split(),
}
# What a program is built from besides NAME.c, and with which flags of its own.
_MORE: Final = {
    "check_initial_reg_state_64": ["-Wl,-ereal_start", "-static"],
    "check_initial_reg_state_32": ["-Wl,-ereal_start", "-static"],
    "sysret_ss_attrs_64": ["thunks.S"],
    "ptrace_syscall_32": ["raw_syscall_helper_32.S"],
    "test_syscall_vdso_32": ["thunks_32.S"],
}
_FLAGS: Final = (
    "-O2 -g -std=gnu99 -pthread -w -no-pie -DCAN_BUILD_32 -DCAN_BUILD_64".split(),
    "-lrt -ldl -lm".split(),
)
# sysret_rip puts pages where the stack's highest ones are if addresses are not random: with so
# much on it, what it uses lies lower.
_PADDING: Final = {"SELFTEST_PADDING": "x" * 40_000}

_ONE_PROCESSOR: Final = "what needs a second processor is left out: there is one"
_X87: Final = (
    "the engine does not set the flags of masked x87 exceptions in all cases "
    "([quirks](quirks.md#where-it-is-not-like-a-processor))"
)
_SMALL_FRAME: Final = (
    "without AVX a signal's frame fits into the least stack that `sigaltstack` accepts, so the "
    "test leaves out its second half, as on processors without"
)
# Why a program ends otherwise here than on the host.
EXPLAINED: Final = {
    "ldt_gdt_64": _ONE_PROCESSOR,
    "ldt_gdt_32": _ONE_PROCESSOR,
    "sigaltstack_64": _SMALL_FRAME,
    "sigaltstack_32": _SMALL_FRAME,
    "test_FCOMI_32": _X87,
    "test_FISTTP_32": _X87,
    "test_vsyscall_64": _ONE_PROCESSOR,
    "test_vsyscall_32": _ONE_PROCESSOR,
}


class ToolFailed(Exception):
    """Something that the tool needs is missing, in one sentence."""


class Outcome(NamedTuple):
    """How a program ended: its status (None: not in time), and how many lines say what."""

    status: int | None
    ok: int
    failed: int
    skipped: int

    @property
    def passes(self) -> bool:
        return self.status == 0 and not self.failed

    def __str__(self) -> str:
        lines = ", ".join(
            f"{number} {word}"
            for number, word in ((self.ok, "ok"), (self.failed, "fail"), (self.skipped, "skip"))
            if number
        )
        return f"{self._end()}: {lines}" if lines else self._end()

    def _end(self) -> str:
        if self.status is None:
            return "no end"
        if self.passes:
            return "passes"
        if self.status > 128:
            return signal.Signals(self.status - 128).name
        return f"fails ({self.status})" if self.status else "fails"


_LINES: Final = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (rb"\[OK\]|^ok ", rb"\[(?:FAIL|BAD)\]|^not ok ", rb"\[SKIP\]|# SKIP")
]


def outcome(status: int | None, output: bytes) -> Outcome:
    """What a run with the exit status `status` and this output is."""
    return Outcome(status, *(len(pattern.findall(output)) for pattern in _LINES))


def programs() -> list[str]:
    """Every program by name, as the page lists them."""
    names = [f"{name}_{bits}" for name in BOTH for bits in (64, 32)]
    names += [f"{name}_{bits}" for bits, only in ONLY.items() for name in only]
    return sorted(names)


# ---- from the package to the programs


@contextmanager
def source(package: Path | None) -> Iterator[Path]:
    """The directory of the tests, unpacked for as long as it is needed."""
    with TemporaryDirectory() as folder:
        here = Path(folder)
        if package is None and INSTALLED.exists():
            archive = INSTALLED
        else:
            archive = _unpack_package(package or _download(here), here)
        with tarfile.open(archive) as members:
            for member in members:
                if member.name.startswith(_NEEDED):
                    members.extract(member, here, filter="data")
        yield here / _FOLDER / "x86"


def _download(folder: Path) -> Path:
    command = ["apt-get", "download", "-o", "APT::Sandbox::User=root", PACKAGE]
    if shutil.which("apt-get") is None or subprocess.run(command, cwd=folder).returncode:
        raise ToolFailed(f"{PACKAGE} cannot be had: give it by --package")
    return next(folder.glob("*.deb"))


def _unpack_package(package: Path, folder: Path) -> Path:
    if shutil.which("dpkg-deb") is None:
        raise ToolFailed("needs dpkg-deb")
    if subprocess.run(["dpkg-deb", "-x", package, folder]).returncode:
        raise ToolFailed(f"{package} is no Debian package")
    return folder / INSTALLED.relative_to("/")


def build(tests: Path, name: str, target: Path) -> None:
    """Builds the program `name` of the sources in `tests`. Raises ToolFailed."""
    base, _, bits = name.rpartition("_")
    first, last = _FLAGS
    command = [
        "gcc",
        f"-m{bits}",
        "-o",
        str(target),
        *first,
        f"{base}.c",
        *_MORE.get(name, []),
        *last,
    ]
    if subprocess.run(command, cwd=tests).returncode:
        raise ToolFailed(f"{name} cannot be built: does gcc make programs of {bits} bits?")


# ---- running them


def ways() -> dict[str, Sequence[str]]:
    """How a program is run, by the column's heading; {} stands for the program's bits."""
    return {
        "native": (),
        "qemu-user": ("qemu-{}",),
        "here": (sys.executable, "-m", "emu", "run"),
    }


def run(way: Sequence[str], name: str, program: Path, seconds: float) -> Outcome:
    """Runs `program`. Raises ToolFailed, where what runs it is missing."""
    machine = {"64": "x86_64", "32": "i386"}[name.rpartition("_")[2]]
    command = [*(part.format(machine) for part in way), str(program)]
    environment = {**os.environ, **_PADDING, "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except FileNotFoundError as missing:
        raise ToolFailed(f"{missing.filename} is not installed") from None
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return outcome(None, process.communicate()[0])
    status = process.returncode
    return outcome(128 - status if status < 0 else status, output)


# ---- the page


def table(found: Mapping[str, Mapping[str, Outcome]]) -> str:
    """The table of docs/fidelity.md, and how many pass."""
    headings = ("program", *ways(), "why here is not as native")
    rows = [
        (f"`{name}`", *outcomes.values(), "" if is_alike(outcomes) else EXPLAINED.get(name, "?"))
        for name, outcomes in found.items()
    ]
    totals = [
        sum(outcomes[way].passes for outcomes in found.values()) if found else 0 for way in ways()
    ]
    return markdown(headings, [*rows, (f"pass, of {len(found)}", *totals, "")])


def is_alike(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether a program ends here as on the host, or better, with as many lines of success."""
    native, here = outcomes["native"], outcomes["here"]
    if not here.passes:
        return here == native
    return not native.passes or (here.ok, here.skipped) >= (native.ok, native.skipped)


def unexplained(found: Mapping[str, Mapping[str, Outcome]]) -> list[str]:
    """The programs that end otherwise here, and nobody says why."""
    return [name for name, each in found.items() if not is_alike(each) and name not in EXPLAINED]


def main(arguments: Sequence[str]) -> int:
    """Returns 1 if a difference has no explanation, or something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.selftests", description=__doc__)
    parser.add_argument("--package", type=Path, metavar="FILE.deb")
    parser.add_argument("--write-docs", action="store_true", help=f"into {PAGE.name}")
    parser.add_argument("--seconds", type=float, default=120, help="for each run [120]")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    names = options.names or programs()
    unknown = [name for name in names if name not in programs()]
    if unknown or (options.write_docs and options.names):
        parser.error(f"no program {unknown[0]!r}" if unknown else "the page needs all programs")
    try:
        found = _measure(names, options.package, options.seconds)
    except ToolFailed as failure:
        print(f"selftests: {failure}", file=sys.stderr)
        return 1
    print(text := table(found), end="")
    if options.write_docs:
        PAGE.write_text(into_page(PAGE.read_text("utf-8"), text, MARK), "utf-8")
    for name in (missing := unexplained(found)):
        print(f"selftests: {name} ends otherwise here, and EXPLAINED does not say why")
    return int(bool(missing))


def _measure(
    names: Sequence[str], package: Path | None, seconds: float
) -> dict[str, dict[str, Outcome]]:
    found = {}
    with source(package) as tests:
        for name in names:
            program = tests / name
            build(tests, name, program)
            print(f"selftests: {name} ...", file=sys.stderr, flush=True)
            found[name] = {
                heading: run(way, name, program, seconds) for heading, way in ways().items()
            }
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
