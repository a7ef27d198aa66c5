"""`gdbserver`, and `run -g`: a program that waits for gdb, and then does what gdb says.

It brings together what no lower room may know at once: the core, the stub, and our kernel with its
files. What a packet means it does not know. gdbserver(1).
"""

from __future__ import annotations

import argparse
import gc
from argparse import Namespace
from signal import SIGINT
from typing import Final

from emu.cli.debug import waiting
from emu.cli.guest import LinuxGuest
from emu.cli.guest_files import read_file, read_link
from emu.cli.interrupt import InterruptWatch
from emu.cli.output import say
from emu.cli.run import boot, ending, tell_why
from emu.debug import stops
from emu.debug.core import Debugger
from emu.errors import UsageError
from emu.gdb.adapter import DebuggedTarget
from emu.gdb.server import LOOPBACK, Outcome, Server, parse_place
from emu.machine import Machine
from emu.x86.paging import PF_USER
from kernel_stub.boot import read_frames
from kernel_stub.kernel import Kernel

KILLED_STATUS: Final = 128 + 9


class World:
    """The program's surroundings, as emu.gdb.adapter asks for them."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def touch(self, address: int) -> None:
        self._kernel.task.space.fault(address, PF_USER)

    def read_file(self, path: bytes) -> bytes:
        return read_file(self._kernel.task, path)

    def read_link(self, path: bytes) -> bytes:
        return read_link(self._kernel.task, path)

    def kernel_frames(self) -> bytes:
        return read_frames()


def options(verb: argparse.ArgumentParser) -> None:
    """Adds what the verb takes to its parser, but for the machine, its files and the program."""
    verb.add_argument("place", metavar="PLACE", help="where to listen: [HOST:]PORT")


def run(options: Namespace) -> int:
    """Waits for gdb on the place of `options`; returns the exit status. Raises RingscopeError."""
    if options.max_instructions is not None:
        raise UsageError("--max-instructions does not go with gdb: gdb says when to stop")
    host, port = parse_place(options.place)
    server = Server(port, host)
    machine, kernel = boot(options)
    guest = LinuxGuest(kernel)
    debugger = Debugger(machine, guest)
    gc.freeze()  # all that was made so far stays to the end
    gc.enable()

    def stop() -> None:
        server.stop()
        debugger.interrupt()

    with InterruptWatch(stop) as watch:
        guest.listen(waiting(debugger), watch.write)
        _announce(server, options.program)
        target = DebuggedTarget(debugger, World(kernel))
        outcome = server.serve(target, lambda text: say(f"ringscope: {text}\n"))
        if outcome is Outcome.DETACHED and not debugger.has_ended:
            outcome = _run_on(debugger)
    server.close()
    kernel.shut_down()
    return _status(machine, kernel, outcome)


def _announce(server: Server, program: str) -> None:
    if server.host not in (LOOPBACK, "::1"):
        say("ringscope: whoever reaches this port can read every file that you can read\n")
    place = f"[{server.host}]" if ":" in server.host else server.host
    say(f"ringscope: {program} waits for gdb: target remote {place}:{server.port}\n")


def _run_on(debugger: Debugger) -> Outcome:
    """The client left: the program runs to its end."""
    stop = debugger.resume()
    while stop.kind not in (stops.ENDED, stops.INTERRUPTED, stops.FAILED):
        stop = debugger.resume()
    if stop.kind == stops.FAILED:
        say(f"ringscope: {stop.message}\n")
    return Outcome.STOPPED if stop.kind == stops.INTERRUPTED else Outcome.ENDED


def _status(machine: Machine, kernel: Kernel, outcome: Outcome) -> int:
    if outcome is Outcome.KILLED:
        return KILLED_STATUS
    if outcome is Outcome.STOPPED:
        return 128 + SIGINT
    if kernel.ended is None:
        return 1
    ended_by, status, signal = ending(kernel, exhausted=False)
    tell_why(machine, kernel, ended_by, signal)
    return status
