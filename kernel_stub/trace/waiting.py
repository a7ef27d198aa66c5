"""What waits for many files, as strace writes it: poll, select, epoll, timers behind descriptors.

poll(2), select(2), epoll_ctl(2), timerfd_create(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kernel_stub.abi.process_structures import TIMESPEC64
from kernel_stub.abi.structures import POLLFD
from kernel_stub.syscalls.epoll import EVENT
from kernel_stub.syscalls.timerfd import ITIMERSPEC, ITIMERSPEC64
from kernel_stub.trace import names, talk_names, text
from kernel_stub.trace.kinds import Called, Kind, descriptor, flags, one_of
from kernel_stub.vfs.epoll import EPOLL_CTL_DEL

_MOST_SHOWN: Final = 32  # elements of an array


def _polled(c: Called, i: int) -> list[tuple[int, int, int]]:
    count = min(c.values[i + 1], _MOST_SHOWN)
    return [c.task.memory.unpack(POLLFD, c.values[i] + POLLFD.size * n) for n in range(count)]


def _poll(c: Called, i: int) -> str:
    rows = []
    for number, events, _ in _polled(c, i):
        shown = f", events={text.bits(events & 0xFFFF, names.POLL)}" if number >= 0 else ""
        rows.append(f"{{fd={descriptor(c, number)}{shown}}}")
    return "[" + ", ".join(rows) + "]"


def _members(c: Called, i: int) -> list[int]:
    """The descriptors of an fd_set; how many may be in it, the first argument says."""
    count = min(c.values[0] & 0xFFFF_FFFF, 1024)
    bits = int.from_bytes(c.read(c.values[i], -(-count // 8)), "little")
    return [number for number in range(count) if bits >> number & 1]


def _set(c: Called, i: int) -> str:
    return "[" + " ".join(descriptor(c, number) for number in _members(c, i)) + "]"


def _packed_mask(c: Called, i: int) -> str:
    mask, size = c.word(c.values[i]), c.word(c.values[i] + c.task.abi.word)
    shown = text.signal_set(int.from_bytes(c.read(mask, 8), "little")) if mask else "NULL"
    return f"{{sigmask={shown}, sigsetsize={size}}}"


def _event(events: int, data: int) -> str:
    shown = text.bits(events, talk_names.EPOLL)
    return f"{{events={shown}, data={{u32={data & 0xFFFF_FFFF}, u64={data}}}}}"


def _event_in(c: Called, i: int) -> str:
    if c.values[1] == EPOLL_CTL_DEL:
        return text.address(c.values[i])
    return _event(*c.task.memory.unpack(EVENT, c.values[i]))


def _events(c: Called, i: int) -> str:
    rows = [
        _event(*c.task.memory.unpack(EVENT, c.values[i] + EVENT.size * n))
        for n in range(min(c.result, _MOST_SHOWN))
    ]
    return "[" + ", ".join(rows) + "]"


def _timer(fields: tuple[int, ...]) -> str:
    rows = [f"{{tv_sec={s}, tv_nsec={ns}}}" for s, ns in (fields[:2], fields[2:])]
    return f"{{it_interval={rows[0]}, it_value={rows[1]}}}"


def _itimerspec(c: Called, i: int) -> str:
    return _timer(c.task.memory.unpack(ITIMERSPEC[c.task.abi.word], c.values[i]))


def _itimerspec64(c: Called, i: int) -> str:
    return _timer(c.task.memory.unpack(ITIMERSPEC64, c.values[i]))


INPUTS: Final[Mapping[str, Kind]] = {
    "pollfds_in": _poll,
    "fd_set_in": _set,
    "packed_mask_in": _packed_mask,
    "epoll_event_in": _event_in,
    "itimerspec_in": _itimerspec,
    "itimerspec64_in": _itimerspec64,
    "epoll_operation": one_of(talk_names.EPOLL_CTL, "EPOLL_CTL_"),
    "epoll_flags": flags(talk_names.EPOLL_CREATE),
    "timerfd_flags": flags(talk_names.TIMERFD),
    "timerfd_set_flags": flags(talk_names.TIMERFD_SET),
    "signalfd_flags": flags(talk_names.SIGNALFD),
}
OUTPUTS: Final[Mapping[str, Kind]] = {
    "epoll_events": _events,
    "itimerspec": _itimerspec,
    "itimerspec64": _itimerspec64,
}


def _left(c: Called, i: int) -> list[str]:
    """What select and ppoll leave of the time; nothing where none was given."""
    if not c.values[i]:
        return []
    wide = c.name.endswith("time64")
    if c.name.startswith("p"):
        layout, unit = TIMESPEC64 if wide else c.task.abi.timespec, "tv_nsec"
    else:
        layout, unit = c.task.abi.timeval, "tv_usec"
    seconds, rest = c.task.memory.unpack(layout, c.values[i])
    return [f"left {{tv_sec={seconds}, {unit}={rest}}}"]


def polled(c: Called) -> str:
    """The result of poll: which events came."""
    if not c.result:
        return "0 (Timeout)"
    rows = [
        f"{{fd={descriptor(c, number)}, revents={text.bits(events & 0xFFFF, names.POLL)}}}"
        for number, _, events in _polled(c, 0)
        if events
    ]
    left = _left(c, 2) if c.name.startswith("pp") else []
    return f"{c.result} ({', '.join(['[' + ', '.join(rows) + ']', *left])})"


def selected(c: Called) -> str:
    """The result of select: which descriptors are ready."""
    if not c.result:
        return "0 (Timeout)"
    sets = [
        f"{name} {_set(c, i)}"
        for i, name in enumerate(("in", "out", "except"), 1)
        if c.values[i] and _members(c, i)
    ]
    return f"{c.result} ({', '.join(sets + _left(c, 4))})"
