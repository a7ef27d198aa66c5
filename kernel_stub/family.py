"""Processes as parents and children: who hears of an end, who adopts, whom nobody keeps.

It sends signals and forgets processes; their tasks, and what they had, are tasks.py's.
wait(2), prctl(2): PR_SET_CHILD_SUBREAPER; setpgid(2): "orphaned process group"; credentials(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_stub.abi.signals import (
    CLD_EXITED,
    CLD_KILLED,
    LAST_SIGNAL,
    SA_NOCLDWAIT,
    SI_KERNEL,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGHUP,
)
from kernel_stub.arrivals import action_of, send
from kernel_stub.jobs import is_orphaned, members
from kernel_stub.pending import SigInfo
from kernel_stub.process import Process
from kernel_stub.vfs.pulses import next_moment

if TYPE_CHECKING:
    from kernel_stub.task import Task


class Family:
    """All processes of one machine, also those that ended and were not waited for."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}

    def ended(self, task: Task, status: int, signal: int) -> None:
        """The process of `task` has no tasks any more: its relatives hear of it."""
        process = task.process
        process.status = signal if signal else (status & 0xFF) << 8
        process.last_uid = task.identity.uids.real
        process.remains = task
        process.stopped_by, process.untold = 0, None
        kept = self._kept_groups(process)
        if process.pid == process.session:
            _hang_up(task)
        self._give_away_children(process)
        if not process.is_hidden:
            self._tell_parent(process)
        for group in kept:
            self._wake_if_orphaned(group)

    def _kept_groups(self, process: Process) -> list[int]:
        """The groups that may have nobody to continue them when `process` is no more."""
        groups = [process.group, *(child.group for child in process.children)]
        known = list(self.processes.values())
        return [one for one in dict.fromkeys(groups) if not is_orphaned(known, one, process)]

    def _wake_if_orphaned(self, group: int) -> None:
        """A stopped job that nobody can continue any more is hung up, and continued."""
        known = list(self.processes.values())
        jobs = members(known, group)
        if any(one.stopped_by for one in jobs) and is_orphaned(known, group):
            for signal in (SIGHUP, SIGCONT):
                for one in jobs:
                    send(one, SigInfo(signal, SI_KERNEL))

    def _give_away_children(self, process: Process) -> None:
        """Its children are those of the next ancestor that adopts; of nobody's, 1 is the parent."""
        reaper = process.parent
        while reaper is not None and not (reaper.is_subreaper and reaper.is_alive):
            reaper = reaper.parent
        orphans, process.children = process.children, []
        for child in orphans:
            child.parent, child.exit_signal, child.is_adopted = reaper, SIGCHLD, True
            if reaper is not None:
                reaper.children.append(child)
            for task in child.threads:
                if task.parent_death_signal:
                    send(task, SigInfo(task.parent_death_signal, pid=process.pid))
            if not child.is_alive and not child.is_hidden:
                self._tell_parent(child)

    def tell_of_end(self, process: Process) -> None:
        """Its parent hears only now of a process that has ended."""
        self._tell_parent(process)

    def _tell_parent(self, process: Process) -> None:
        parent = process.parent
        if parent is None:
            self._forget(process)
            return
        assert process.status is not None, "it has ended"
        status, signal = process.status >> 8, process.status & 0x7F
        action = action_of(parent, SIGCHLD)
        if 0 < process.exit_signal <= LAST_SIGNAL:
            code, told = (CLD_KILLED, signal) if signal else (CLD_EXITED, status)
            send(parent, SigInfo(process.exit_signal, code, process.pid, process.last_uid, told))
        wants_none = action.handler == SIG_IGN or action.flags & SA_NOCLDWAIT
        if process.exit_signal == SIGCHLD and wants_none:
            self.reap(process)

    def reap(self, process: Process) -> None:
        """Its parent waited for it: it is no more."""
        if process.parent is not None:
            process.parent.children_ns += process.cpu_ns + process.children_ns
            process.parent.children.remove(process)
        self._forget(process)

    def _forget(self, process: Process) -> None:
        process.is_reaped, process.left_at = True, next_moment()
        process.remains = None
        self.processes.pop(process.pid, None)


def _hang_up(task: Task) -> None:
    """The leader of a session has ended: the job in front on its terminal hears of it."""
    inode: Any = task.kernel.terminal_of(task.session)
    if inode is not None:
        inode.terminal.leader_ended(task)
