"""The command `ringscope`: what a user types, and the one place where errors become a sentence."""

from __future__ import annotations

import sys

from emu.cli.options import parse
from emu.errors import RingscopeError


def main(argv: list[str] | None = None) -> int:
    """Runs the command with `argv` (default: the process's own); returns its exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    from emu.cli.run import run

    try:
        return run(options)
    except RingscopeError as error:
        print(f"ringscope: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
