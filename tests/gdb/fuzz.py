"""Mutated packets against a server: python -m tests.gdb.fuzz [COUNT [SEED]]

Each is a packet of the table with bytes changed, doubled, cut or moved, or several joined, and is
sent to a real `ringscope gdbserver`. The server must answer each and print no traceback. A program
that ended is taken back to its start; a server that ended, as some packets ask for, is started
anew. It judges no reply.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from emu.gdb.packets import TABLE
from tests.gdb.client import Client, NoReply

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = (
    "examples/bin/hello_syscall_64",
    "examples/bin/hello_int80_32",
    "tests/fixtures/bin/tasks_64",
)
_ODD: Final = (
    b"",
    b"#",
    b"$",
    b"}",
    b"*",
    b":",
    b";",
    b",",
    b"-",
    b"\0",
    b"\xff",
    b"ffffffffffffffff",
)
_PATIENCE: Final = 60.0  # seconds without a reply are a hang


def mutated(chooser: random.Random, example: bytes) -> bytes:
    """`example` with up to five changes."""
    content = bytearray(example)
    for _ in range(chooser.randrange(1, 6)):
        at = chooser.randrange(len(content) + 1)
        end = min(len(content), at + chooser.randrange(4))
        change = chooser.randrange(5)
        if change == 0:
            content[at:end] = chooser.choice(_ODD)
        elif change == 1:
            content[at:end] = b"%x" % chooser.getrandbits(chooser.choice((4, 16, 33, 64, 70)))
        elif change == 2:
            content[at:at] = content[:end]
        elif change == 3:
            del content[at:end]
        else:
            content[at:end] = chooser.randbytes(end - at)
    return bytes(content[:4000])


class Fuzzed:
    """A server process and a client of it."""

    def __init__(self, program: str) -> None:
        command = [sys.executable, "-m", "emu", "gdbserver", "0", program]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        self.port = int(line.rpartition(":")[2].split()[0])
        self.connect()

    def connect(self) -> None:
        self.client = Client(self.port, _PATIENCE)
        self.client.ask(b"QStartNoAckMode")
        self.client.acknowledges = False

    def end(self) -> str:
        """Ends the server; what it printed."""
        self.client.socket.close()
        time.sleep(0.1)
        self.process.terminate()
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait()
        return said


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    chooser = random.Random(seed)
    servers, said, sent = 0, "", 0
    while sent < count:
        served = Fuzzed(PROGRAMS[servers % len(PROGRAMS)])
        servers += 1
        try:
            for _ in range(min(2_000, count - sent)):
                payload = mutated(chooser, chooser.choice(TABLE).example)
                sent += 1
                if served.client.ask(payload)[:1] in (b"W", b"X"):
                    served.client.ask(b"bc")  # back to life
        except NoReply:
            pass
        except TimeoutError:
            print(f"no reply to packet {sent} of seed {seed}")
            return 1
        finally:
            said = served.end()
        if "Traceback" in said:
            print(f"after packet {sent} of seed {seed}:\n{said}")
            return 1
    print(f"{sent} packets, {servers} servers, seed {seed}: no traceback, no hang")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
