"""The verbs that have a module each: what they do, an example, and who runs them.

A table, and the two places where a verb's module is imported: only for that verb. What `run` and
`stat` take stands in options.py.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import Final, NamedTuple

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

DEBUG_EXAMPLE: Final = """\
example:
  ringscope debug ./examples/bin/hello_syscall_64
  ringscope debug -batch -ex 'catch syscall' -ex c -ex 'info registers' /bin/true

`help` at the prompt lists the commands; docs/debugger.md has a session. With -batch the exit status
is 1 if a command failed."""

GDBSERVER_EXAMPLE: Final = """\
example:
  ringscope gdbserver :1234 ./examples/bin/hello_syscall_64
  gdb -ex 'target remote :1234'          # in another terminal

PLACE is PORT, :PORT or HOST:PORT; without HOST only this machine can connect. Port 0 is any free
one, which is named. docs/gdb.md tells more. The exit status is the program's, where gdb lets it
end; 137 if gdb killed it; 130 after Ctrl-C."""

# What a verb takes beside its own options.
NOTHING, MACHINE, PROGRAM = 0, 1, 2


class Verb(NamedTuple):
    """What a verb does, an example, and whether it takes a machine's options and a program."""

    what: str
    example: str
    needs: int


VERBS: Final = {
    "debug": Verb("run it under a debugger, into ring 0 and back", DEBUG_EXAMPLE, PROGRAM),
    "gdbserver": Verb("wait for gdb, then do what it says", GDBSERVER_EXAMPLE, PROGRAM),
    "trace": Verb(
        "run a program, and tell its system calls as strace does", TRACE_EXAMPLE, PROGRAM
    ),
    "compare": Verb("run programs, then show their ledgers side by side", COMPARE_EXAMPLE, MACHINE),
    "kallsyms": Verb("tell names and addresses of the kernel's symbols", KALLSYMS_EXAMPLE, NOTHING),
    "syscalls": Verb("tell numbers and kernel functions of calls", SYSCALLS_EXAMPLE, NOTHING),
}


def add_options(name: str, verb: argparse.ArgumentParser) -> None:
    """The options of the verb `name`, as its module knows them."""
    if name == "debug":
        from emu.cli.debug import options
    elif name == "gdbserver":
        from emu.cli.gdbserver import options
    elif name == "trace":
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


def run_verb(options: Namespace) -> int:
    """Runs the verb of `options`; returns the exit status. Raises RingscopeError."""
    if options.verb == "debug":
        from emu.cli.debug import run
    elif options.verb == "gdbserver":
        from emu.cli.gdbserver import run
    elif options.verb == "trace":
        from emu.cli.trace import run
    elif options.verb == "compare":
        from emu.cli.compare import run
    elif options.verb == "kallsyms":
        from emu.cli.kallsyms import run
    elif options.verb == "syscalls":
        from emu.cli.syscalls import run
    else:
        raise AssertionError(f"no module for {options.verb}")
    return run(options)
