"""Advisory locks of one file: of ranges (fcntl) and of the whole (flock).

A range's owner is the table of descriptors of a process, or one open file description; the lock of
a whole file belongs to a description. Waiting is the caller's.
fcntl(2): "Advisory record locking", "Open file description locks"; flock(2).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

ENDLESS: Final = 1 << 63  # the end of a range that goes on with the file


class Owner(Protocol):
    """Who holds locks. `waits_on`: whose lock it waits for."""

    waits_on: Owner | None


class Lock(NamedTuple):
    """A range from `start` up to `end`. `pid` is what F_GETLK tells."""

    owner: Owner
    start: int
    end: int
    exclusive: bool
    pid: int = -1

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.end

    def excludes(self, other: Lock) -> bool:
        """Whether both cannot be held."""
        if self.owner is other.owner or not (self.exclusive or other.exclusive):
            return False
        return self.overlaps(other.start, other.end)

    def joins(self, other: Lock) -> bool:
        """Whether `other` begins where this ends, and is like it."""
        return self.end == other.start and self[:1] + self[3:] == other[:1] + other[3:]


class Locks:
    """All locks of one inode."""

    def __init__(self) -> None:
        self._ranges: list[Lock] = []
        self._whole: dict[Owner, Lock] = {}

    # ---- ranges

    def in_the_way(self, wanted: Lock) -> Lock | None:
        """The first lock that does not let `wanted` be held."""
        found = (lock for lock in self._ranges if lock.excludes(wanted))
        return min(found, key=lambda lock: lock.start, default=None)

    def hold(self, lock: Lock) -> None:
        """`lock` is held from now on, in place of what its owner held there."""
        self.release(lock.owner, lock.start, lock.end)
        self._ranges.append(lock)
        self._ranges.sort(key=lambda lock: lock.start)
        self._merge(lock.owner)

    def release(self, owner: Owner, start: int, end: int) -> None:
        """`owner` holds nothing from `start` up to `end`."""
        kept = []
        for lock in self._ranges:
            if lock.owner is not owner or not lock.overlaps(start, end):
                kept.append(lock)
                continue
            if lock.start < start:
                kept.append(lock._replace(end=start))
            if lock.end > end:
                kept.append(lock._replace(start=end))
        self._ranges = kept

    def _merge(self, owner: Owner) -> None:
        merged: list[Lock] = []
        for lock in [lock for lock in self._ranges if lock.owner is owner]:
            if merged and merged[-1].joins(lock):
                merged[-1] = merged[-1]._replace(end=lock.end)
            else:
                merged.append(lock)
        others = [lock for lock in self._ranges if lock.owner is not owner]
        self._ranges = sorted(others + merged, key=lambda lock: lock.start)

    # ---- the whole file

    def may_hold_whole(self, owner: Owner, exclusive: bool) -> bool:
        others = [held.exclusive for other, held in self._whole.items() if other is not owner]
        return not others or not (exclusive or any(others))

    def hold_whole(self, owner: Owner, exclusive: bool, pid: int = -1) -> None:
        self._whole[owner] = Lock(owner, 0, ENDLESS, exclusive, pid)

    def holds_whole(self, owner: Owner, exclusive: bool) -> bool:
        held = self._whole.get(owner)
        return held is not None and held.exclusive is exclusive

    def release_whole(self, owner: Owner) -> None:
        self._whole.pop(owner, None)

    def held(self) -> list[tuple[bytes, Lock]]:
        """Every lock, with the name of its kind in /proc/locks."""
        ranges = [(b"OFDLCK" if lock.pid < 0 else b"POSIX", lock) for lock in self._ranges]
        return ranges + [(b"FLOCK", lock) for lock in self._whole.values()]

    # ---- the end

    def leave(self, owner: Owner) -> None:
        """`owner` holds nothing any more."""
        self.release(owner, 0, ENDLESS)
        self.release_whole(owner)


def would_deadlock(waiter: Owner, holder: Owner) -> bool:
    """Whether `holder` waits, perhaps through others, for `waiter`."""
    seen: list[Owner] = []
    here: Owner | None = holder
    while here is not None and here not in seen:
        if here is waiter:
            return True
        seen.append(here)
        here = here.waits_on
    return False
