"""Processes and tasks: what the kernel knows of running programs, and what handlers ask of it.

A task is one thread of execution; a process is what its threads share whatever else they share.
Both hold state and no policy: handlers and the kernel decide. They do not know the processor.
Linux: credentials(7), signal(7), pthreads(7), proc(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from emu.memory.physical import PhysicalMemory
from kernel_stub.abi.signals import (
    IGNORED_BY_DEFAULT,
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGKILL,
    SS_DISABLE,
    signal_bit,
)
from kernel_stub.errno import ERESTARTSYS
from kernel_stub.futexes import Futexes
from kernel_stub.pending import Pending, SigInfo
from kernel_stub.usermem import UserMemory
from kernel_stub.waits import NOTHING, Wait

if TYPE_CHECKING:
    from kernel_stub.abi.abi import Abi
    from kernel_stub.mm import AddressSpace
    from kernel_stub.net.network import Network
    from kernel_stub.vfs import Vfs
    from kernel_stub.vfs.files import FileTable, FsContext
    from kernel_stub.vfs.job_control import Controlling


class Clone(NamedTuple):
    """What clone(2) asks for. `stack`: the new stack pointer, 0: the same."""

    flags: int
    stack: int = 0
    parent_tid: int = 0
    child_tid: int = 0
    tls: int = 0  # the base of FS, or the descriptor for `tls_slot` of the GDT
    tls_slot: int | None = None
    exit_signal: int = SIGCHLD


class LastFault(NamedTuple):
    """The last exception of a task that became a signal, as each signal frame tells it."""

    vector: int = 0
    error_code: int = 0
    cr2: int = 0


class Services(Protocol):
    """The kernel as handlers know it. Times are guest time, in nanoseconds."""

    physical: PhysicalMemory
    hwcap: int
    vfs: Vfs
    futexes: Futexes

    @property
    def network(self) -> Network:
        """The names, ports and messages of its sockets."""

    def now_ns(self) -> int:
        """CLOCK_REALTIME."""

    def file_time_shown(self, time_ns: int) -> None:
        """The program learned that a file was modified at `time_ns`: it is not earlier now."""

    def uptime_ns(self) -> int:
        """CLOCK_MONOTONIC."""

    def cpu_ns(self) -> int:
        """How long the machine computed: CLOCK_MONOTONIC without its sleep."""

    def random_bytes(self, count: int) -> bytes:
        """Deterministic random bytes, from the seed."""

    def write_out(self, fd: int, data: bytes) -> int:
        """Writes to the host's descriptor `fd` as os.write; the user may interrupt it."""

    def block(
        self,
        task: Task,
        what: str,
        ready: Callable[[], bool],
        timeout_ns: int | None = None,
        outside: Mapping[int, int] = NOTHING,
        interrupted: int = ERESTARTSYS,
        killable: bool = False,
        due: int | None = None,
    ) -> None:
        """Waits: the call is made anew when `ready`. Returns only when `timeout_ns` has passed.

        `interrupted` is the error when a signal comes first; `killable`: only SIGKILL ends it;
        at `due`, by CLOCK_MONOTONIC, it may be ready because of the time.

        Raises:
            Blocked: for the kernel, which runs another task.
            Errno: a signal came.
        """

    def require_foreground(self, task: Task, terminal: Controlling, signal: int) -> None:
        """Only the terminal's foreground group may go on. Raises Errno and Blocked."""

    def give_way(self) -> None:
        """The turn of the task that runs is over when this call is."""

    def exit_group(self, task: Task, status: int) -> NoReturn:
        """Ends the process with `status`. Raises TaskEnded."""

    def exit_thread(self, task: Task, status: int) -> NoReturn:
        """Ends the task; with the last one, its process. Raises TaskEnded."""

    def signal(self, task: Task, number: int, code: int = 0, address: int = 0) -> None:
        """Sends signal `number` to `task`; it arrives when the call is over."""

    def send(self, target: Task | Process, sent: SigInfo) -> None:
        """Sends a signal to a task, or to whichever task of a process takes it."""

    def signal_group(self, group: int, number: int) -> None:
        """Sends a signal of the kernel's to every process of a group."""

    def session_of_group(self, group: int) -> int:
        """The session of a process group; 0: there is none."""

    def terminal_of(self, session: int) -> object:
        """The pseudo-terminal that controls a session, or None."""

    def signals_may_arrive(self) -> None:
        """A mask or a disposition changed: what is pending may arrive now."""

    def process(self, pid: int) -> Process | None:
        """The process `pid`, also one that ended and was not waited for."""

    def processes(self) -> list[Process]:
        """All of them."""

    def find_task(self, tid: int) -> Task | None:
        """The task `tid`."""

    def clone(self, task: Task, asked: Clone) -> int:
        """Makes a task, of this process or another; returns its tid. Raises Errno."""

    def reap(self, process: Process) -> None:
        """A parent waited for `process`, which has ended."""

    def exec(self, task: Task, path: bytes, argv: list[bytes], envp: list[bytes]) -> None:
        """Makes the task run another program. Raises Errno."""

    def stack_pointer(self, task: Task) -> int:
        """RSP of ring 3."""

    def descriptor(self, task: Task, selector: int) -> int:
        """The descriptor that `selector` names in the GDT or the LDT of `task`; 0: none."""

    def sigreturn(self, task: Task, real_time: bool) -> int:
        """Goes back to where a signal interrupted; returns RAX as it was."""

    def get_fs_base(self) -> int: ...
    def set_fs_base(self, address: int) -> None: ...
    def get_gs_base(self) -> int: ...
    def set_gs_base(self, address: int) -> None: ...

    def get_tls_descriptor(self, slot: int) -> int:
        """The descriptor in TLS slot 0, 1 or 2 of the GDT."""

    def set_tls_descriptor(self, slot: int, descriptor: int) -> None:
        """Sets the descriptor in TLS slot 0, 1 or 2 of the GDT."""

    def timers_changed(self) -> None:
        """A process armed a timer: the machine's clock must interrupt in time."""

    def tables_changed(self, task: Task) -> None:
        """The I/O permissions or the LDT of `task`, which runs, have changed."""


class Process:
    """A thread group: its place among the processes, what its threads share, how it ended."""

    def __init__(self, pid: int, parent: Process | None = None) -> None:
        self.pid = pid
        self.parent = parent
        self.children: list[Process] = []
        self.threads: list[Task] = []
        self.group: int = parent.group if parent else pid
        self.session: int = parent.session if parent else 1
        self.actions: dict[int, bytes] = {}
        self.pending = Pending()
        self.limits: dict[int, tuple[int, int]] = dict(parent.limits) if parent else {}
        self.timers: dict[int, tuple[int, int]] = {}  # setitimer(2): interval, deadline in ns
        self.exit_signal = SIGCHLD
        self.stopped_by = 0  # the signal that stopped it
        self.untold: tuple[int, int] | None = None  # CLD_STOPPED or CLD_CONTINUED, for wait(2)
        self.status: int | None = None  # as wait(2) tells it, once it ended
        self.has_executed = False
        self.cpu_ns = 0
        self.children_ns = 0
        if parent:
            parent.children.append(self)

    @property
    def parent_pid(self) -> int:
        return self.parent.pid if self.parent else 1

    @property
    def is_alive(self) -> bool:
        return self.status is None


class Task:
    """One task. `abi` is that of the system call it is in: 64-bit code may use `int 0x80`."""

    def __init__(
        self,
        kernel: Services,
        tid: int,
        space: AddressSpace,
        files: FileTable,
        fs: FsContext,
        abi: Abi,
        process: Process | None = None,
    ) -> None:
        self.kernel = kernel
        self.tid = tid
        self.process = process or Process(tid)
        self.process.threads.append(self)
        self.files = files
        self.fs = fs
        self.abi = abi
        self.program_abi = abi
        self.name = b""
        self.executable = b""
        self.arguments: list[bytes] = []
        self.environment: list[bytes] = []
        self.auxv = b""
        self.uid = self.gid = 0
        self.groups: list[int] = []
        self.pending = Pending()
        self.signal_mask = 0
        self.saved_mask: int | None = None  # what sigsuspend(2) and its like put back
        self.signal_stack = (0, SS_DISABLE, 0)  # start, ss_flags, size
        self.last_fault = LastFault()
        self.personality = 0
        self.policy = self.nice = 0
        self.dumpable = 1
        self.no_new_privileges = 0
        self.parent_death_signal = 0
        self.timer_slack_ns = 50_000
        self.clear_child_tid = 0
        self.robust_list = (0, 0)
        self.io_level = 0  # iopl(2)
        self.io_bitmap: bytes | None = None  # ioperm(2): a 0 for each port that is allowed
        # of the call that it is in
        self.wait: Wait | None = None
        self.call: tuple[Any, int, tuple[int, ...]] | None = None  # to be made again
        self.deadline: int | None = None
        self.interrupted = False
        self.restart = 0  # ERESTARTSYS, its like or EINTR: a signal ended it
        self.progress = 0  # bytes of a write that went before it had to wait
        self.futex: Any = None
        self.opening: Any = None  # the end of a fifo that waits for the other
        self.vfork_done = False  # it has left the memory of the parent that waits for that
        self.child: Task | None = None  # which its vfork(2) waits for
        # of the kernel that switches tasks
        self.cpu: Any = None
        self.use(space)

    # ---- what its process knows

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def parent_pid(self) -> int:
        return self.process.parent_pid

    @property
    def process_group(self) -> int:
        return self.process.group

    @property
    def session(self) -> int:
        return self.process.session

    @property
    def limits(self) -> dict[int, tuple[int, int]]:
        return self.process.limits

    @property
    def timers(self) -> dict[int, tuple[int, int]]:
        return self.process.timers

    @property
    def signal_actions(self) -> dict[int, bytes]:
        return self.process.actions

    @property
    def signal_pending(self) -> int:
        """The bits of the signals that are pending, for it or for its process."""
        return self.pending.mask | self.process.pending.mask

    # ---- signals

    def arriving(self) -> int:
        """The bits of the pending signals that are not blocked."""
        return self.signal_pending & ~self.signal_mask

    def take_signal(self, allowed: int) -> SigInfo | None:
        """Takes a pending signal whose bit is in `allowed`: its own, then its process's."""
        return self.pending.take(allowed) or self.process.pending.take(allowed)

    def give_mask_back(self) -> bool:
        """The mask from before sigsuspend(2) or its like holds again; whether there was one."""
        if self.saved_mask is None:
            return False
        self.signal_mask, self.saved_mask = self.saved_mask, None
        return True

    def has_handler(self, signal: int) -> bool:
        """Whether the program installed a function for `signal`."""
        return self._disposition(signal) > SIG_IGN

    def ignores(self, signal: int) -> bool:
        """Whether `signal` would vanish: ignored by the program, or by default."""
        disposition = self._disposition(signal)
        return disposition == SIG_IGN or (disposition == SIG_DFL and signal in IGNORED_BY_DEFAULT)

    def blocks(self, signal: int) -> bool:
        """Whether `signal` has to wait."""
        return bool(self.signal_mask & signal_bit(signal))

    def _disposition(self, signal: int) -> int:
        """sa_handler of `signal`: the first word of its struct sigaction."""
        action = self.process.actions.get(signal)
        return int.from_bytes(action[:8], "little") if action else SIG_DFL

    @property
    def can_run(self) -> bool:
        """Whether the scheduler may choose it now, as far as time does not decide."""
        arriving, kill = self.arriving(), signal_bit(SIGKILL)
        if self.process.stopped_by and not arriving & kill:
            return False
        wait = self.wait
        if wait is None:
            return True
        return bool(arriving & (kill if wait.killable else -1)) or wait.ready()

    def is_vfork_done(self) -> bool:
        """What vfork(2) waits for."""
        return self.vfork_done

    def use(self, space: AddressSpace) -> None:
        """From now on the task lives in `space`."""
        self.space = space
        self.memory = UserMemory(space)
