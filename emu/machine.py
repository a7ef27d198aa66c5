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
        self._timer_vector = 0
        self._timer_at: int | None = None  # in instructions
        self._timer_rang = False
        self._is_rung = False
        # Where whoever runs it calls `ring` when the timer is due: `run` returns so many
        # instructions before that. None: it rings by itself.
        self.timer_slack: int | None = None
        self.is_near_timer = False  # whether the last run ended because of `timer_slack`
        self._end_at: int | None = None
        self._is_limited = False
        self.hwcap: Final = leaves[1, 0][3]  # EDX of CPUID leaf 1: Linux's AT_HWCAP

    def attach(self, kernel: Kernel) -> None:
        """From now on `kernel` answers what ring-0 code hands over."""
        self.processor.attach(kernel)

    def set_timer(self, vector: int, instructions: int | None) -> None:
        """Interrupts ring 3 by `vector` once `instructions` more have run; None: never.

        It is one-shot, and exact to a block, or with `timer_slack` to the instruction.
        SDM 3A, "APIC Timer", "One-shot and Periodic Modes".
        """
        self._timer_vector = vector
        self._timer_at = None if instructions is None else self._total() + instructions
        self._limit_counter()

    def ring_soon(self, vector: int) -> None:
        """Interrupts ring 3 by `vector` as soon as it can be. May be called from any thread."""
        self._timer_vector = vector
        self._is_rung = True
        self.engine.pause()

    def timer_rang(self) -> bool:
        """Whether the timer interrupted since this was asked last."""
        rang, self._timer_rang = self._timer_rang, False
        return rang

    def timer_in(self) -> int | None:
        """After how many instructions the timer is due, 0 if it is; None without a timer."""
        return None if self._timer_at is None else max(self._timer_at - self._total(), 0)

    def ring(self) -> bool:
        """Interrupts ring 3 by the timer; returns whether it did: in the kernel it must wait."""
        if not self.engine.accepts_interrupts:
            return False
        self.processor.interrupt(self._timer_vector)
        self._timer_at, self._timer_rang = None, True
        return True

    def kept_timer(self) -> tuple[int, int | None, bool]:
        """The timer, for `restore_timer`."""
        return self._timer_vector, self._timer_at, self._timer_rang

    def restore_timer(self, kept: tuple[int, int | None, bool]) -> None:
        """The timer is again as it was kept; the counts must be, too."""
        self._timer_vector, self._timer_at, self._timer_rang = kept

    def _total(self) -> int:
        return self.counter.user + self.counter.kernel

    def _limit_counter(self) -> None:
        """The engine stops for the end of the run, or for the timer, whichever is first."""
        ends = [at for at in (self._end_at, self._stop_for_timer()) if at is not None]
        rest = max(min(ends) - self._total(), 0) if ends else UNLIMITED
        if ends or self._is_limited:
            self.counter.limit(rest)
        self._is_limited = bool(ends)

    def run(self, limit: int | None = None) -> bool:
        """Runs until someone stops the engine; returns whether `limit` instructions ended it."""
        self._end_at = None if limit is None else self._total() + limit
        self._limit_counter()
        try:
            self.engine.run()
            while self._is_timer_due():
                self._ring()
                self.engine.run(again=True)
        finally:
            exhausted = self._end_at is not None and self._total() >= self._end_at
            self.is_near_timer = self._is_near_timer()
            self.engine.state.load()
            self.counter.abort(self.engine.state.rip)
            self.processor.accounts.settle()
            self.ledger.close(self.counter.kernel)
        return exhausted

    def _stop_for_timer(self) -> int | None:
        if self._timer_at is None or self.timer_slack is None:
            return self._timer_at
        before = self._timer_at - self.timer_slack
        return before if before > self._total() else None

    def _is_near_timer(self) -> bool:
        """Whether the engine stopped `timer_slack` before the timer, and for nothing else."""
        if self._timer_at is None or self.timer_slack is None or self.engine.stopping:
            return False
        return self._total() >= self._timer_at - self.timer_slack

    def _is_timer_due(self) -> bool:
        """Whether the engine stopped for the timer alone."""
        if self.engine.stopping:
            return False
        if self._is_rung:
            self._is_rung, self._timer_at = False, self._total()
            self._limit_counter()
        elif self._timer_at is None or self.timer_slack is not None or not self.counter.exhausted:
            return False
        return self._end_at is None or self._total() < self._end_at

    def _ring(self) -> None:
        """The timer's interrupt; in the kernel it waits until ring 3 goes on."""
        if self.ring():
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
