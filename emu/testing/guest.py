"""The machine under test: declared, given a program, run up to a point, asked.

It puts the rooms below together for a test's author; it knows no pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from emu.errors import EngineError, GuestError, Shutdown, UsageError
from emu.machine import Machine
from emu.testing import image, tables, text
from emu.testing.assembler import assemble
from emu.testing.bugs import Finding
from emu.testing.image import File
from emu.testing.memory import Memory
from emu.testing.processor import Cpu
from emu.testing.recorder import Recorder, Stop, never
from emu.testing.states import LINUX, Gate, Place, Selectors, State
from emu.testing.steps import Step
from emu.testing.symbols import Symbols
from emu.testing.trap import Return, Trap
from emu.testing.values import Flags
from emu.x86 import flags, vectors
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import GPRS

CODE: Final = 0x40_0000  # where ring 3 runs what a test gives, unless it says otherwise
DATA: Final = 0x50_0000
STACK_TOP: Final = 0x7F_F000
USER_STACK: Final = STACK_TOP - 64
MEMORY: Final = 8 << 20
LIMIT: Final = 1_000_000
_TOLD: Final = 4  # crossings that an error tells
_BIAS: Final = 0x5555_5555_4000  # of a position-independent program
_HLT: Final = b"\xf4"
_DATA_BITS: Final = WRITABLE | NO_EXECUTE


class NotReached(GuestError):
    """The guest did not come where the test waited for it. `findings`: what the checks saw."""

    def __init__(self, sentence: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__("\n\n".join((sentence, *map(str, findings))))
        self.findings = findings


class Guest(Memory):
    """A machine with a kernel of the test's, or with handlers that only halt.

    Args:
        kernel: an ELF file with symbols: its path, or its content.
        vendor: `intel` or `amd`, where the two differ.
        model: the CPU model, by default one of the vendor's.
        msrs: values by name. Like everything here they may be addresses or symbols.
        idt: gates by vector; a place alone is an interrupt gate of DPL 0.
        tss: `rsp0`, `ist1` to `ist7`, `iomap_base`.
        gdt: descriptors by selector, beside those of `selectors`.
        selectors: where the GDT has its segments.
        cr4: bits to be set beside PAE, OSFXSR and OSXMMEXCPT.
        memory: bytes of RAM.
        limit: instructions that a run may take.

    Raises:
        UsageError: a name in a declaration does not exist.
        LoadError: the kernel cannot be loaded.
    """

    def __init__(
        self,
        kernel: File | None = None,
        *,
        vendor: str | None = None,
        model: str | None = None,
        msrs: Mapping[str, Place] = {},
        idt: Mapping[int, Gate | Place] = {},
        tss: Mapping[str, Place] = {},
        gdt: Mapping[int, int] = {},
        selectors: Selectors = LINUX,
        cr4: int = 0,
        memory: int = MEMORY,
        limit: int = LIMIT,
    ) -> None:
        self.selectors = selectors
        self.limit = limit
        symbols = Symbols(tables.HANDLER_NAMES)
        self._recorder = Recorder(symbols, selectors, lambda address: self.owner(address))
        self.machine = Machine(memory, vendor, model, watchers=[self._recorder])
        super().__init__(self.machine.physical, self.machine.engine, symbols)
        self._recorder.watch(self.machine)
        self._map_own_pages()
        if kernel is not None:
            loaded = image.read(kernel, kernel=True)
            self.load(loaded.image, loaded.content, 0)
            symbols.add(loaded.symbols)
        self._cpu = Cpu(self.machine, self.tables, selectors)
        self._cpu.start(cr4, tables.msr_values(msrs, selectors, symbols))
        self.tables.write(tables.GDT_AT, tables.gdt_bytes(selectors, gdt))
        self.tables.write(tables.IDT_AT, tables.idt_bytes(idt, selectors, symbols))
        self.tables.write(tables.TSS_AT, tables.tss_bytes(tss, symbols))
        self.returns: list[Return] = []  # all that `run_until_user` gave
        self._has_program = False

    def _map_own_pages(self) -> None:
        for start in (tables.IDT_AT, tables.GDT_AT, tables.TSS_AT, tables.PER_CPU):
            self.map_bits(start, PAGE_SIZE, _DATA_BITS)
        self.map_bits(tables.STACK_TOP - tables.STACK_SIZE, tables.STACK_SIZE, _DATA_BITS)
        for number in range(1, 8):
            self.map_bits(tables.ist_top(number) - PAGE_SIZE, PAGE_SIZE, _DATA_BITS)
        self.map_bits(tables.HANDLERS, 2 * PAGE_SIZE, 0)
        self.tables.write(tables.HANDLERS, _HLT * 2 * PAGE_SIZE)

    def __repr__(self) -> str:
        where = self.symbols.name_of(self.machine.engine.rip())
        return f"<Guest at {where}, after {len(self._recorder.traps)} traps>"

    # ---- what runs next

    def asm(
        self,
        source: str,
        *,
        bits: int = 64,
        ring: int = 3,
        at: Place = CODE,
        rflags: int = flags.IF,
        **registers: int,
    ) -> Guest:
        """Puts the assembled `source` at `at`, and the CPU before it. Returns this machine.

        Behind it stands HLT, which faults in ring 3. Registers not named are 0, but for RSP.

        Raises:
            UsageError: no assembler is here, the source is wrong, or a register does not exist.
        """
        code = assemble(source, bits, self.symbols)
        return self.code(code, bits=bits, ring=ring, at=at, rflags=rflags, **registers)

    def code(
        self,
        code: bytes,
        *,
        bits: int = 64,
        ring: int = 3,
        at: Place = CODE,
        rflags: int = flags.IF,
        **registers: int,
    ) -> Guest:
        """As `asm`, with machine code."""
        start = self.symbols.address(at)
        user = USER if ring == 3 else 0
        self.map_bits(start, len(code) + 1, user | WRITABLE)
        self.write(start, code + _HLT)
        if ring == 3 and not self._has_program:
            self._has_program = True
            self.map_bits(DATA, 2 * PAGE_SIZE, USER | _DATA_BITS)
            self.map_bits(STACK_TOP - 2 * PAGE_SIZE, 2 * PAGE_SIZE, USER | _DATA_BITS)
        return self.put(start, bits=bits, ring=ring, rflags=rflags, **registers)

    def program(self, file: File, **registers: int) -> Guest:
        """Puts a statically linked program into ring 3, and the CPU at its entry.

        Raises:
            LoadError: it cannot be loaded.
        """
        loaded = image.read(file, kernel=False)
        bias = _BIAS if loaded.image.is_position_independent else 0
        self.load(loaded.image, loaded.content, USER, bias)
        self.symbols.add({name: at + bias for name, at in loaded.symbols.items()})
        self.map_bits(STACK_TOP - 4 * PAGE_SIZE, 4 * PAGE_SIZE, USER | _DATA_BITS)
        return self.put(loaded.image.entry + bias, bits=loaded.image.bits, **registers)

    def put(
        self,
        place: Place,
        *,
        bits: int = 64,
        ring: int = 3,
        rflags: int = flags.IF,
        **registers: int,
    ) -> Guest:
        """Puts the CPU at `place`, whatever stands there. Registers as in `asm`."""
        for name in registers:
            if name not in GPRS:
                raise UsageError(f"no register {name!r}; known: {' '.join(GPRS)}")
        values = {"rsp": USER_STACK if ring == 3 else tables.STACK_TOP} | registers
        rip = self.symbols.address(place)
        self._cpu.put(rip, rflags, ring, bits, [values.get(name, 0) for name in GPRS])
        return self

    def set(self, **values: int) -> Guest:
        """Changes general registers, `rip` and `rflags` of the CPU where it stands."""
        for name in values:
            if name not in (*GPRS, "rip", "rflags"):
                raise UsageError(f"no register {name!r}; known: {' '.join(GPRS)} rip rflags")
        self._cpu.change(values)
        return self

    @property
    def state(self) -> State:
        """The CPU where it stands."""
        return self._recorder.here().state()

    @property
    def traps(self) -> tuple[Trap, ...]:
        """Every crossing into ring 0 so far."""
        return tuple(self._recorder.traps)

    def story(self) -> str:
        """The last crossing from ring 3 as text, instruction by instruction."""
        if self._recorder.outer is None:
            return "no crossing from ring 3 yet"
        return text.story(self._recorder.outer, self._recorder.path())

    # ---- running

    def run_until_trap(self, nth: int = 1) -> Trap:
        """Runs until the `nth` crossing into ring 0 from now; stops at its first instruction.

        Raises:
            NotReached: the guest halted, shut down, or took too long.
        """
        traps = self._recorder.traps
        wanted = len(traps) + nth
        self._run(
            never, lambda: len(traps) >= wanted, "another trap" if nth == 1 else f"{nth} traps"
        )
        return traps[wanted - 1]

    def run_until(self, place: Place) -> Trap:
        """Runs until the instruction at `place` is next; returns the trap that led there.

        Raises:
            NotReached: as `run_until_trap`, or no trap led there.
            UsageError: no symbol has that name.
        """
        address = self.symbols.address(place)
        recorder = self._recorder
        name = self.symbols.name_of(address)
        self._run(lambda step: step.rip == address, lambda: recorder.stopped, name)
        if recorder.outer is None:
            raise NotReached(f"{name} was reached, but by no trap from ring 3")
        recorder.mark()
        return self._now(recorder.outer)

    def run_until_user(self) -> Return:
        """Runs until ring 0 has returned to ring 3; stops at the first instruction there.

        If the CPU is in ring 3 now, its next trap comes first.

        Raises:
            NotReached: as `run_until_trap`; it tells the bugs that were seen on the way.
        """
        recorder = self._recorder
        if recorder.returned:
            self.run_until_trap()
        trap = recorder.outer
        assert trap is not None, "ring 0 was entered by a trap"
        self._run(_is_ring_3, lambda: recorder.stopped or recorder.outer is not trap, "ring 3")
        back = recorder.returned_from(trap)
        self.returns.append(back)
        return back

    def inject(self, vector: int, error_code: int | None = None) -> Trap:
        """An interrupt or a fault comes now, before the next instruction.

        Exceptions that have an error code get 0, unless it is given.

        Raises:
            UsageError: interrupts are off, so that it would wait; or there is no such vector.
        """
        if not 0 <= vector < 256:
            raise UsageError(f"no vector {vector}: the IDT has entries 0 to 255")
        if vector not in vectors.TABLE and not Flags(self.machine.engine.flags()).IF:
            raise UsageError(f"interrupt {vector:#x} would wait: IF is 0 here")
        row = vectors.TABLE.get(vector)
        if error_code is None and row is not None and row.has_error_code:
            error_code = 0
        self._recorder.interrupted()
        self.machine.processor.interrupt(vector, error_code)
        return self._recorder.traps[-1]

    def call(self, place: Place, *arguments: int) -> int:
        """Calls a function of the kernel in ring 0, as C does; returns RAX. For set-up code.

        Raises:
            NotReached: it did not return.
        """
        names = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
        if len(arguments) > len(names):
            raise UsageError(f"{len(arguments)} arguments: at most {len(names)} go into registers")
        top = tables.STACK_TOP - 8
        self.write(top, tables.RETURNED_AT)
        registers = dict(zip(names, arguments, strict=False))
        self.put(place, ring=0, rflags=0, rsp=top, **registers)
        recorder = self._recorder
        self._run(
            lambda step: step.rip == tables.RETURNED_AT,
            lambda: recorder.stopped,
            f"the return of {self.symbols.name_of(self.symbols.address(place))}",
        )
        return self.state.rax

    def _now(self, trap: Trap) -> Trap:
        recorder = self._recorder
        return replace(
            trap, here=recorder.here().state(), counts=recorder.counts(), path=recorder.path()
        )

    def _run(self, stop_at: Stop, is_there: Callable[[], bool], what: str) -> None:
        engine = self.machine.engine
        start = sum(self.machine.counter.totals[:2])
        self._recorder.stopped = False
        while not is_there():
            spent = sum(self.machine.counter.totals[:2]) - start
            self._recorder.go_on(stop_at)
            try:
                exhausted = self.machine.run(max(self.limit - spent, 1))
            except (Shutdown, EngineError) as error:
                raise self._not_reached(f"{error}, before {what} was reached") from None
            if exhausted and not is_there():
                raise self._not_reached(f"{what} was not reached within {self.limit} instructions")
            if not engine.stopping:
                raise self._not_reached(f"the processor halted before {what} was reached")

    def _not_reached(self, sentence: str) -> NotReached:
        """What to tell: where the CPU is, how it came there, and the bugs on the way."""
        recorder = self._recorder
        name = self.symbols.name_of(recorder.here().rip)
        parts = [f"{sentence}; RIP is at {name}"]
        traps = [] if recorder.outer is None else recorder.traps[recorder.outer_index :]
        parts += [f"  {trap.headline(self.symbols)}" for trap in traps[:_TOLD]]
        if len(traps) > _TOLD:
            parts.append(f"  and {len(traps) - _TOLD} more")
        return NotReached("\n".join(parts), recorder.findings())


def _is_ring_3(step: Step) -> bool:
    return step.cpl == 3
