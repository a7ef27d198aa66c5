"""Ring 3 of tasks on a fake kernel: registers by name, in dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kernel_stub import layout
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.signalling.fpu import START
from kernel_stub.signalling.frames import UserState
from kernel_stub.task import Task


class FakeRegisters:
    """What a tracer reads and changes. `delivered` are the signals that arrived."""

    has_xsave = True

    def __init__(self) -> None:
        self.registers: dict[Task, dict[str, int]] = {}
        self.selectors = dict.fromkeys(("ds", "es", "fs", "gs"), 0)
        self.image = START
        self.debug = dict.fromkeys(range(8), 0)
        self.delivered: list[SigInfo] = []
        self.starts_handlers = False
        self.traces = False
        self.ends: list[Process] = []

    def of(self, task: Task) -> dict[str, int]:
        """The registers of `task`, which runs 64-bit code."""
        start = {"cs": layout.USER_CS, "ss": layout.USER_DS, "rflags": 0x202}
        return self.registers.setdefault(task, start)

    def saved(self, task: Task, register: str) -> int:
        return self.of(task).get(register, 0)

    def save(self, task: Task, register: str, value: int) -> None:
        self.of(task)[register] = value & (1 << 64) - 1

    @contextmanager
    def lent(self, task: Task) -> Iterator[None]:
        yield

    def user_state(self, task: Task) -> Any:
        return UserState(self.of(task), dict(self.selectors), self.image, self.has_xsave)

    def set_user_state(self, task: Task, user: Any) -> None:
        self.image = user.fxsave

    def selector(self, name: str) -> int:
        return self.selectors[name]

    def load_selector(self, task: Task, name: str, selector: int) -> None:
        self.selectors[name] = selector

    def return_whole(self, task: Task) -> None:
        """There is no other way here."""

    def debug_register(self, number: int) -> int:
        return self.debug[number]

    def set_debug_register(self, number: int, value: int) -> None:
        self.debug[number] = value

    def deliver(self, task: Task, sent: SigInfo) -> bool:
        self.delivered.append(sent)
        return self.starts_handlers

    def trace_calls(self) -> None:
        self.traces = True

    def tell_of_end(self, process: Process) -> None:
        self.ends.append(process)
