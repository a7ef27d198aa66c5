"""The kernel as its handlers know it: what they may ask of it.

Interfaces only; services.py answers. Times are guest time, in nanoseconds.
Linux's man pages by the names of the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeAlias

from kernel_stub.abi.signals import SIGCHLD
from kernel_stub.errno import ERESTARTSYS
from kernel_stub.waits import NOTHING

if TYPE_CHECKING:
    from emu.memory.physical import PhysicalMemory
    from kernel_stub.futexes import Futexes
    from kernel_stub.net.network import Network
    from kernel_stub.pending import SigInfo
    from kernel_stub.process import Process
    from kernel_stub.vfs import Vfs
    from kernel_stub.vfs.job_control import Controlling


Task: TypeAlias = Any  # it stands above this room


class Clone(NamedTuple):
    """What clone(2) asks for. `stack`: the new stack pointer, 0: the same."""

    flags: int
    stack: int = 0
    parent_tid: int = 0
    child_tid: int = 0
    tls: int = 0  # the base of FS, or the descriptor for `tls_slot` of the GDT
    tls_slot: int | None = None
    exit_signal: int = SIGCHLD


class Services(Protocol):
    """The kernel as handlers know it. Times are guest time, in nanoseconds."""

    physical: PhysicalMemory
    hwcap: int
    has_fsgsbase: bool
    largest_signal_frame: int
    has_xsave: bool
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

    def cpu_ns_of(self, owner: Task | Process) -> int:
        """How long the machine computed for a task, or for all of a process."""

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

    def leaders(self) -> list[Task]:
        """A task of each process that lives."""

    def find_task(self, tid: int) -> Task | None:
        """The task `tid`."""

    def clone(self, task: Task, asked: Clone) -> int:
        """Makes a task, of this process or another; returns its tid. Raises Errno."""

    def reap(self, process: Process) -> None:
        """A parent waited for `process`, which has ended."""

    def exec(self, task: Task, path: bytes, argv: list[bytes], envp: list[bytes]) -> None:
        """Makes the task run another program. Raises Errno."""

    def saved(self, task: Task, register: str) -> int:
        """A register of ring 3, by its name in pt_regs; `task` need not run."""

    def save(self, task: Task, register: str, value: int) -> None:
        """Sets it."""

    def lent(self, task: Task) -> AbstractContextManager[None]:
        """Meanwhile the processor's units are as `task`, which need not run, left them."""

    def return_whole(self, task: Task) -> None:
        """`task`, which runs or is lent the processor, gets back every register of pt_regs."""

    def user_state(self, task: Task) -> Any:
        """Ring 3 of `task`, which runs or is lent the processor."""

    def set_user_state(self, task: Task, user: Any) -> None:
        """Sets it."""

    def selector(self, name: str) -> int:
        """DS, ES, FS or GS of the task that runs or is lent the processor."""

    def load_selector(self, task: Task, name: str, selector: int) -> None:
        """DS, ES, FS or GS of `task`, which runs or is lent the processor."""

    def deliver(self, task: Task, sent: SigInfo) -> bool:
        """A signal arrives at `task`, which runs. Raises TaskEnded; whether a handler starts."""

    def trace_calls(self) -> None:
        """From now on tasks may stop at their system calls, for a tracer."""

    def tell_of_end(self, process: Process) -> None:
        """The parent of `process`, which has ended, hears of it only now."""

    def stack_pointer(self, task: Task) -> int:
        """RSP of ring 3."""

    def descriptor(self, task: Task, selector: int) -> int:
        """The descriptor that `selector` names in the GDT or the LDT of `task`; 0: none."""

    def sigreturn(self, task: Task, real_time: bool) -> int:
        """Goes back to where a signal interrupted; returns RAX as it was."""

    def debug_register(self, number: int) -> int:
        """DR0 to DR3, DR6 or DR7 of the task that runs or is lent the processor."""

    def set_debug_register(self, number: int, value: int) -> None:
        """Sets it."""

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
