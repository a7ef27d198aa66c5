"""Crossings as they happened: the registers before and after, and the frame that was pushed.

Records only: who draws them knows what to say. In a watcher's call the engine still holds the
registers from before, because what the delivery edited is stored afterwards.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.cpu.state import CpuState
from emu.debug.position import Position
from emu.events import Entered, Refused
from emu.x86.registers import GPRS, GS, SEGMENTS

FRAME: Final = ("rip", "cs", "rflags", "rsp", "ss")  # lowest address first
_CODE_FIRST: Final = ("error_code", *FRAME)


class Seen(NamedTuple):
    """The registers that a crossing may change."""

    gprs: tuple[int, ...]
    rip: int
    rflags: int
    selectors: tuple[int, ...]
    cpl: int
    long: bool
    gs_base: int
    kernel_gs_base: int
    cr2: int

    def named(self) -> dict[str, int]:
        """Every value by the register's name."""
        return {
            **dict(zip(GPRS, self.gprs, strict=True)),
            "rip": self.rip,
            "rflags": self.rflags,
            **dict(zip(SEGMENTS, self.selectors, strict=True)),
            "cpl": self.cpl,
            "gs_base": self.gs_base,
            "kernel_gs_base": self.kernel_gs_base,
            "cr2": self.cr2,
        }


def see(state: CpuState, rip: int, rflags: int) -> Seen:
    """What a loaded state holds; RIP and RFLAGS are told, because a hook may know them better."""
    return Seen(
        gprs=tuple(state.words[:16]),
        rip=rip,
        rflags=rflags,
        selectors=tuple(state.selector(number) for number in range(len(SEGMENTS))),
        cpl=state.cpl,
        long=state.in_64bit_mode,
        gs_base=state.segment(GS).base,
        kernel_gs_base=state.kernel_gs_base,
        cr2=state.control(2),
    )


class Crossing(NamedTuple):
    """`task` entered ring 0: what happened, where in the run, and what the CPU changed.

    `position` is that of the first instruction there. `frame` is what the CPU pushed, by name,
    lowest address first, at `frame_at`; empty for SYSCALL and SYSENTER, which push nothing.
    """

    event: Entered
    position: Position
    before: Seen
    after: Seen
    frame_at: int
    frame: tuple[tuple[str, int], ...]
    refusals: tuple[Refused, ...]
    task: int = 0


class Return(NamedTuple):
    """Ring 3 was entered by a return instruction, the one at `before.rip`."""

    position: Position
    before: Seen
    after: Seen
    crossing: Crossing | None


def frame_names(event: Entered) -> tuple[str, ...]:
    """The slots of the frame that the CPU pushes for `event`; none without a vector."""
    if event.vector is None:
        return ()
    return FRAME if event.error_code is None else _CODE_FIRST
