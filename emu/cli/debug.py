"""`debug`: a program under the debugger, by commands of the user or of a script.

It turns options into a session and an ending into a status. How it works, it does not know.
"""

from __future__ import annotations

import os
import select
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Final

from emu.cli.guest import LinuxGuest
from emu.cli.interrupt import InterruptWatch
from emu.cli.run import boot
from emu.console.prompt import Editor, converse
from emu.console.session import Session
from emu.console.table import COMMANDS
from emu.debug.core import Debugger
from emu.errors import Interrupted

FAILED_STATUS: Final = 1


def debug(options: Namespace) -> int:
    """Runs the verb; returns 0, or with -batch 1 if a command failed. Raises RingscopeError."""
    machine, kernel = boot(options)
    guest = LinuxGuest(kernel)
    debugger = Debugger(machine, guest)
    session = Session(debugger, COMMANDS, _write, _is_coloured())
    with InterruptWatch(debugger.interrupt) as watch:
        guest.listen(_waiting(debugger), watch.write)
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


def _waiting(debugger: Debugger) -> Callable[[int], None]:
    """Waits for input on a descriptor, until Ctrl-C. Raises Interrupted."""

    def wait(descriptor: int) -> None:
        while not debugger.runner.is_interrupted:
            try:
                ready, _, _ = select.select([descriptor], [], [], 0.2)
            except (OSError, ValueError):
                return  # whoever reads will say what is wrong with it
            if ready:
                return
        raise Interrupted("interrupted while the guest waited for input")

    return wait


def _write(text: str) -> None:
    """To stdout at once, so that it stands between what the program writes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
