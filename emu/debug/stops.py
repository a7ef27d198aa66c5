"""Why the machine stands still, as frozen records. They know no words for people."""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.debug.crossing import Crossing, Return
from emu.debug.guest import Ending
from emu.debug.news import News
from emu.debug.points import Point
from emu.debug.position import Position

STARTED: Final = "started"
STEPPED: Final = "stepped"
BREAKPOINT: Final = "breakpoint"
WATCHPOINT: Final = "watchpoint"
CROSSING: Final = "crossing"  # a catchpoint: ring 0 was entered
RETURN: Final = "return"  # a catchpoint: ring 3 is next
ARRIVED: Final = "arrived"  # where `until`, `next`, `finish` or an instruction number led
INTERRUPTED: Final = "interrupted"
LIMIT: Final = "limit"
NEWS: Final = "news"  # a catchpoint, or a signal: something became of a task
ENDED: Final = "ended"
BEGINNING: Final = "beginning"  # backwards, no further
FAILED: Final = "failed"  # the machine cannot go on: `message` says why
KINDS: Final = (
    *(STARTED, STEPPED, BREAKPOINT, WATCHPOINT, CROSSING, RETURN, ARRIVED, INTERRUPTED, LIMIT),
    *(NEWS, ENDED, BEGINNING, FAILED),
)


class Access(NamedTuple):
    """A watched place was accessed: by which instruction, and its value before and after."""

    address: int
    size: int
    is_write: bool
    rip: int
    old: bytes
    new: bytes


class Stop(NamedTuple):
    """The machine stands in front of the instruction at `rip`, in ring `cpl`, in `task`."""

    kind: str
    position: Position
    rip: int
    cpl: int
    points: tuple[Point, ...] = ()
    crossing: Crossing | None = None
    returned: Return | None = None
    access: Access | None = None
    ending: Ending | None = None
    message: str = ""
    task: int = 0
    news: News | None = None
