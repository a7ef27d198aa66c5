"""The machine: RAM, processor, counter and ledger put together. One page.

Whoever brings a kernel, ours or another, attaches it here. It does not know Linux.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emu.cpu.counters import Counter
from emu.cpu.engine import Engine
from emu.cpu.features import cpuid_leaves, hook_features
from emu.cpu.limits import COUNTERS, UNLIMITED
from emu.cpu.probe import known_engine
from emu.cpu.processor import Processor
from emu.cpu.timer import Timer
from emu.errors import EngineError, UsageError
from emu.hooks import Kernel, Watcher
from emu.memory.physical import DEFAULT_SIZE, PhysicalMemory
from emu.watch.ledger import Ledger
from emu.x86.instructions import Instruction
from emu.x86.vendors import VENDORS

DEFAULT_MODELS: Final = {"intel": "haswell", "amd": "epyc"}
_UNTIL_RING_3: Final = 8  # instructions: how often a timer that must wait is asked again


class Machine:
    """An x86 without a kernel: attach one, put a program in ring 3, run.

    Args:
        memory: bytes of RAM.
        vendor: `intel` or `amd`, where the two differ; by default the model's own.
        model: the CPU model (emu.cpu.engine.MODELS); by default one of the vendor's (intel's).
        counter: `native`, `python`, or `auto`: native where the host allows it.
        watchers: who is told of every crossing.
        ledger: who counts; by default a new Ledger.
        supervise_kernel: whether ring 0 too raises what the engine does not raise by itself
            (emu/cpu/sensitive.py). Code of ring 0 that is known to be right needs none of it.

    Raises:
        UsageError: there is no such vendor, model or counter.
        MemorySizeError: `memory` is out of bounds.
    """

    def __init__(
        self,
        memory: int = DEFAULT_SIZE,
        vendor: str | None = None,
        model: str | None = None,
        counter: str = "auto",
        watchers: Sequence[Watcher] = (),
        ledger: Ledger | None = None,
        supervise_kernel: bool = False,
    ) -> None:
        if vendor is not None and vendor not in VENDORS:
            raise UsageError(f"no vendor {vendor!r}; known: {', '.join(VENDORS)}")
        self.physical = PhysicalMemory(memory)
        self.engine = known_engine(self.physical, model or DEFAULT_MODELS[vendor or "intel"])
        leaves, chosen = cpuid_leaves(self.engine, VENDORS[vendor] if vendor else None)
        self.counter = make_counter(counter, self.engine)
        self.ledger = ledger or Ledger()
        self.processor = Processor(
            self.engine, self.counter, chosen, self.ledger, _decode, watchers, supervise_kernel
        )
        hook_features(self.engine, leaves, self.counter)
        self.timer = Timer(self.counter)
        self.is_near_timer = False  # whether the last run ended because of the timer's slack
        self._end_at: int | None = None
        self._is_limited = False
        self.hwcap: Final = leaves[1, 0][3]  # EDX of CPUID leaf 1: Linux's AT_HWCAP

    def attach(self, kernel: Kernel) -> None:
        """From now on `kernel` answers what ring-0 code hands over."""
        self.processor.attach(kernel)

    def set_timer(self, vector: int, instructions: int | None) -> None:
        """Interrupts ring 3 by `vector` once `instructions` more have run; None: never.

        It is one-shot, and exact to a block, or with the timer's slack to the instruction.
        """
        self.timer.set(vector, instructions)
        self._limit_counter()

    def ring_soon(self, vector: int) -> None:
        """Interrupts ring 3 by `vector` as soon as it can be. May be called from any thread."""
        self.timer.want(vector)
        self.engine.pause()

    def ring_timer(self) -> bool:
        """Interrupts ring 3 by the timer; returns whether it did: in the kernel it must wait."""
        if not self.engine.accepts_interrupts:
            return False
        self.processor.interrupt(self.timer.vector)
        self.timer.rings()
        return True

    def _limit_counter(self) -> None:
        """The engine stops for the end of the run, or for the timer, whichever is first."""
        ends = [at for at in (self._end_at, self.timer.stops_at()) if at is not None]
        rest = max(min(ends) - self.timer.now, 0) if ends else UNLIMITED
        if ends or self._is_limited:
            self.counter.limit(rest)
        self._is_limited = bool(ends)

    def run(self, limit: int | None = None) -> bool:
        """Runs until someone stops the engine; returns whether `limit` instructions ended it."""
        self.timer.settle()
        self._end_at = None if limit is None else self.timer.now + limit
        self._limit_counter()
        try:
            self.engine.run()
            while self._is_timer_due():
                self._ring()
                self.engine.run(again=True)
        finally:
            exhausted = self._end_at is not None and self.timer.now >= self._end_at
            self.is_near_timer = not self.engine.stopping and self.timer.is_near()
            self.engine.state.load()
            self.counter.abort(self.engine.state.rip)
            self.processor.accounts.settle()
            self.ledger.close(self.counter.kernel)
        return exhausted

    def _is_timer_due(self) -> bool:
        """Whether the engine stopped for the timer alone."""
        if self.engine.stopping:
            return False
        if self.timer.take_wanted():
            self._limit_counter()
        elif self.timer.due_in() is None or not self.counter.exhausted:
            return False
        if self.timer.slack is not None:
            return False
        return self._end_at is None or self.timer.now < self._end_at

    def _ring(self) -> None:
        """The timer's interrupt; in the kernel it waits until ring 3 goes on."""
        if self.ring_timer():
            self._limit_counter()
        else:
            block = self.counter.block  # counted, and left before its first instruction
            self.engine.state.load()
            self.counter.abort(self.engine.state.rip)
            self.counter.limit(max(block.instructions, _UNTIL_RING_3))


def make_counter(kind: str, engine: Engine) -> Counter:
    """The counter `kind` (one of COUNTERS) on `engine`. Raises UsageError, EngineError."""
    from emu.cpu import block_counter, hostcode, slot_counter

    if kind not in COUNTERS:
        raise UsageError(f"no counter {kind!r}; known: {', '.join(COUNTERS)}")
    if kind == "python" or (kind == "auto" and not hostcode.is_supported()):
        return block_counter.BlockCounter(engine, _count_instructions)
    try:
        return slot_counter.SlotCounter(engine, _count_instructions)
    except EngineError:
        if kind == "native":
            raise
        return block_counter.BlockCounter(engine, _count_instructions)


def _count_instructions(code: bytes, address: int, long: bool) -> int:
    from emu.watch.disasm import count_instructions

    return count_instructions(code, address, long)


def _decode(code: bytes, address: int, long: bool) -> list[Instruction]:
    from emu.watch.disasm import decode

    return decode(code, address, long)
