"""`ringscope compare`: programs one after the other, then their ledgers side by side.

Each program is one word of the command line, with its arguments if it is quoted. How a program is
run and how a comparison looks, it does not know. perf-stat(1) is the model of the look.
"""

from __future__ import annotations

import argparse
import json
import shlex
from argparse import Namespace

from emu.cli.output import Output
from emu.cli.run import execute
from emu.errors import UsageError
from emu.watch import comparison
from emu.watch.report import Result


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser, but for the machine and its files."""
    verb.add_argument("-j", "--json", action="store_true", help="one JSON object")
    verb.add_argument("-o", metavar="FILE", dest="output", help="write the table to FILE")
    verb.add_argument(
        "programs", metavar="PROGRAM", nargs="+", help="a path or name; quoted, with arguments"
    )


def run(options: Namespace) -> int:
    """Runs all, then prints; returns the greatest exit status. Raises RingscopeError."""
    words = [_split(program) for program in options.programs]
    if not 2 <= len(words) <= comparison.MOST:
        raise UsageError(f"compare takes 2 to {comparison.MOST} programs; quote one with arguments")
    output = Output(options.output)
    try:
        results = [_result(options, command) for command in words]
    except BaseException:
        output.abandon()
        raise
    if options.json:
        output.write(json.dumps(comparison.as_dict(results)) + "\n")
    else:
        output.write(comparison.as_text(results))
    return max(result.exit_status for result in results)


def _split(program: str) -> list[str]:
    try:
        words = shlex.split(program)
    except ValueError as error:
        raise UsageError(f"{program!r} cannot be split into words: {error}") from None
    if not words:
        raise UsageError("an empty word is no program")
    return words


def _result(options: Namespace, command: list[str]) -> Result:
    one = Namespace(**vars(options), program=command[0], arguments=command[1:], detailed=True)
    return execute(one)
