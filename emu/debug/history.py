"""Backwards: the machine is deterministic and counts, so a point of the past can be run to again.

Snapshots are laid while the machine runs; a point is reached by the nearest one before it and by
running the rest. Whoever steps back again and again gets a trail: the positions of the last few
thousand instructions, with snapshots close together. docs/decisions tells the costs.

A change that the user makes is a snapshot of its own, and what came after it is forgotten. Going
back behind a change takes it back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import Final

from emu.debug.guest import Guest
from emu.debug.position import Position
from emu.debug.running import ONE_STEP, STOPPED, Plan, Runner
from emu.debug.snapshots import Keeper, Snapshot
from emu.errors import EngineError, Interrupted, UsageError
from emu.x86.paging import PAGE_SIZE

OVERSHOOT: Final = 1024  # instructions: a limit ends with the block that reaches it
FIRST_INTERVAL: Final = 10_000_000  # instructions between two snapshots
MOST_SNAPSHOTS: Final = 32
MOST_BYTES: Final = 256 << 20
TRAIL: Final = 2000  # instructions
TRAIL_INTERVAL: Final = 50  # instructions between two snapshots of a trail

_position: Final = attrgetter("position")


class History:
    """The past of one machine. `why_not` says why there is none, if there is none."""

    def __init__(self, runner: Runner, guest: Guest) -> None:
        self._runner = runner
        self._guest = guest
        self._keeper = Keeper(runner.machine, guest)
        self._snapshots: list[Snapshot] = []
        self._changes: list[Position] = []
        self._is_changed = False
        self._interval = FIRST_INTERVAL
        self._trail: list[Position] = []
        self._dense: list[Snapshot] = []
        self.why_not = ""

    # ---- while the machine runs forwards

    def begin(self) -> None:
        """Whatever runs next can be taken back. Must be called before each run."""
        if self.why_not:
            return
        if not self._snapshots or self._is_changed:
            try:
                self._begin()
            except UsageError as error:
                self.why_not = str(error)

    def _begin(self) -> None:
        here = self._runner.position
        if self._is_changed:
            self._forget_from(here)
            self._changes.append(here)
        snapshot = self._take()
        self._snapshots.append(snapshot)
        if self._is_changed:
            self._guest.changed(snapshot.guest)
        self._is_changed = False

    def changed(self) -> None:
        """The user changed the stopped machine."""
        self._is_changed = True

    def due_in(self) -> int | None:
        """After how many instructions the next snapshot is due; None if none ever is."""
        if self.why_not:
            return None
        last = self._snapshots[-1].position.instructions
        return max(last + self._interval - self._runner.position.instructions, OVERSHOOT)

    def lay(self) -> None:
        """Takes a snapshot if one is due, and thins them out if they are too many."""
        here = self._runner.position
        if here.instructions < self._snapshots[-1].position.instructions + self._interval // 2:
            return
        self._snapshots.append(self._take())
        if len(self._snapshots) > MOST_SNAPSHOTS or self.bytes_used() > MOST_BYTES:
            self._interval *= 2
            kept = self._snapshots[:1]
            for snapshot in self._snapshots[1:]:
                distance = snapshot.position.instructions - kept[-1].position.instructions
                if distance >= self._interval * 3 // 4 or snapshot.position in self._changes:
                    kept.append(snapshot)
            self._snapshots = kept

    def bytes_used(self) -> int:
        """What the snapshots take: each page once."""
        pages = {id(page) for snapshot in self._snapshots for page in snapshot.pages}
        return len(pages) * PAGE_SIZE

    def _take(self) -> Snapshot:
        here = self._runner.position
        nearest = self._nearest(here)
        return self._keeper.take(here, nearest)

    # ---- there and back

    @property
    def first(self) -> Position:
        """The earliest position. Raises UsageError where there is no history."""
        self.begin()
        if self.why_not:
            raise UsageError(self.why_not)
        return self._snapshots[0].position

    def snapshots_before(self, position: Position) -> list[Snapshot]:
        """The snapshots that lie before `position`, the earliest first."""
        return self._snapshots[: bisect_left(self._snapshots, position, key=_position)]

    def go_to(self, target: Position) -> None:
        """The machine stands at `target`, a position where it has stood or would have stood.

        Raises:
            UsageError: there is no history, or `target` lies before it.
            Interrupted: the user did not want to wait.
        """
        if target < self.first:
            raise UsageError(f"the history begins at instruction {self.first.instructions:,}")
        nearest = self._nearest(target)
        assert nearest is not None, "a snapshot lies before each position of the history"
        if not nearest.position <= self._runner.position <= target:
            self.restore(nearest)
        self._run_near(target)
        while self._runner.position < target:
            self._step()
        if self._runner.position != target:
            raise EngineError(f"the run to {target} cannot be repeated: the host answers otherwise")
        self._take_back_changes(target)

    def previous(self) -> Position | None:
        """The position one step back; None at the beginning."""
        here = self._runner.position
        if here <= self.first:
            return None
        index = bisect_left(self._trail, here)
        if not 0 < index < len(self._trail) or self._trail[index] != here:
            self._lay_trail(here)
            index = len(self._trail) - 1
        return self._trail[index - 1]

    def restore(self, snapshot: Snapshot) -> None:
        """The machine stands at `snapshot`."""
        self._keeper.restore(snapshot)
        self._runner.forget(snapshot.position)

    def _lay_trail(self, here: Position) -> None:
        """Goes back far enough and comes again, step by step."""
        base = Position(max(here.instructions - TRAIL, 0), 0)
        before = self.snapshots_before(here)
        index = max(bisect_right(before, base, key=_position) - 1, 0)
        self._dense, self._trail = [], []
        self.restore(before[index])
        self._run_near(base)
        while self._runner.position < here:
            if len(self._trail) % TRAIL_INTERVAL == 0:
                self._dense.append(self._take())
            self._trail.append(self._runner.position)
            self._step()
        self._trail.append(here)

    def _nearest(self, target: Position) -> Snapshot | None:
        candidates = []
        for snapshots in (self._snapshots, self._dense):
            index = bisect_right(snapshots, target, key=_position)
            if index:
                candidates.append(snapshots[index - 1])
        return max(candidates, key=_position, default=None)

    def _run_near(self, target: Position) -> None:
        """Runs, but not beyond `target`."""
        rest = target.instructions - self._runner.position.instructions - OVERSHOOT
        if rest > OVERSHOOT:
            self._check(self._runner.run(Plan(), rest))

    def _step(self) -> None:
        self._check(self._runner.run(ONE_STEP))

    def _check(self, ended: str) -> None:
        if ended == STOPPED and self._runner.is_interrupted:
            raise Interrupted("interrupted on the way back")

    # ---- changes

    def _forget_from(self, position: Position) -> None:
        index = bisect_left(self._snapshots, position, key=_position)
        del self._snapshots[index:]
        self._changes = [change for change in self._changes if change < position]
        self._trail, self._dense = [], []

    def _take_back_changes(self, here: Position) -> None:
        """The machine stands at `here`: changes made later never were."""
        later = [change for change in self._changes if change > here]
        if not later:
            return
        index = bisect_left(self._snapshots, later[0], key=_position)
        self._guest.changed(self._snapshots[index].guest)
        self._forget_from(later[0])
