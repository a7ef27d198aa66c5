"""The ways to go on by instructions: step, next, until, finish, and out of a trap.

Each is a goal, or several, and looks at the points on its way. A way belongs to one task: the
others run meanwhile, as the kernel lets them.
"""

from __future__ import annotations

from emu.cpu.state import CpuState
from emu.debug import code, stops
from emu.debug.history import OVERSHOOT
from emu.debug.running import KERNEL_HALF
from emu.debug.stopping import Goal, Stopping
from emu.debug.stops import Stop
from emu.errors import UsageError
from emu.x86.instructions import LONGEST
from emu.x86.registers import RSP


class Ways(Stopping):
    """Goes on by instructions."""

    @property
    def state(self) -> CpuState:
        """The processor's, loaded."""
        return self._state

    def load(self) -> None:
        """Within a run: makes `state` that of now."""
        self._engine.state.load()

    def kind_at(self, address: int) -> str:
        """What kind of instruction stands at `address`."""
        return self._kinds.at(address, self._state.in_64bit_mode)

    def step(self, count: int = 1) -> Stop:
        """`count` instructions, unless a point comes first."""
        goal = Goal(stops.STEPPED, everywhere=lambda address: True)
        stop = self.go(goal)
        while stop.kind == stops.STEPPED and count > 1:
            count -= 1
            stop = self.go(goal)
        return stop

    def to_task(self, task: int) -> Stop:
        """Until `task` has its turn: it goes on in the kernel, where it gave the processor up."""

        def is_running(_address: int) -> bool:
            return self._guest.current_task() == task

        within = frozenset((KERNEL_HALF,))
        return self.go(Goal(stops.ARRIVED, everywhere=is_running, within=within, task=task))

    def to_instruction(self, number: int) -> Stop:
        """Until `number` instructions have retired, exactly."""
        rest = number - self._runner.position.instructions
        if rest > OVERSHOOT:
            stop = self.go(Goal(limit=rest - OVERSHOOT))
            if stop.kind != stops.LIMIT:
                return stop
        stop = self.here(stops.ARRIVED)
        while self._runner.position.instructions < number:
            stop = self.step()
            if stop.kind != stops.STEPPED:
                return stop
        return stop._replace(kind=stops.ARRIVED)

    def next(self) -> Stop:
        """One instruction; what it calls, or has the kernel do, runs whole."""
        state = self._state
        start, cpl, pointer = state.rip, state.cpl, state.words[RSP]
        task = self._guest.current_task()
        if self.kind_at(state.rip) == code.CALL:
            after = frozenset((start + self.length(start),))
            return self.go(
                Goal(stops.STEPPED, after, holds=lambda: state.words[RSP] > pointer - 8, task=task)
            )
        user = self._runner.machine.counter.user
        while True:
            stop = self.step()
            if stop.kind == stops.STEPPED and cpl == 3 and stop.cpl == 0:
                stop = self.finish_trap(task)
                if stop.kind == stops.ARRIVED:
                    stop = stop._replace(kind=stops.STEPPED)
            repeats = state.rip == start and self._runner.machine.counter.user == user
            if stop.kind != stops.STEPPED or not repeats:
                return stop

    def until(self) -> Stop:
        """As `next`, but not backwards: a loop runs to its end."""
        start, pointer = self._state.rip, self._state.words[RSP]
        stop = self.next()
        while stop.kind == stops.STEPPED and stop.rip <= start:
            if self._state.words[RSP] > pointer:
                return stop
            stop = self.next()
        return stop

    def finish(self) -> Stop:
        """Until the function that runs has returned to its caller, in the same ring."""
        engine, state = self._engine, self._state
        pointer, cpl, long = state.words[RSP], state.cpl, state.in_64bit_mode
        task = self._guest.current_task()

        def is_at_its_return(address: int) -> bool:
            if self._kinds.at(address, long) != code.RET or task != self._guest.current_task():
                return False
            engine.state.load()
            return state.cpl == cpl and state.words[RSP] >= pointer

        if not is_at_its_return(state.rip):
            stop = self.go(Goal(stops.ARRIVED, everywhere=is_at_its_return))
            if stop.kind != stops.ARRIVED:
                return stop
        stop = self.step()
        return stop._replace(kind=stops.ARRIVED) if stop.kind == stops.STEPPED else stop

    def finish_trap(self, task: int) -> Stop:
        """Until ring 3 of `task` runs again; other tasks may run meanwhile.

        Where its next page must be fetched first, that is one more trap on the way.
        """
        crossing = self._runner.last_crossing(task)
        stop = self.go(Goal(stops.ARRIVED, on_return=True, task=task))
        if stop.returned is None:
            return stop
        return stop._replace(returned=stop.returned._replace(crossing=crossing))

    def length(self, address: int) -> int:
        """The length of the instruction at `address`."""
        from emu.watch.disasm import decode

        found = decode(self._memory.read_some(address, LONGEST), address, self._state.in_64bit_mode)
        if not found:
            raise UsageError(f"no instruction can be read at {address:#x}")
        return found[0].length
