"""A task that does not run, looked at: the processor is lent its state, and gets its own back.

What is changed meanwhile, the task finds when it runs again. Its tables are in CR3 while it is
looked at, so memory is its own; the GDT and the TSS stay those of the task that runs.
"""

from __future__ import annotations

from emu.cpu.engine import Engine
from emu.debug.guest import Guest


class Looking:
    """Which task is looked at. The machine must not run while it is another than the one it has."""

    def __init__(self, engine: Engine, guest: Guest) -> None:
        self._engine = engine
        self._guest = guest
        self._own: bytes | None = None  # the processor's state, while it is lent another
        self._task = 0
        self._is_changed = False

    @property
    def task(self) -> int:
        """The task that is looked at."""
        return self._task if self._own is not None else self._guest.current_task()

    def look_at(self, task: int) -> None:
        """Looks at `task`. Raises UsageError: there is none."""
        self.end()
        state = self._guest.look_at(task)
        if state is not None:
            self._own, self._task = bytes(self._engine.state.raw), task
            self._load(state)

    def changed(self) -> None:
        """A register was written."""
        self._is_changed = True

    def end(self) -> None:
        """The task that the processor runs is looked at again."""
        if self._own is None:
            self._is_changed = False
            return
        if self._is_changed:
            self._guest.change_task(self._task, bytes(self._engine.state.raw))
        own, self._own, self._is_changed = self._own, None, False
        self._guest.look_at(self._guest.current_task())
        self._load(own)

    def _load(self, state: bytes) -> None:
        engine = self._engine
        engine.state.raw[:] = state
        engine.state.store()
        engine.flush_tlb()
        engine.state.load()
