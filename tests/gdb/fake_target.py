"""A target that runs nothing: registers and memory in dictionaries, and stops from a list.

It knows what emu.gdb.target asks for, and keeps what it was told, for tests to look at. What a
program does it does not know: each `step` moves RIP by one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Final

from emu.gdb.registers import LAYOUTS
from emu.gdb.target import Library, Point, Reason, Stop, TargetRefusal, Thread

CODE: Final = 0x401000
FILES: Final = {b"/bin/it": b"\x7fELF#$}*" * 3, b"/empty": b""}


class FakeTarget:
    """A page of memory at CODE; everything that stops comes from `stops`, then STEPPED."""

    def __init__(self, bits: int = 64) -> None:
        self.bits = bits
        self.pid = 1000
        self.stop = Stop(Reason.STEPPED)
        self.values = {row.name: 0 for row in LAYOUTS[bits].rows}
        self.values |= {"cpl": 3, LAYOUTS[bits].pc: CODE}
        self.memory = bytearray(range(256)) * 16
        self.stops: list[Stop] = []
        self.points: list[tuple[Point, int, int]] = []
        self.caught: Collection[int] | None = None
        self.selected = 1
        self.passed: Collection[int] = ()
        self.given: list[int] = []
        self.runs_until_interrupted = False
        self._interrupted = threading.Event()

    def read_register(self, name: str) -> int:
        return self.values[name]

    def write_register(self, name: str, value: int) -> None:
        if name == "cpl":
            raise TargetRefusal("the ring changes by a crossing, not by a debugger")
        self.values[name] = value

    def read(self, address: int, size: int) -> bytes:
        at = address - CODE
        return bytes(self.memory[at : at + size]) if 0 <= at < len(self.memory) else b""

    def write(self, address: int, content: bytes) -> None:
        at = address - CODE
        if not 0 <= at <= len(self.memory) - len(content):
            raise TargetRefusal("no memory there")
        self.memory[at : at + len(content)] = content

    def insert(self, point: Point, address: int, size: int) -> None:
        self.points.append((point, address, size))

    def remove(self, point: Point, address: int, size: int) -> None:
        if (point, address, size) in self.points:
            self.points.remove((point, address, size))

    def forget_points(self) -> None:
        self.points.clear()
        self.caught = None

    def catch_syscalls(self, numbers: Collection[int] | None) -> None:
        self.caught = numbers

    def threads(self) -> Collection[Thread]:
        return (Thread(1, "it: runs, ring 3"), Thread(0x3E9, "its child: waits, ring 0"))

    def select(self, thread: int) -> None:
        if thread not in (1, 0x3E9):
            raise TargetRefusal("no such thread")
        self.selected = thread

    def pass_signals(self, numbers: Collection[int]) -> None:
        self.passed = numbers

    def give_signal(self, number: int) -> None:
        self.given.append(number)

    def _next(self, otherwise: Stop) -> Stop:
        self.stop = self.stops.pop(0) if self.stops else otherwise
        return self.stop

    def step(self) -> Stop:
        self.values[LAYOUTS[self.bits].pc] += 1
        return self._next(Stop(Reason.STEPPED))

    def resume(self) -> Stop:
        if self.runs_until_interrupted:
            self._interrupted.clear()
            assert self._interrupted.wait(60), "nobody interrupted it"
            return self._next(Stop(Reason.INTERRUPTED))
        return self._next(Stop(Reason.EXITED, 42))

    def step_back(self) -> Stop:
        return self._next(Stop(Reason.HISTORY_BEGIN))

    def resume_back(self) -> Stop:
        return self._next(Stop(Reason.HISTORY_BEGIN))

    def interrupt(self) -> None:
        self._interrupted.set()

    def auxiliary_vector(self) -> bytes:
        return bytes(range(32))

    def executable(self) -> bytes:
        return b"/bin/it"

    def read_file(self, path: bytes) -> bytes:
        if path not in FILES:
            raise FileNotFoundError(2, "no such file")
        return FILES[path]

    def read_link(self, path: bytes) -> bytes:
        raise OSError(22, "no link")

    def libraries(self) -> Collection[Library]:
        return (Library("", 0x1000, 0, 0x2000), Library("/lib/a&b.so", 0x3000, 0x10000, 0x4000))

    def kernel_symbols(self) -> Mapping[str, int]:
        return {"_text": CODE, "entry_SYSCALL_64": CODE, "native_irq_return_iret": CODE + 9}

    def tell(self, topic: str, number: int | None) -> list[str]:
        if number == 0x666:
            raise TargetRefusal("no such vector")
        return [f"about {topic} {number}"]
