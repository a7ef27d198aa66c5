"""The command line: verbs, options, and what each means. It starts nothing.

Options end at the guest program's name; what follows belongs to the guest.
"""

from __future__ import annotations

import argparse
from typing import Final

from emu.cpu.limits import UNLIMITED
from emu.memory.physical import MAXIMUM_SIZE, MINIMUM_SIZE

_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

RUN_EXAMPLE: Final = """\
example:
  ringscope run ./examples/bin/hello_syscall_64
  ringscope run -E LANG=C --max-instructions 1000000 /bin/ls -l

The exit status is the program's; 128+n if signal n killed it; 124 if --max-instructions
stopped it; 130 after Ctrl-C; 2 for a wrong command line, 1 if the program cannot be loaded."""

STAT_EXAMPLE: Final = """\
example:
  ringscope stat ./examples/bin/fast_syscall_64
  ringscope stat -j -o ledger.json /bin/echo hello

The ledger goes to stderr, or to FILE. Exit statuses are those of `ringscope run`."""

SYSCALLS_EXAMPLE: Final = """\
examples:
  ringscope syscalls exit             every call with `exit` in its name, in all three ABIs
  ringscope syscalls i386 exit --exact
  ringscope syscalls x86_64 60
  ringscope syscalls i386 --dump --json
  ringscope syscalls --headers        where the installed kernel headers differ"""

COMPARE_EXAMPLE: Final = """\
examples:
  ringscope compare ./examples/bin/clock_int80_32 ./examples/bin/clock_syscall_64
  ringscope compare "/bin/ls /" "/bin/busybox ls /"

The table goes to stderr, or to FILE. The exit status is the greatest of the programs'."""

TRACE_EXAMPLE: Final = """\
examples:
  ringscope trace /bin/echo hello
  ringscope trace -e %file -y /bin/ls
  ringscope trace -c /bin/ls
  ringscope trace --crossings ./examples/bin/hello_int80_32

The lines go to stderr, or to FILE. Exit statuses are those of `ringscope run`."""

KALLSYMS_EXAMPLE: Final = """\
examples:
  ringscope kallsyms                       every symbol, as /proc/kallsyms has them
  ringscope kallsyms entry_SYSCALL_64
  ringscope kallsyms ffffffff81000010      the nearest symbol and the offset
  ringscope kallsyms __x64_sys_exit        a function of Linux that is Python here"""

# Verbs whose options and work stand in a module of their own: what they do, and an example.
OTHER_VERBS: Final = {
    "compare": ("run programs, then show their ledgers side by side", COMPARE_EXAMPLE),
    "kallsyms": ("tell names and addresses of the kernel's symbols", KALLSYMS_EXAMPLE),
    "trace": ("run a program, and tell its system calls as strace does", TRACE_EXAMPLE),
    "syscalls": ("tell numbers, names and kernel functions of system calls", SYSCALLS_EXAMPLE),
}
RUNNING_VERBS: Final = ("compare", "trace")  # those of them that take a machine's options


def parse(argv: list[str]) -> argparse.Namespace:
    """The options in `argv`. Ends the process with status 2, or 0 for --help, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="ringscope",
        description="An x86 whose every change of privilege can be watched, counted and tested.",
        epilog="ringscope VERB --help tells more, with an example.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    run = _verb(verbs, "run", "run a program in ring 3", RUN_EXAMPLE)
    stat = _verb(verbs, "stat", "run a program, then show the ledger", STAT_EXAMPLE)
    _report_options(stat)
    for name, (what, example) in OTHER_VERBS.items():
        other = _verb(verbs, name, what, example)
        if name in argv[:1]:
            _fill(name, other)
        if name in argv[:1] and name in RUNNING_VERBS:
            _machine_options(other)
            _file_options(other)
        if name in argv[:1] and name == "trace":
            _program(other)
    for verb in (run, stat):
        _machine_options(verb)
        _file_options(verb)
        _program(verb)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        verbs.choices[options.verb].error(f"unknown option {unknown[0]}; --help lists them all")
    return options


def _fill(name: str, verb: argparse.ArgumentParser) -> None:
    """The options of a verb whose own module knows them: imported only for that verb."""
    if name == "trace":
        from emu.cli.trace import options
    elif name == "compare":
        from emu.cli.compare import options
    elif name == "kallsyms":
        from emu.cli.kallsyms import options
    elif name == "syscalls":
        from emu.cli.syscalls import options
    else:
        raise AssertionError(f"no module for {name}")
    options(verb)


def _program(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("program", metavar="PROGRAM", help="a path, or a name to seek in PATH")
    arguments = verb.add_argument(
        "arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="for the program"
    )
    arguments.required = False  # argparse would name it when PROGRAM is missing


class _Version(argparse.Action):
    """--version: asks the package's metadata only when wanted, because that takes its time."""

    def __init__(self, option_strings: list[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and end")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("ringscope")
        except PackageNotFoundError:
            number = "of a source tree that is not installed"
        parser.exit(message=f"ringscope {number}\n")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str, example: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _report_options(verb: argparse.ArgumentParser) -> None:
    form = verb.add_mutually_exclusive_group()
    form.add_argument("-j", "--json", action="store_true", help="one JSON object")
    form.add_argument("-x", metavar="SEP", dest="separator", help="values separated by SEP")
    verb.add_argument(
        "-d", "--detailed", action="store_true", help="each call apart, and why a way is dear"
    )
    verb.add_argument("-o", metavar="FILE", dest="output", help="write the ledger to FILE")


def _machine_options(verb: argparse.ArgumentParser) -> None:
    machine = verb.add_argument_group("the machine")
    machine.add_argument(
        "--vendor", choices=("intel", "amd"), help="where the two differ [the model's own]"
    )
    machine.add_argument("--cpu", metavar="MODEL", help="the CPU model; `help` lists them")
    machine.add_argument(
        "--memory", metavar="SIZE", type=_size, default=1 << 30, help="RAM, e.g. 64M or 2G [1G]"
    )
    machine.add_argument(
        "--max-instructions", metavar="N", type=_limit, help="stop after N instructions"
    )
    machine.add_argument(
        "--counter",
        choices=("auto", "native", "python"),
        default="auto",
        help="how instructions are counted; the figures are the same [auto]",
    )
    machine.add_argument(
        "--realtime", action="store_true", help="the guest's clock shows the host's time"
    )
    machine.add_argument(
        "--no-vdso", action="store_true", help="do not tell the program of the vDSO"
    )
    machine.add_argument(
        "--vsyscall",
        choices=("emulate", "none"),
        default="emulate",
        help="what a call to the page of old does [emulate]",
    )
    machine.add_argument(
        "--kptr-restrict",
        type=int,
        choices=(0, 1, 2),
        default=0,
        help="2: not even root reads addresses in /proc/kallsyms [0]",
    )
    machine.add_argument(
        "--seed", metavar="N", type=_count, default=0, help="of all that is random in the guest [0]"
    )


def _file_options(verb: argparse.ArgumentParser) -> None:
    files = verb.add_argument_group("files and environment")
    files.add_argument("-L", metavar="DIR", dest="sysroot", help="look for files in DIR first")
    files.add_argument("--root", metavar="DIR", help="the guest sees only DIR, as /")
    files.add_argument(
        "--rw",
        metavar="DIR",
        action="append",
        default=[],
        help="allow real writes below DIR (else all writes stay in memory)",
    )
    files.add_argument(
        "-E", metavar="VAR=VALUE", dest="environment", action="append", default=[], type=_setting
    )
    files.add_argument("-U", metavar="VAR", dest="unset", action="append", default=[])
    files.add_argument(
        "--clear-env", action="store_true", help="start from an empty environment, then -E"
    )


def _size(text: str) -> int:
    """Bytes, with K, M or G for powers of 1024; whole pages."""
    number, unit = (
        (text[:-1], _UNITS[text[-1].upper()]) if text[-1:].upper() in _UNITS else (text, 1)
    )
    if not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 4096, 64M or 2G")
    size = int(number) * unit
    if not MINIMUM_SIZE <= size <= MAXIMUM_SIZE or size % 4096:
        raise argparse.ArgumentTypeError(
            f"{text} is out of bounds: whole pages from {MINIMUM_SIZE >> 20}M "
            f"to {MAXIMUM_SIZE >> 30}G"
        )
    return size


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _limit(text: str) -> int:
    number = _count(text)
    if number >= UNLIMITED:
        raise argparse.ArgumentTypeError(f"{text} is more than any program executes")
    return number


def _setting(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not VAR=VALUE")
    return text
