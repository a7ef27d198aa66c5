"""Breakpoints, watchpoints and catchpoints: what there is to stop for. They stop nothing.

One numbered table for all kinds, as gdb has it. A condition is a function that the front made of
its text; whether it holds is asked when the point is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from emu.debug import news
from emu.errors import UsageError

BREAK: Final = "breakpoint"
WATCH: Final = "watchpoint"
READ_WATCH: Final = "read watchpoint"
ACCESS_WATCH: Final = "access watchpoint"
CATCH_CROSSING: Final = "catch crossing"  # `what`: a mechanism, or empty for each
CATCH_CALL: Final = "catch syscall"  # `what`: a name, or empty for each
CATCH_VECTOR: Final = "catch vector"  # `what`: the number
CATCH_RETURN: Final = "catch return"
CATCH_MODE: Final = "catch mode"  # ring 3 to 0 or 0 to 3
CATCH_FORK: Final = "catch fork"
CATCH_VFORK: Final = "catch vfork"
CATCH_CLONE: Final = "catch clone"  # a thread
CATCH_EXEC: Final = "catch exec"
CATCH_SIGNAL: Final = "catch signal"  # `what`: a name, or empty for each
CATCH_EXIT: Final = "catch exit"  # of a task
WATCHES: Final = (WATCH, READ_WATCH, ACCESS_WATCH)
RING_CATCHES: Final = (CATCH_CROSSING, CATCH_CALL, CATCH_VECTOR, CATCH_RETURN, CATCH_MODE)
# By the kind of news that they wait for.
NEWS_CATCHES: Final = {
    news.FORK: CATCH_FORK,
    news.VFORK: CATCH_VFORK,
    news.CLONE: CATCH_CLONE,
    news.EXEC: CATCH_EXEC,
    news.SIGNAL: CATCH_SIGNAL,
    news.EXIT: CATCH_EXIT,
}
CATCHES: Final = (*RING_CATCHES, *NEWS_CATCHES.values())
KINDS: Final = (BREAK, *WATCHES, *CATCHES)
WATCH_LIMIT: Final = 4096  # bytes


@dataclass(eq=False)
class Point:
    """One point. `ignore`: how many times it is yet to be passed; `owner`: who set it.

    `location` is what it was asked for by, and `find` finds its addresses anew where other files
    are mapped; a breakpoint without addresses is pending. `task`: the only one it is for, 0: all.
    """

    number: int
    kind: str
    addresses: tuple[int, ...] = ()
    size: int = 0
    what: str = ""
    condition: Callable[[], bool] | None = None
    condition_text: str = ""
    ignore: int = 0
    hits: int = 0
    temporary: bool = False
    enabled: bool = True
    owner: str = ""
    location: str = ""
    find: Callable[[], tuple[int, ...]] | None = None
    task: int = 0

    @property
    def address(self) -> int:
        """The first of its addresses, or 0."""
        return self.addresses[0] if self.addresses else 0

    @property
    def is_pending(self) -> bool:
        """Whether it is a breakpoint at a place that nobody knows yet."""
        return self.kind == BREAK and not self.addresses

    def find_again(self) -> None:
        """Other files are mapped: adds where it stands in them."""
        if self.find is not None:
            here = self.find()
            self.addresses += tuple(one for one in here if one not in self.addresses)

    def is_here(self, address: int) -> bool:
        """Whether `address` is one of its places among the files that are mapped now."""
        if address not in self.addresses:
            return False
        return self.find is None or len(self.addresses) == 1 or address in self.find()


class Points:
    """The table. Numbers begin at 1 and are not used again."""

    def __init__(self) -> None:
        self._points: dict[int, Point] = {}
        self._next = 1

    def __iter__(self) -> Iterator[Point]:
        return iter(list(self._points.values()))

    def __len__(self) -> int:
        return len(self._points)

    def add(
        self,
        kind: str,
        address: int | tuple[int, ...] = (),
        size: int = 0,
        what: str = "",
        temporary: bool = False,
        owner: str = "",
    ) -> Point:
        """A new point of `kind` (one of KINDS). Raises UsageError."""
        if kind not in KINDS:
            raise UsageError(f"no kind of stop {kind!r}; known: {', '.join(KINDS)}")
        if kind in WATCHES and not 0 < size <= WATCH_LIMIT:
            raise UsageError(f"cannot watch {size} bytes: 1 to {WATCH_LIMIT} are possible")
        places = address if isinstance(address, tuple) else (address,)
        point = Point(self._next, kind, places, size, what, temporary=temporary, owner=owner)
        self._points[point.number] = point
        self._next += 1
        return point

    def get(self, number: int) -> Point:
        """The point `number`. Raises UsageError."""
        point = self._points.get(number)
        if point is None:
            raise UsageError(f"no breakpoint, watchpoint or catchpoint has the number {number}")
        return point

    def remove(self, number: int) -> None:
        """Deletes the point `number`. Raises UsageError."""
        self.get(number)
        del self._points[number]

    def clear(self) -> None:
        """Deletes all points."""
        self._points.clear()

    def enabled(self, *kinds: str) -> list[Point]:
        """The enabled points of these kinds, by number."""
        return [point for point in self if point.enabled and point.kind in kinds]

    def reached(self, point: Point, again: bool = False) -> bool:
        """`point` was reached: whether that stops the machine. Counts, and deletes a temporary.

        `again`: the machine was here before, so only the condition is asked.
        """
        if point.condition is not None and not point.condition():
            return False
        if again:
            return True
        point.hits += 1
        if point.ignore:
            point.ignore -= 1
            return False
        if point.temporary:
            self._points.pop(point.number, None)
        return True
