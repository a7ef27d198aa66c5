"""What the machine tells while it runs, kept for the test: steps, crossings, refusals.

A watcher, and the receiver of every instruction's step. It builds `Trap` and `Return`; it decides
nothing but where to stop, as it was told. SDM 3A, "64-Bit Mode Stack Frame".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from emu.cpu import state as at
from emu.cpu.callbacks import FLAGS
from emu.events import Entered, Refused
from emu.machine import Machine
from emu.memory import walk
from emu.testing import checks, opcodes, tables
from emu.testing.bugs import Finding
from emu.testing.checks import Nested, Scene
from emu.testing.states import Frame, Gate, Selectors, State
from emu.testing.steps import Instruction, Path, Step, take
from emu.testing.symbols import Symbols
from emu.testing.trap import Change, Counts, Return, Trap
from emu.testing.values import ErrorCode, Flags, Selector, Vector, Word
from emu.x86 import crossings, flags, gates, vectors
from emu.x86.descriptors import ATTRIBUTE_LONG, RPL
from emu.x86.registers import GPRS

LONGEST_PATH: Final = 100_000  # steps of ring 0 that are kept for one crossing
Stop = Callable[[Step], bool]


def never(_step: Step) -> bool:
    """Stops nowhere."""
    return False


class Crossing:
    """What is kept of one crossing from ring 3 while it lasts."""

    def __init__(self, fmask: int = 0) -> None:
        self.steps: list[Step] = []  # of ring 0
        self.nested: list[Nested] = []
        self.fmask = fmask


class Recorder:
    """The steps and crossings of one machine."""

    def __init__(self, symbols: Symbols, selectors: Selectors, owner: Callable[[int], str]) -> None:
        self.symbols = symbols
        self.selectors = selectors
        self.owner = owner
        self.traps: list[Trap] = []  # every crossing into ring 0
        self.outer: Trap | None = None  # the last one from ring 3
        self.outer_index = 0
        self.returned = True  # whether the program runs, or has not trapped yet
        self.stop_at: Stop = never
        self.stopped = False
        self._skip = -1
        self._crossing = Crossing()
        self._ended: tuple[Crossing, Step, Counts] | None = (
            None  # by a trap of the first fetch in ring 3
        )
        self._last: Step | None = None
        self._refused: list[Refused] = []
        self._marks = (0, 0, 0)  # user at the trap before and at the last one, kernel at that
        self._entry_count = 0

    def watch(self, machine: Machine) -> None:
        """From now on `machine` tells this recorder of every instruction."""
        self._machine = machine
        self._engine = machine.engine
        self._state = machine.engine.state
        self._engine.hook_steps(self.step)

    # ---- what the machine tells

    def step(self, rip: int, size: int) -> None:
        """An instruction is about to run."""
        state = self._state
        step = take(state, rip, size, self._engine.cells[FLAGS])
        if rip != self._skip and self.stop_at(step):
            self.stopped = True
            self._engine.stop()
            return
        self._skip = -1
        self._last = step
        if step.cpl == 3:
            self.returned = True
        elif len(self._crossing.steps) < LONGEST_PATH:
            self._crossing.steps.append(step)

    def refused(self, event: Refused) -> None:
        """A check of a delivery failed."""
        self._refused.append(event)

    def entered(self, event: Entered) -> None:
        """A crossing was delivered: the state is that of the handler's first instruction."""
        now = take(self._state, event.entry_rip, 0, self._state.written_flags)
        outer = event.from_cpl == 3
        if outer:
            self._ended = None if self.returned else (self._crossing, now, self.counts())
            self._crossing = Crossing(self._state.words[at.FMASK >> 3])
            user, kernel = self._totals()
            self._marks = (self._marks[1], user, kernel)
            self._entry_count = 0
            self.returned = False
        trap = self._trap(event, now)
        self._refused.clear()
        self.traps.append(trap)
        if outer:
            self.outer, self.outer_index = trap, len(self.traps) - 1
        elif trap.frame is not None:
            name = str(trap.vector)
            crossing = self._crossing
            crossing.nested.append(Nested(len(crossing.steps), name, trap.frame_at))
        self._engine.stop()

    def _totals(self) -> tuple[int, int]:
        return self._machine.counter.user, self._machine.counter.kernel

    # ---- between two runs

    def go_on(self, stop_at: Stop) -> None:
        """The machine will run: the instruction where it stands now stops nothing."""
        self.stop_at = stop_at
        self.stopped = False
        self._skip = self._engine.rip()

    def here(self) -> Step:
        """The processor as it is between two runs."""
        rflags = self._engine.flags()
        self._state.load()
        return take(self._state, self._state.rip, 0, rflags)

    def interrupted(self) -> None:
        """Something from outside comes now: the state before it is the one here."""
        self._last = self.here()

    def counts(self) -> Counts:
        """Instructions by path since the trap."""
        before, user, kernel = self._marks
        spent = self._totals()[1] - kernel
        entry = min(self._entry_count, spent) if self._entry_count else spent
        return Counts(user - before, entry, spent - entry)

    def mark(self) -> None:
        """The way in ends here."""
        self._entry_count = self._totals()[1] - self._marks[2]

    # ---- building the records

    def _trap(self, event: Entered, now: Step) -> Trap:
        entry = now.state()
        code = event.error_code
        by_gate = event.vector is not None
        vector = None if event.vector is None else Vector(event.vector)
        frame = self._frame(entry, code is not None) if by_gate else None
        gate = self._gate(now, event.vector) if event.vector is not None else None
        user = self._before(event, entry, frame)
        return Trap(
            mechanism=event.mechanism,
            vector=vector,
            error_code=None if code is None or vector is None else ErrorCode(code, vector),
            user=user,
            entry=entry,
            frame=frame,
            gate=gate,
            stack=_stack(event, gate, user, entry),
            here=entry,
            counts=self.counts(),
            refused=tuple(self._refused),
        )

    def _frame(self, entry: State, has_code: bool) -> Frame:
        address = entry.rsp + 8 * has_code
        raw = walk.read(self._engine.physical, entry.cr3, address, 40)
        return Frame(*(int.from_bytes(raw[i : i + 8], "little") for i in range(0, 40, 8)))

    def _gate(self, now: Step, vector: int) -> Gate:
        address = now.idt + gates.GATE_SIZE * vector
        raw = walk.read(self._engine.physical, now.cr3, address, gates.GATE_SIZE)
        return tables.decoded_gate(raw, self.selectors, self.symbols)

    def _before(self, event: Entered, entry: State, frame: Frame | None) -> State:
        """The state that was left: that of the last step, or what the frame says of it."""
        last = self._last
        if last is not None and last.rip <= event.from_rip < last.rip + max(last.size, 1):
            return last.state()
        if frame is None:
            return entry
        rf = flags.RF if event.vector in vectors.TABLE else 0
        cs = Selector(_int(frame.cs))
        return replace(
            entry,
            rip=Word(event.from_rip),
            rsp=Word(_int(frame.rsp)),
            rflags=Flags(_int(frame.rflags) & ~rf),
            cs=cs,
            ss=Selector(_int(frame.ss)),
            cpl=cs & RPL,
            cs_attributes=ATTRIBUTE_LONG if event.from_long else 0,
        )

    def path(self) -> Path:
        """What ring 0 executed since the trap."""
        return self._path(self._crossing, self.here())

    def _path(self, crossing: Crossing, end: Step) -> Path:
        ram = self._engine.physical
        instructions = []
        for step in crossing.steps:
            try:
                code = walk.read(ram, step.cr3, step.rip, step.size)
            except walk.WalkFault:
                code = b""
            instructions.append(Instruction(step, code))
        return Path(tuple(instructions), end, self.symbols)

    def findings(self) -> tuple[Finding, ...]:
        """The bugs of a crossing that did not come back."""
        if self.outer is None or self.returned:
            return ()
        return checks.find(self._scene(self.outer, self._crossing, self.path(), None))

    def _scene(self, trap: Trap, crossing: Crossing, path: Path, back: State | None) -> Scene:
        names = tuple(opcodes.name_of(one.code) for one in path.instructions)
        changes = {} if back is None else _changes(trap.user, back, path)
        nested, fmask = tuple(crossing.nested), crossing.fmask
        return Scene(trap, path, names, nested, fmask, self.owner, back, changes)

    def returned_from(self, trap: Trap) -> Return:
        """The way back from `trap`: the machine stands in ring 3, or has trapped there again."""
        if self._ended is not None and trap is not self.outer:
            assert self.outer is not None, "the trap that came next"
            crossing, end, counts = self._ended
            path, back = self._path(crossing, end), self.outer.user
        else:
            crossing, path, counts = self._crossing, self.path(), self.counts()
            back = path.end.state()
        scene = self._scene(trap, crossing, path, back)
        ways = [name for name in scene.names if name in opcodes.RETURNS]
        return Return(
            trap=trap,
            user=back,
            by=ways[-1] if ways else "unknown",
            changes=scene.changes,
            gs_swaps=scene.names.count(opcodes.SWAPGS),
            gs_balanced=(trap.user.gs_base, trap.user.kernel_gs_base)
            == (back.gs_base, back.kernel_gs_base),
            kernel_stack_left=checks.stack_left(scene),
            counts=counts,
            findings=checks.find(scene),
            path=path,
        )


def _int(value: object) -> int:
    assert isinstance(value, int), "a recorded frame has all its fields"
    return value


def _changes(before: State, after: State, path: Path) -> dict[str, Change]:
    changes = {}
    for number, name in enumerate(GPRS):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            index = path.last_write(number)
            by = "the processor" if index is None else path.where(index)
            changes[name] = Change(name, old, new, by)
    return changes


def _stack(event: Entered, gate: Gate | None, user: State, entry: State) -> str:
    """Where the stack pointer of the handler came from."""
    if event.mechanism == crossings.SYSENTER:
        return "SYSENTER_ESP"
    if gate is None:
        return "unchanged"
    if gate.ist:
        return f"IST {gate.ist}"
    return f"RSP{entry.cpl}" if user.cpl != entry.cpl else "unchanged"
