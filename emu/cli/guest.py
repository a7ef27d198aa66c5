"""Our kernel as the debugging core knows it: names, mappings, the saved frame, what it keeps.

The one place where the two meet. It decides nothing about stopping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from emu.cli.guest_files import read_file
from emu.cli.guest_tasks import SIGNALS, GuestTasks
from emu.cli.journal import Journal
from emu.cli.keeping import Keeper
from emu.cli.modules import Modules, layout_of
from emu.debug.guest import Ending, Mapped, Named, SourceLine
from emu.debug.news import News, TaskView
from emu.errors import UsageError
from emu.x86 import crossings
from emu.x86.paging import PAGE_MASK, PAGE_SIZE
from kernel_stub import layout
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.abi.signals import NAMES
from kernel_stub.boot import ist_top, read_image
from kernel_stub.entry.constants import PT_REGS, PT_REGS_STRUCT
from kernel_stub.errno import Errno
from kernel_stub.exec.auxv import AT_BASE
from kernel_stub.kernel import Kernel
from kernel_stub.mm.flags import MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE
from kernel_stub.mm.peek import peek
from kernel_stub.mm.regions import Region
from kernel_stub.task import Task
from kernel_stub.vfs.console import Console

_CALL_REGISTERS: Final = {
    64: ("rdi", "rsi", "rdx", "r10", "r8", "r9"),
    32: ("ebx", "ecx", "edx", "esi", "edi", "ebp"),
}
KERNEL: Final = "[kernel]"


Wait: TypeAlias = Callable[[Mapping[int, int], float | None], object]


class Snapshot(NamedTuple):
    """The kernel, and how many of the host's answers it has got."""

    kernel: bytes
    place: int


class LinuxGuest:
    """The program that `kernel` runs."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._modules = Modules(lambda path: read_file(kernel.task, path))
        self._journal = Journal()
        self._keeper = Keeper(kernel)
        self._tasks = GuestTasks(kernel, self._journal)
        self._last_regions: list[Region] = []
        self._looked_at: Task | None = None  # None: the one that runs
        self._tell_layout: Callable[[], None] | None = None
        self._layouts: set[object] = set()  # that were told
        self._before_handover = 0
        self._is_answering = False
        self._answered: dict[str, tuple[int, int]] = {}
        self._kept: Snapshot | None = None  # as long as no handover changes the kernel
        for file in kernel.vfs.console.values():
            if isinstance(file.inode, Console):
                file.inode.host = self._journal.ask
        self._wait = kernel.wait_for_host
        kernel.wait_for_host = self._waited
        kernel.machine.attach(self)

    def handed_over(self, call: int, argument: int) -> None:
        """The processor's hand-over, passed on: if it fails, what the host said is taken back."""
        self._before_handover = self._journal.place
        self._kept = None
        self._is_answering = True
        before = self._saved()
        self.kernel.handed_over(call, argument)
        self._answered = {
            name: (old, new)
            for name, old, new in zip(PT_REGS, before, self._saved(), strict=True)
            if old != new
        }
        self._is_answering = False
        if self._tell_layout is not None:
            self._look_for_files(self._tell_layout)

    def _look_for_files(self, tell: Callable[[], None]) -> None:
        layout = layout_of(self.kernel.task.space.regions)
        if layout not in self._layouts:
            self._layouts.add(layout)
            tell()

    def _saved(self) -> tuple[int, ...]:
        content = self.kernel.half.tables.read(self._frame, PT_REGS_STRUCT.size)
        return PT_REGS_STRUCT.unpack(content)

    @property
    def _frame(self) -> int:
        """Where crossings save pt_regs: on the stack of the task that is looked at."""
        return self.kernel.frame if self._looked_at is None else self._looked_at.cpu.frame

    @property
    def _task(self) -> Task:
        return self.kernel.task if self._looked_at is None else self._looked_at

    # ---- tasks

    def tasks(self) -> list[TaskView]:
        return self._tasks.views()

    def current_task(self) -> int:
        return self.kernel.task.tid

    def look_at(self, task: int) -> bytes | None:
        self._looked_at = None
        if task == self.kernel.task.tid:
            return None
        found = self._tasks.find(task)
        self._looked_at = found
        return self._tasks.processor_state(found)

    def change_task(self, task: int, state: bytes) -> None:
        self._tasks.find(task).cpu.saved = state
        self._kept = None

    def report(self, tell: Callable[[News], None], screen: Callable[[str], bool]) -> None:
        self._tasks.report(tell, screen)

    def report_layout(self, tell: Callable[[], None] | None) -> None:
        self._tell_layout = tell
        self._layouts = {layout_of(self.kernel.task.space.regions)}

    def send_signal(self, task: int, name: str) -> None:
        self._tasks.send(task, name)
        self._kept = None

    def signals(self) -> Mapping[str, str]:
        return SIGNALS

    def answered(self) -> Mapping[str, tuple[int, int]]:
        return self._answered

    def retract(self) -> bool:
        if not self._is_answering:
            return False
        self._is_answering = False
        self._journal.forget_from(self._before_handover)
        return True

    def _waited(self, wanted: Mapping[int, int], seconds: float | None) -> object:
        return self._journal.ask(self._wait, wanted, seconds)

    def listen(self, wait: Wait, write: Callable[[int, bytes], int]) -> None:
        """How the program waits for input and writes: so that the user can interrupt both."""
        self._wait = wait
        self.kernel.write_to_host = write

    def ending(self) -> Ending | None:
        ended = self.kernel.ended
        if ended is None:
            return None
        name = NAMES.get(ended.signal, "") if ended.signal else ""
        return Ending(ended.status, ended.signal, name, self.kernel.exceptions.cause)

    def _abi(self, mechanism: str, long: bool) -> Abi:
        return X86_64 if mechanism == crossings.SYSCALL and long else I386

    def call_name(self, number: int, mechanism: str, long: bool) -> str:
        return self._abi(mechanism, long).numbers.get(number, f"syscall_{number}")

    def call_names(self) -> frozenset[str]:
        return frozenset(X86_64.numbers.values()) | frozenset(I386.numbers.values())

    def call_arguments(self, mechanism: str, long: bool) -> tuple[str, ...]:
        return _CALL_REGISTERS[64 if self._abi(mechanism, long) is X86_64 else 32]

    def saved_frame(self) -> tuple[int, Mapping[str, int]] | None:
        if self.kernel.machine.engine.state.cpl == 3:
            return None
        return self._frame, dict(zip(PT_REGS, self._saved(), strict=True))

    def auxiliary_vector(self) -> bytes:
        return self._task.auxv

    def executable(self) -> str:
        return self._task.executable.decode("utf-8", "surrogateescape")

    def process_id(self) -> int:
        return self._task.pid

    def is_long(self) -> bool:
        return self._task.program_abi is X86_64

    # ---- memory and its names

    @property
    def _regions(self) -> list[Region]:
        """Of the task that is looked at; of a program that ended, those that were seen last."""
        regions = list(self._task.space.regions)
        if regions or not self.kernel.ended:
            self._last_regions = regions
        return self._last_regions

    def mappings(self) -> list[Mapped]:
        regions = [_mapped(region) for region in self._regions]
        return regions + kernel_mappings()

    def peek(self, address: int, size: int) -> bytes:
        try:
            return peek(self._task.space, address, size)
        except Errno:  # the file behind it is gone: a touch would be a fault
            return b""

    def layout(self) -> object:
        return layout_of(self._regions)

    def symbols(self) -> Iterator[Named]:
        for name, address in self.kernel.half.symbols.items():
            yield Named(name, address, 0, KERNEL)
        yield from self._modules.symbols(self._regions)

    def line_at(self, address: int) -> SourceLine | None:
        return self._modules.line_at(self._regions, address)

    def lines_in(self, is_wanted: Callable[[str], bool]) -> list[SourceLine]:
        return self._modules.lines_in(self._regions, is_wanted)

    def source_files(self) -> list[str]:
        return self._modules.source_files(self._regions)

    def lined(self) -> list[tuple[int, int]]:
        return self._modules.lined(self._regions, self._linker())

    def _linker(self) -> int:
        """Where the dynamic linker is mapped; 0 if there is none."""
        size = 8 if self.is_long() else 4
        words = memoryview(self.auxiliary_vector()).cast("Q" if size == 8 else "I")
        return dict(zip(words[::2], words[1::2], strict=True)).get(AT_BASE, 0)

    # ---- there and back

    def snapshot(self) -> Snapshot:
        if self.kernel.vfs.options.writable:
            raise UsageError("nothing runs backwards with --rw: real files cannot be taken back")
        if self.kernel.vfs.options.reaches_out:
            raise UsageError("nothing runs backwards with --net: the world does not")
        if self.kernel.clock.realtime:
            raise UsageError("nothing runs backwards with --realtime: the host's time does not")
        if self._kept is None:
            self._kept = Snapshot(self._keeper.keep(), self._journal.place)
        return self._kept

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, Snapshot), "a snapshot of this guest"
        if self._kept is None or self._kept.kernel is not snapshot.kernel:
            self._keeper.restore(snapshot.kernel)
        self._kept = snapshot
        self._journal.place = snapshot.place

    def changed(self, snapshot: object) -> None:
        assert isinstance(snapshot, Snapshot), "a snapshot of this guest"
        self._journal.forget_from(snapshot.place)


def _mapped(region: Region) -> Mapped:
    rights = "".join(
        letter if region.prot & bit else "-"
        for letter, bit in (("r", PROT_READ), ("w", PROT_WRITE), ("x", PROT_EXEC))
    )
    rights += "s" if region.flags & MAP_SHARED else "p"
    name = region.name.decode("utf-8", "surrogateescape")
    return Mapped(region.start, region.end, rights, name, region.offset)


def kernel_mappings() -> list[Mapped]:
    """The kernel's half, by address."""
    text = len(read_image("entry"))
    text = text + PAGE_SIZE - 1 & PAGE_MASK
    places = [
        (layout.KERNEL_STACKS, layout.KERNEL_STACK_SIZE, "rw-p", "[kernel stack]"),
        (layout.PER_CPU, PAGE_SIZE, "rw-p", "[per-cpu area]"),
        (layout.IDT_BASE, PAGE_SIZE, "rw-p", "[idt]"),
        (layout.GDT_BASE, PAGE_SIZE, "rw-p", "[gdt]"),
        (layout.TSS_BASE, PAGE_SIZE, "rw-p", "[tss]"),
        (layout.ESPFIX_PAGE, PAGE_SIZE, "rw-p", "[espfix page]"),
        *(
            (ist_top(n) - PAGE_SIZE, PAGE_SIZE, "rw-p", f"[ist {n} stack]")
            for n in layout.IST.values()
        ),
        (layout.KERNEL_TEXT, text, "r-xp", "[kernel text]"),
    ]
    return [
        Mapped(start, start + size, rights, name, user=False)
        for start, size, rights, name in sorted(places)
    ]
