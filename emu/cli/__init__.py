"""The command `ringscope`: what a user types, and the one place where errors become a sentence."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from contextlib import suppress
from typing import NoReturn

from emu.cli.options import parse
from emu.cli.output import say
from emu.errors import RingscopeError


def main(argv: list[str] | None = None) -> int:
    """Runs the command with `argv` (default: the process's own); returns its exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        return _run(options)
    except RingscopeError as error:
        say(f"ringscope: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130


def _run(options: Namespace) -> int:
    """Runs the verb; a verb's module is imported only for it."""
    if options.verb not in ("run", "stat"):
        from emu.cli.verbs import run_verb

        return run_verb(options)
    if options.place is not None:
        from emu.cli.gdbserver import run as serve

        return serve(options)
    from emu.cli.run import run

    return run(options)


def command() -> NoReturn:
    """The process `ringscope`: `main` with the process's arguments, then a quick end.

    Nothing is collected while everything is being made, and nothing is taken apart afterwards: the
    guest's memory goes with the process. That is a fifth of a short run.
    """
    gc.disable()
    status = main()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # the user may have closed it
            with suppress(OSError):
                stream.flush()
    os._exit(status)
