"""The command line: verbs, options, and what each means. It starts nothing.

Options end at the guest program's name; what follows belongs to the guest.
"""

from __future__ import annotations

import argparse
import re
from typing import Final, NoReturn

from emu.cpu.limits import COUNTERS, UNLIMITED
from emu.memory.physical import DEFAULT_SIZE, MAXIMUM_SIZE, MINIMUM_SIZE
from emu.x86.paging import PAGE_SIZE
from emu.x86.vendors import VENDORS

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE: Final = re.compile(r"(\d+)([KMG]?)(?:I?B)?", re.ASCII | re.IGNORECASE)
_MISSING: Final = {  # how argparse's own sentence ends, and what a user can do with
    "required: VERB": "what shall it do? `ringscope run PROGRAM` runs a program",
    "required: PROGRAM": "which program? give its path, or its name to seek it in PATH",
}

EXAMPLE: Final = """\
example:
  ringscope run /bin/echo hello        its output, its exit status
  ringscope stat /bin/echo hello       the same, then how it entered the kernel and what that cost

`ringscope VERB --help` tells more."""

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


def parse(argv: list[str]) -> argparse.Namespace:
    """The options in `argv`. Ends the process with status 2, or 0 for --help, as argparse does."""
    parser = _Parser(
        prog="ringscope",
        description="An x86 whose every change of privilege can be watched, counted and tested.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True)
    run = _verb(verbs, "run", "run a Linux program in ring 3 of this x86", RUN_EXAMPLE)
    stat = _verb(verbs, "stat", "run it, then tell its ways into the kernel and back", STAT_EXAMPLE)
    if argv[:1] == ["run"]:  # options cost time: only the wanted verb gets its own
        run.add_argument("-g", metavar="PLACE", dest="place", help="wait for gdb at [HOST:]PORT")
        _running_options(run)
    elif argv[:1] == ["stat"]:
        stat.set_defaults(place=None)
        _report_options(stat)
        _running_options(stat)
    else:
        _other_verbs(verbs, argv)
    if argv and not argv[0].startswith("-") and argv[0] not in verbs.choices:
        known = ", ".join(verbs.choices)
        parser.error(f"no verb {argv[0]!r}, there are: {known}; `ringscope run {argv[0]}` runs it")
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        verbs.choices[options.verb].error(f"unknown option {unknown[0]}")
    return options


def _other_verbs(verbs: argparse._SubParsersAction[_Parser], argv: list[str]) -> None:
    """The verbs of modules of their own; what one takes, its module says if it is wanted."""
    from emu.cli.verbs import MACHINE, PROGRAM, VERBS, add_options

    for name, (what, example, needs) in VERBS.items():
        verb = _verb(verbs, name, what, example)
        if argv[:1] == [name]:
            add_options(name, verb)
            if needs >= MACHINE:
                _machine_options(verb)
                _file_options(verb)
            if needs >= PROGRAM:
                _program(verb)


def _running_options(verb: argparse.ArgumentParser) -> None:
    _machine_options(verb)
    _file_options(verb)
    _program(verb)


def _program(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("program", metavar="PROGRAM", help="a path, or a name to seek in PATH")
    arguments = verb.add_argument(
        "arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="for the program"
    )
    arguments.required = False  # argparse would name it when PROGRAM is missing


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence; how to use it, --help says."""

    def error(self, message: str) -> NoReturn:
        for end, sentence in _MISSING.items():
            if message.endswith(end):
                message = sentence
        self.exit(2, f"{self.prog}: {message}; --help tells more\n")


class _Cpu(argparse.Action):
    """--cpu: `help` lists the models, whatever else is on the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if values == "help":
            from emu.cpu.engine import MODELS

            print("\n".join(MODELS))
            parser.exit()
        setattr(namespace, self.dest, values)


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
        print(f"ringscope {number}")
        parser.exit()


def _verb(
    verbs: argparse._SubParsersAction[_Parser], name: str, what: str, example: str
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
    form.add_argument(
        "-x", metavar="SEP", dest="separator", type=_separator, help="values separated by SEP"
    )
    verb.add_argument(
        "-d", "--detailed", action="store_true", help="each call apart, and why a way is dear"
    )
    verb.add_argument("-o", metavar="FILE", dest="output", help="write the ledger to FILE")


def _machine_options(verb: argparse.ArgumentParser) -> None:
    machine = verb.add_argument_group("the machine")
    machine.add_argument(
        "--vendor", choices=tuple(VENDORS), help="where the two differ [the model's own]"
    )
    machine.add_argument(
        "--cpu", metavar="MODEL", action=_Cpu, help="the CPU model; `--cpu help` lists them"
    )
    machine.add_argument(
        "--memory",
        metavar="SIZE",
        type=_size,
        default=DEFAULT_SIZE,
        help="RAM, e.g. 64M or 2G [1G]",
    )
    machine.add_argument(
        "--max-instructions", metavar="N", type=_limit, help="stop after N instructions"
    )
    machine.add_argument(
        "--counter",
        choices=COUNTERS,
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
        "--net",
        action="store_true",
        help="let sockets reach the host's network (else the guest alone)",
    )
    files.add_argument(
        "-E",
        metavar="VAR=VALUE",
        dest="environment",
        action="append",
        default=[],
        type=_setting,
        help="set VAR in the guest's environment, else yours",
    )
    files.add_argument(
        "-U",
        metavar="VAR",
        dest="unset",
        action="append",
        default=[],
        type=_name,
        help="take VAR out of it",
    )
    files.add_argument(
        "--clear-env", action="store_true", help="start with an empty environment; -E still sets"
    )


def _size(text: str) -> int:
    """Bytes, with K, M or G (also KB, KiB and so on) for powers of 1024; whole pages."""
    parts = _SIZE.fullmatch(text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 64M, 64MiB or 2G")
    size = int(parts[1]) * _UNITS[parts[2].upper()]
    if not MINIMUM_SIZE <= size <= MAXIMUM_SIZE or size % PAGE_SIZE:
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


def _name(text: str) -> str:
    if not text or "=" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text


def _separator(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("without a separator the values run together")
    return text
