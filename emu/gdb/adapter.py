"""The debugging core as the stub's target: registers, memory, ways to go on, and why it stopped.

It translates and decides nothing. An i386 program sees addresses of 32 bits, so the kernel's half
is folded for it: an address that the program has not mapped means the kernel's place with the same
low half, for the kernel's code always, for the stack in use while ring 0 runs.
gdb's manual, "Stop Reply Packets", "Reverse Execution".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from emu.cpu.processor import VMCALL
from emu.debug import points, stops
from emu.debug import registers as core_registers
from emu.debug.core import Debugger
from emu.debug.crossing import Crossing
from emu.debug.guest import Ending, Mapped
from emu.debug.memory import Unreadable
from emu.errors import UsageError
from emu.gdb import kernel_image, libraries
from emu.gdb.deaths import SIGNALLED, Deaths
from emu.gdb.names import CONSTANT, NARROW, OTHER_NAMES, TABLES
from emu.gdb.registers import I386
from emu.gdb.surroundings import Surroundings
from emu.gdb.target import Library, Point, Reason, Stop, TargetRefusal
from emu.gdb.tasks import Tasks
from emu.gdb.telling import Telling
from emu.x86 import crossings as ways
from emu.x86.paging import PAGE_MASK, PAGE_SIZE
from emu.x86.registers import RAX

OWNER: Final = "gdb"
KERNEL_PATH: Final = "/ringscope/kernel"  # a file that only a client sees
SIGABRT: Final = 6
_LOW32: Final = (1 << 32) - 1
_CALLS: Final = (ways.SYSCALL, ways.SYSENTER, ways.INT80)

_POINT_KINDS: Final = {
    Point.SOFTWARE: points.BREAK,
    Point.HARDWARE: points.BREAK,
    Point.WRITE: points.WATCH,
    Point.READ: points.READ_WATCH,
    Point.ACCESS: points.ACCESS_WATCH,
}
_POINT_REASONS: Final = {
    Point.SOFTWARE: Reason.SWBREAK,
    Point.HARDWARE: Reason.HWBREAK,
    Point.WRITE: Reason.WATCH_WRITE,
    Point.READ: Reason.WATCH_READ,
    Point.ACCESS: Reason.WATCH_ACCESS,
}
_REASONS: Final = {
    stops.INTERRUPTED: Reason.INTERRUPTED,
    stops.BEGINNING: Reason.HISTORY_BEGIN,
}


class DebuggedTarget:
    """`debugger` as a target of the stub."""

    def __init__(self, debugger: Debugger, surroundings: Surroundings) -> None:
        self._debugger = debugger
        self._surroundings = surroundings
        self._points: dict[tuple[Point, int, int], points.Point] = {}
        self._reasons: dict[int, tuple[Reason, int]] = {}  # of the core's points, by number
        self._syscalls: list[points.Point] = []
        self._deaths = Deaths(debugger)
        self._telling = Telling(debugger)
        self._tasks = Tasks(debugger)
        self._tasks.pass_signals(None)
        self.threads = self._tasks.threads
        self.select = self._tasks.select
        self.pass_signals = self._tasks.pass_signals
        self.stop = self._told(debugger.stop)

    @property
    def bits(self) -> int:
        return 64 if self._debugger.guest.is_long() else 32

    @property
    def pid(self) -> int:
        return self._debugger.guest.process_id()

    # ---- registers

    def read_register(self, name: str) -> int:
        if name in CONSTANT:
            return CONSTANT[name]
        read = self._debugger.read_register
        if name in TABLES:
            return read(f"{name}_base") | read(f"{name}_limit") << 64
        if name in NARROW:
            return read(NARROW[name]) & _LOW32
        return read(OTHER_NAMES.get(name, name))

    def write_register(self, name: str, value: int) -> None:
        if name in CONSTANT:
            return
        if name == I386.pc:
            name, value = "rip", self._unfolded(value)
        name = OTHER_NAMES.get(name, name)
        row = core_registers.find(f"{name}_base" if name in TABLES else name)
        try:
            if name in TABLES:
                self._debugger.write_register(row.name, value)
            self._debugger.write_register(name, value & (1 << row.bits) - 1)
        except UsageError as refusal:
            raise TargetRefusal(str(refusal)) from None

    # ---- memory

    def read(self, address: int, size: int) -> bytes:
        address = self._unfolded(address)
        return self._debugger.show_memory(address, size)

    def write(self, address: int, content: bytes) -> None:
        address = self._unfolded(address)
        for page in range(address & PAGE_MASK, address + len(content), PAGE_SIZE):
            if not self._debugger.memory.read_some(page, 1):
                self._surroundings.touch(page)
        try:
            self._debugger.write_memory(address, content)
        except Unreadable as refusal:
            raise TargetRefusal(str(refusal)) from None

    def _unfolded(self, address: int) -> int:
        """The place that an i386 client means by `address`."""
        if self.bits == 64 or address > _LOW32:
            return address
        mappings = self._debugger.guest.mappings()
        if any(one.user and one.start <= address < one.end for one in mappings):
            return address
        for one in mappings:
            whole = one.start & ~_LOW32 | address
            if not one.user and one.start <= whole < one.end and self._is_shown(one):
                return whole
        return address

    def _is_shown(self, kernel: Mapped) -> bool:
        """Whether this piece of the kernel's half stands in an i386 client's memory now."""
        stack = self._debugger.read_register("rsp")
        return _is_kernel_code(kernel) or (
            self._debugger.cpl == 0 and kernel.start <= stack <= kernel.end
        )

    def _folded(self, address: int) -> int:
        return address & _LOW32 if self.bits == 32 else address

    # ---- what stops it

    def insert(self, point: Point, address: int, size: int) -> None:
        key = point, address, size
        if key in self._points:
            return
        kind = _POINT_KINDS[point]
        length = size if kind in points.WATCHES else 0
        try:
            added = self._debugger.points.add(kind, self._unfolded(address), length, owner=OWNER)
        except UsageError as refusal:
            raise TargetRefusal(str(refusal)) from None
        self._points[key] = added
        self._reasons[added.number] = _POINT_REASONS[point], address

    def remove(self, point: Point, address: int, size: int) -> None:
        added = self._points.pop((point, address, size), None)
        if added is not None:
            self._drop(added)

    def forget_points(self) -> None:
        for key in list(self._points):
            self.remove(*key)
        self.catch_syscalls(None)
        self._tasks.pass_signals(None)

    def _drop(self, added: points.Point) -> None:
        self._reasons.pop(added.number, None)
        self._debugger.points.remove(added.number)

    def catch_syscalls(self, numbers: Collection[int] | None) -> None:
        for added in self._syscalls:
            self._drop(added)
        self._syscalls.clear()
        if numbers is None:
            return
        wanted = frozenset(numbers)
        for kind, reason in (
            (points.CATCH_CALL, Reason.SYSCALL_ENTRY),
            (points.CATCH_RETURN, Reason.SYSCALL_RETURN),
        ):
            added = self._debugger.points.add(kind, owner=OWNER)
            added.condition = lambda: self._is_call(wanted)
            self._syscalls.append(added)
            self._reasons[added.number] = reason, 0

    def _is_call(self, wanted: frozenset[int]) -> bool:
        """Whether the last crossing was a system call, one of those wanted."""
        crossing = self._last_crossing()
        if crossing is None or crossing.event.mechanism not in _CALLS:
            return False
        return not wanted or _call_number(crossing) in wanted

    def _last_crossing(self) -> Crossing | None:
        return self._debugger.last_crossing()

    def give_signal(self, number: int) -> None:
        try:
            if self._debugger.stop.kind != SIGNALLED:
                self._tasks.give(number)
        except UsageError as refusal:
            raise TargetRefusal(str(refusal)) from None

    # ---- going on

    def step(self) -> Stop:
        return self._went(lambda: self._deaths.in_front_of(self._debugger.step()))

    def resume(self) -> Stop:
        return self._went(lambda: self._deaths.in_front_of(self._debugger.resume()))

    def step_back(self) -> Stop:
        return self._went(self._debugger.reverse_step)

    def resume_back(self) -> Stop:
        if any(point.kind in points.WATCHES for point in self._points.values()):
            return self._went(self._back_to_access)
        return self._went(self._debugger.reverse_resume)

    def _back_to_access(self) -> stops.Stop:
        """Backwards to in front of an access: gdb looks there whether it changed something.

        The core finds the points behind an access, the one where the machine stands excepted; so
        that this one counts too, it is looked for from one instruction later.
        """
        debugger = self._debugger
        here = debugger.position
        if not debugger.has_ended and debugger.memory.read_some(debugger.rip, 3) != VMCALL:
            debugger.step()
        stop = debugger.reverse_resume()
        is_access = any(point.kind in points.WATCHES for point in stop.points)
        if stop.position == here and not is_access:
            stop = debugger.reverse_resume()
            is_access = any(point.kind in points.WATCHES for point in stop.points)
        if is_access:
            debugger.reverse_step()
            hit = [point for point in stop.points if point.kind in points.WATCHES]
            stop = stop._replace(points=tuple(hit))
        return stop

    def _went(self, way: Callable[[], stops.Stop]) -> Stop:
        try:
            self.stop = self._told(way())
        except UsageError as refusal:
            raise TargetRefusal(str(refusal)) from None
        return self.stop

    def interrupt(self) -> None:
        self._debugger.interrupt()

    def _told(self, stop: stops.Stop) -> Stop:
        """The core's stop in the stub's words."""
        return self._reason(stop)._replace(thread=stop.task)

    def _reason(self, stop: stops.Stop) -> Stop:
        ending = stop.ending
        if ending is not None:
            if stop.kind == SIGNALLED:
                return self._told_signal(stop.rip, ending)
            if ending.signal:
                return Stop(Reason.KILLED, ending.signal, ending.cause)
            return Stop(Reason.EXITED, ending.status)
        signal = self._tasks.told(stop)
        if signal is not None:
            return signal
        if stop.kind == stops.FAILED:
            return Stop(Reason.SIGNAL, SIGABRT, stop.message)
        for point in stop.points:
            if point.number in self._reasons:
                return self._told_point(*self._reasons[point.number])
        return Stop(_REASONS.get(stop.kind, Reason.STEPPED))

    def _told_signal(self, rip: int, ending: Ending) -> Stop:
        """What will kill the program; or a breakpoint where no instruction can be fetched.

        gdb sets one on the stack, for the functions that it calls to return to.
        """
        for (point, address, _), added in self._points.items():
            if added.kind == points.BREAK and added.address == rip:
                return Stop(_POINT_REASONS[point], address)
        return Stop(Reason.SIGNAL, ending.signal, ending.cause)

    def _told_point(self, reason: Reason, address: int) -> Stop:
        if reason in (Reason.SYSCALL_ENTRY, Reason.SYSCALL_RETURN):
            crossing = self._last_crossing()
            return Stop(reason, 0 if crossing is None else _call_number(crossing))
        return Stop(reason, self._folded(address))

    # ---- the program

    def auxiliary_vector(self) -> bytes:
        return self._debugger.guest.auxiliary_vector()

    def executable(self) -> bytes:
        return self._debugger.guest.executable().encode("utf-8", "surrogateescape")

    def read_file(self, path: bytes) -> bytes:
        if path == KERNEL_PATH.encode():
            return self._kernel_image()
        return self._surroundings.read_file(path)

    def read_link(self, path: bytes) -> bytes:
        return self._surroundings.read_link(path)

    def libraries(self) -> Collection[Library]:
        found = libraries.loaded(self.read, self.auxiliary_vector(), self.bits)
        return [*found, Library(KERNEL_PATH, 0, 0, 0)]

    def _kernel_image(self) -> bytes:
        text = next(one for one in self._debugger.guest.mappings() if _is_kernel_code(one))
        code = self._debugger.memory.read_some(text.start, text.end - text.start)
        frames = self._surroundings.kernel_frames()
        return kernel_image.make(self.bits, text.start, code, self.kernel_symbols(), frames)

    def kernel_symbols(self) -> Mapping[str, int]:
        symbols = self._debugger.guest.symbols()
        kernel = [one for one in symbols if one.address >> 63]
        return {one.name: one.address for one in sorted(kernel, key=lambda one: one.address)}

    def tell(self, topic: str, number: int | None) -> list[str]:
        try:
            return self._telling.lines(topic, number)
        except (UsageError, Unreadable) as refusal:
            raise TargetRefusal(str(refusal)) from None


def _is_kernel_code(place: Mapped) -> bool:
    return not place.user and "x" in place.rights


def _call_number(crossing: Crossing) -> int:
    return crossing.before.gprs[RAX] & _LOW32
