"""Processes and tasks: what the kernel knows of running programs.

A task is one thread of execution; a process is what its threads share whatever else they share.
Both hold state and no policy: handlers and the kernel decide. They do not know the processor.
Linux: credentials(7), signal(7), pthreads(7), proc(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kernel_stub.abi.capabilities import CAP_SYS_PTRACE
from kernel_stub.abi.signals import (
    IGNORED_BY_DEFAULT,
    SIG_DFL,
    SIG_IGN,
    SIGKILL,
    SS_DISABLE,
    signal_bit,
)
from kernel_stub.identity import ROOT, Identity, all_of, of_user
from kernel_stub.pending import Pending, SigInfo
from kernel_stub.process import Process
from kernel_stub.usermem import UserMemory
from kernel_stub.waits import Wait

if TYPE_CHECKING:
    from kernel_stub.abi.abi import Abi
    from kernel_stub.mm import AddressSpace
    from kernel_stub.protocol import Services
    from kernel_stub.vfs.files import FileTable, FsContext


class LastFault(NamedTuple):
    """The last exception of a task that became a signal, as each signal frame tells it."""

    vector: int = 0
    error_code: int = 0
    cr2: int = 0


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
        self.identity = of_user(ROOT, ROOT)
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
        self.cpu_ns = 0  # up to the last switch
        self.io_priority = 0  # none was set
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
        # of ptrace(2)
        self.tracing: Any = None  # what its tracer does with it; None: nobody traces it
        self.tracees: list[Any] = []  # whom it traces, and those of them that ended
        # of the kernel that switches tasks
        self.cpu: Any = None
        self.use(space)

    # ---- who it is

    @property
    def uid(self) -> int:
        """The id by which files are judged: the effective one, unless setfsuid(2) said more."""
        return self.identity.uids.filesystem

    @uid.setter
    def uid(self, number: int) -> None:
        """It is another user from now on, with all that this user may."""
        self.identity = of_user(number, self.gid, self.identity.groups)

    @property
    def gid(self) -> int:
        return self.identity.gids.filesystem

    @gid.setter
    def gid(self, number: int) -> None:
        self.identity = self.identity._replace(gids=all_of(number))

    @property
    def groups(self) -> tuple[int, ...]:
        return self.identity.groups

    @groups.setter
    def groups(self, numbers: tuple[int, ...]) -> None:
        self.identity = self.identity._replace(groups=tuple(numbers))

    def is_able(self, capability: int) -> bool:
        """Whether it may use a capability now."""
        return bool(self.identity.caps.effective >> capability & 1)

    def become(self, identity: Identity) -> None:
        """It has other ids or capabilities from now on; who else, no longer looks into it."""
        old, self.identity = self.identity, identity
        shown = [(one.uids[1::2], one.gids[1::2]) for one in (old, identity)]
        if shown[0] != shown[1] or identity.caps.permitted & ~old.caps.permitted:
            self.dumpable = 0
            self.parent_death_signal = 0

    def may_look_into(self, other: Task, by_files: bool = False) -> bool:
        """Whether it may see and take what `other` has, by its real ids or those `by_files`.

        ptrace(2), "Ptrace access mode checking": PTRACE_MODE_REALCREDS, PTRACE_MODE_FSCREDS.
        """
        if other.process is self.process or self.is_able(CAP_SYS_PTRACE):
            return True
        own, theirs = self.identity, other.identity
        user = own.uids.filesystem if by_files else own.uids.real
        group = own.gids.filesystem if by_files else own.gids.real
        is_own = set(theirs.uids[:3]) == {user} and set(theirs.gids[:3]) == {group}
        return is_own and other.dumpable == 1

    # ---- what its process knows

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def threads(self) -> list[Task]:
        """All tasks of its process."""
        return self.process.threads

    @property
    def is_zombie(self) -> bool:
        """Whether its process has ended."""
        return not self.process.is_alive

    @property
    def state(self) -> bytes:
        """As proc(5) tells it: ended, stopped, sleeping or running."""
        if self.is_zombie:
            return b"Z (zombie)"
        if self.is_stopped:
            return b"T (stopped)" if self.tracing is None else b"t (tracing stop)"
        return b"R (running)" if self.wait is None else b"S (sleeping)"

    @property
    def parent_pid(self) -> int:
        return self.process.parent_pid

    @property
    def tracer_pid(self) -> int:
        """The task that traces it; 0: none."""
        tracing = self.tracing
        return 0 if tracing is None or tracing.is_parted else int(tracing.tracer.tid)

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
        if self.is_stopped and not arriving & kill:
            return False
        wait = self.wait
        if wait is None:
            return True
        if wait.killable:
            return bool(arriving & kill) or wait.ready()
        return self.is_interrupted or wait.ready()

    @property
    def is_interrupted(self) -> bool:
        """Whether a call that it waits in ends early: a signal arrives, or it is to stop."""
        return bool(self.arriving()) or (self.tracing is not None and self.tracing.wants_stop)

    @property
    def is_stopped(self) -> bool:
        """Whether it may not run: its process is stopped, or it is, for its tracer."""
        if self.tracing is None or self.tracing.is_parted:
            return bool(self.process.stopped_by)
        return self.tracing.stop is not None

    def is_vfork_done(self) -> bool:
        """What vfork(2) waits for."""
        return self.vfork_done

    def use(self, space: AddressSpace) -> None:
        """From now on the task lives in `space`."""
        self.space = space
        self.memory = UserMemory(space)
