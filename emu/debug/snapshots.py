"""Snapshots of a stopped machine: RAM, the CPU's state, the counts, and what the kernel keeps.

Pages that did not change since the snapshot before are kept once. It decides neither when to take
one nor where to go.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu.counters import KERNEL, USER
from emu.cpu.timer import KeptTimer
from emu.debug.guest import Guest
from emu.debug.position import Position
from emu.machine import Machine
from emu.memory import physical
from emu.watch.ledger import Kept
from emu.x86.paging import PAGE_SIZE


class Snapshot(NamedTuple):
    """All of the machine at `position`."""

    position: Position
    pages: list[bytes]
    frames: physical.Kept
    state: bytes
    controls: tuple[int, ...]
    user: int
    kernel: int
    ledger: Kept
    cr2: int
    timer: KeptTimer
    guest: object


_CONTROLS: Final = (0, 3, 4)


class Keeper:
    """Takes snapshots of one machine and restores them."""

    def __init__(self, machine: Machine, guest: Guest) -> None:
        self._machine = machine
        self._guest = guest

    def take(self, position: Position, previous: Snapshot | None) -> Snapshot:
        """The machine as it stands. Raises RingscopeError where the kernel cannot be kept."""
        machine = self._machine
        guest = self._guest.snapshot()
        machine.engine.state.load()
        return Snapshot(
            position,
            self._pages(previous.pages if previous else []),
            machine.physical.kept(),
            bytes(machine.engine.state.raw),
            tuple(machine.engine.state.control(number) for number in _CONTROLS),
            machine.counter.user,
            machine.counter.kernel,
            machine.ledger.kept(),
            machine.processor.last_cr2,
            machine.timer.kept(),
            guest,
        )

    def _pages(self, known: list[bytes]) -> list[bytes]:
        ram = self._machine.physical.mapping
        pages = []
        for number in range(self._machine.physical.used // PAGE_SIZE):
            page = ram[number * PAGE_SIZE : (number + 1) * PAGE_SIZE]
            same = number < len(known) and page == known[number]
            pages.append(known[number] if same else page)
        return pages

    def restore(self, snapshot: Snapshot) -> None:
        """The machine as it stood."""
        machine, engine = self._machine, self._machine.engine
        self._restore_pages(snapshot.pages)
        machine.physical.restore(snapshot.frames)
        engine.state.raw[:] = snapshot.state
        engine.state.store()
        for number, value in zip(_CONTROLS, snapshot.controls, strict=True):
            engine.write_control(number, value)
        engine.flush_tlb()
        engine.flush_code()
        engine.state.load()
        counter = machine.counter
        counter.adjust(USER, snapshot.user - counter.user)
        counter.adjust(KERNEL, snapshot.kernel - counter.kernel)
        machine.ledger.restore(snapshot.ledger)
        machine.processor.last_cr2 = snapshot.cr2
        machine.timer.restore(snapshot.timer)
        self._guest.restore(snapshot.guest)

    def _restore_pages(self, pages: list[bytes]) -> None:
        ram, used = self._machine.physical.mapping, self._machine.physical.used
        for number, page in enumerate(pages):
            start = number * PAGE_SIZE
            if ram[start : start + PAGE_SIZE] != page:
                ram[start : start + PAGE_SIZE] = page
        for start in range(len(pages) * PAGE_SIZE, used, PAGE_SIZE):
            ram[start : start + PAGE_SIZE] = bytes(PAGE_SIZE)
