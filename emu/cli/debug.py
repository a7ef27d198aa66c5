"""`debug`: a program under the debugger, by commands of the user or of a script.

It turns options into a session and an ending into a status. How it works, it does not know.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Final

from emu.cli.guest import LinuxGuest, Wait
from emu.cli.interrupt import InterruptWatch
from emu.cli.run import boot
from emu.console.prompt import Editor, converse
from emu.console.session import Session
from emu.console.table import COMMANDS
from emu.debug.core import Debugger
from emu.errors import Interrupted
from kernel_stub.vfs.console import poll_host

FAILED_STATUS: Final = 1
_NAP: Final = 0.2  # seconds: how long Ctrl-C may wait


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser, but for the machine, its files and the program."""
    verb.add_argument(
        "-batch", "--batch", action="store_true", help="end after the commands of -ex and -x"
    )
    verb.add_argument(
        "-ex",
        metavar="COMMAND",
        dest="commands",
        action="append",
        default=[],
        help="execute COMMAND; may be given several times",
    )
    verb.add_argument(
        "-x",
        metavar="FILE",
        dest="commands",
        action="append",
        type="source {}".format,
        help="execute the commands in FILE, in its turn among the -ex",
    )


def run(options: Namespace) -> int:
    """Runs the verb; returns 0, or with -batch 1 if a command failed. Raises RingscopeError."""
    machine, kernel = boot(options)
    guest = LinuxGuest(kernel)
    debugger = Debugger(machine, guest)
    session = Session(debugger, COMMANDS, _write, _is_coloured())
    with InterruptWatch(debugger.interrupt) as watch:
        guest.listen(waiting(debugger), watch.write)
        if not options.batch:
            session.say(f"{kernel.task.executable.decode(errors='replace')}: help lists commands")
            session.here()
        went_well = _execute_given(session, options)
        if not options.batch and not session.is_over:
            with Editor(session) as editor:
                converse(session, editor.read)
    kernel.shut_down()
    return 0 if went_well or not options.batch else FAILED_STATUS


def _execute_given(session: Session, options: Namespace) -> bool:
    """The commands of -x and -ex in their order; whether all went well."""
    for line in options.commands:
        if session.is_over:
            break
        if not session.execute(line) and options.batch:
            return False
    return True


def waiting(debugger: Debugger) -> Wait:
    """Waits for the host's descriptors as poll(2), until Ctrl-C. Raises Interrupted."""

    def wait(wanted: Mapping[int, int], seconds: float | None) -> bool:
        end = math.inf if seconds is None else time.monotonic() + seconds
        while not debugger.runner.is_interrupted:
            rest = end - time.monotonic()
            if poll_host(wanted, max(0.0, min(_NAP, rest))):
                return True
            if rest <= 0:
                return False
        raise Interrupted("interrupted while the guest waited for the host")

    return wait


def _write(text: str) -> None:
    """To stdout at once, so that it stands between what the program writes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
