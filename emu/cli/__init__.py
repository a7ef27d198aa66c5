"""The command `ringscope`: what a user types, and the one place where errors become a sentence."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from emu.cli.options import parse
from emu.cli.output import say
from emu.errors import RingscopeError


def main(argv: list[str] | None = None) -> int:
    """Runs the command with `argv` (default: the process's own); returns its exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        if options.verb == "debug":
            from emu.cli.debug import debug

            return debug(options)
        from emu.cli.run import run

        return run(options)
    except RingscopeError as error:
        say(f"ringscope: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130


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
