"""The life of tasks and processes: clone, exec, exit, and what becomes of those that ended.

It changes what is known of tasks, their memory and their places in the processor; who runs next is
scheduler.py's. Handlers check what programs ask for; here it is done.
clone(2), execve(2), exit_group(2), wait(2), vfork(2).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from emu.errors import OutOfFrames
from emu.machine import Machine
from emu.x86 import flags
from kernel_stub import layout
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.abi.process_structures import INT, SIGACTION
from kernel_stub.abi.signals import (
    SIG_IGN,
    SIGCHLD,
    SS_DISABLE,
)
from kernel_stub.boot import KernelHalf
from kernel_stub.contexts import Contexts, CpuContext
from kernel_stub.entry import constants as entry
from kernel_stub.errno import EAGAIN, EEXIST, ENOMEM, Errno
from kernel_stub.exec import Start
from kernel_stub.family import Family
from kernel_stub.futexes import Futexes
from kernel_stub.limits import has_too_many_tasks, limit_cpu_time
from kernel_stub.mm import AddressSpace
from kernel_stub.process import Process
from kernel_stub.protocol import Clone
from kernel_stub.scheduler import Scheduler
from kernel_stub.syscalls.creation import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_CLEAR_SIGHAND,
    CLONE_FILES,
    CLONE_FS,
    CLONE_PARENT,
    CLONE_PARENT_SETTID,
    CLONE_SETTLS,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VFORK,
    CLONE_VM,
)
from kernel_stub.syscalls.robust import release_robust_list
from kernel_stub.task import Task
from kernel_stub.vfs.pulses import next_moment

MOST_TASKS: Final = 4096  # a fork bomb ends here, root's too
INIT: Final = 1  # the number of the process that adopts whom nobody else does
_KEPT: Final = SIGACTION[8]
EXECVE: Final = {X86_64: 59, I386: 11}  # the call that a program seems to begin in
_REGS: Final = entry.PT_REGS_STRUCT


class Tasks:
    """All tasks and processes of one machine."""

    def __init__(
        self, machine: Machine, half: KernelHalf, scheduler: Scheduler, futexes: Futexes
    ) -> None:
        self.machine = machine
        self.half = half
        self.contexts = Contexts(machine, half)
        self.scheduler = scheduler
        self.futexes = futexes
        self.family = Family()
        self.processes = self.family.processes
        self._last_tid = 0

    def adopt(self, task: Task) -> None:
        """`task` is the first one."""
        task.cpu = self.contexts.first
        self._last_tid = task.tid
        self._add(task)

    def _add(self, task: Task) -> None:
        self.processes[task.pid] = task.process
        self.scheduler.tasks.append(task)

    # ---- clone

    def clone(self, parent: Task, asked: Clone) -> Task:
        """A task as clone(2) makes it. Raises Errno: EAGAIN, ENOMEM, EFAULT."""
        tasks = self.scheduler.tasks
        if len(tasks) >= MOST_TASKS or has_too_many_tasks(parent, tasks):
            raise Errno(EAGAIN)
        tid = self._tid_for(asked)
        space = self._space_for(parent, asked)
        try:
            context = self.contexts.make()
        except OutOfFrames:
            self._leave_space(space)
            raise Errno(ENOMEM) from None
        child = self._child(parent, asked, space, tid)
        child.cpu = context
        self.contexts.fork(context, parent.cpu, space.tables.root)
        self._prepare(parent, child, asked)
        self._add(child)
        if child.process is not parent.process:
            limit_cpu_time(parent.kernel, child.process)
        return child

    def _tid_for(self, asked: Clone) -> int:
        """The next number that nobody has, or the one that was asked for. Raises Errno(EEXIST)."""
        taken = {INIT, *(task.tid for task in self.scheduler.tasks), *self.processes}
        if asked.set_tid is not None:
            if asked.set_tid in taken:
                raise Errno(EEXIST)
            return asked.set_tid
        self._last_tid += 1
        while self._last_tid in taken:
            self._last_tid += 1
        return self._last_tid

    def _space_for(self, parent: Task, asked: Clone) -> AddressSpace:
        if asked.flags & CLONE_VM:
            parent.space.users += 1
            return parent.space
        return parent.space.fork(self.half.tables)

    def _child(self, parent: Task, asked: Clone, space: AddressSpace, tid: int) -> Task:
        wanted = asked.flags
        files = parent.files if wanted & CLONE_FILES else parent.files.copy()
        files.users += 1 if wanted & CLONE_FILES else 0
        fs = parent.fs if wanted & CLONE_FS else parent.fs.copy()
        if wanted & CLONE_THREAD:
            process = parent.process
        else:
            above = parent.process.parent if wanted & CLONE_PARENT else parent.process
            process = Process(tid, above)
            process.exit_signal = asked.exit_signal
            if wanted & CLONE_PARENT:
                process.exit_signal = parent.process.exit_signal
            process.actions = self._actions(parent, wanted)
        child = Task(parent.kernel, tid, space, files, fs, parent.abi, process)
        for name in _INHERITED:
            setattr(child, name, getattr(parent, name))
        if wanted & CLONE_VM and not wanted & CLONE_VFORK:
            child.signal_stack = (0, SS_DISABLE, 0)
        return child

    @staticmethod
    def _actions(parent: Task, wanted: int) -> dict[int, bytes]:
        if wanted & CLONE_SIGHAND:
            return parent.process.actions
        if wanted & CLONE_CLEAR_SIGHAND:
            return _ignoring(parent.process.actions)
        return dict(parent.process.actions)

    def _prepare(self, parent: Task, child: Task, asked: Clone) -> None:
        """The registers, the thread-local storage and the words that clone(2) writes."""
        context = child.cpu
        self._put(context, "rax", 0)
        if asked.stack:
            self._put(context, "rsp", asked.stack)
        if asked.flags & CLONE_SETTLS:
            self._set_tls(context, asked)
        tid = INT.pack(child.tid)
        if asked.flags & CLONE_CHILD_CLEARTID:
            child.clear_child_tid = asked.child_tid
        with suppress(Errno):  # the kernel does not care either
            if asked.flags & CLONE_PARENT_SETTID:
                parent.memory.copy_out(asked.parent_tid, tid)
            if asked.flags & CLONE_CHILD_SETTID:
                child.memory.copy_out(asked.child_tid, tid)

    def _set_tls(self, context: CpuContext, asked: Clone) -> None:
        if asked.tls_slot is None:
            self.contexts.set_fs_base(context, asked.tls)
        else:
            self.contexts.set_tls(context, asked.tls_slot, asked.tls)

    def _put(self, context: CpuContext, register: str, value: int) -> None:
        at = context.frame_at + entry.PT_OFFSET[register] >> 3
        self.machine.physical.words[at] = value & (1 << 64) - 1

    # ---- exec

    def replace_space(self, task: Task) -> AddressSpace:
        """An empty address space for `task`; returns the old one, for `exec_failed` or `executed`.

        Raises Errno(ENOMEM).
        """
        old = task.space
        try:
            new = AddressSpace(
                self.machine.physical, self.machine.engine, self.half.tables, beside=old
            )
        except OutOfFrames:
            raise Errno(ENOMEM) from None
        new.stack_limit, new.data_limit, new.size_limit = (
            old.stack_limit,
            old.data_limit,
            old.size_limit,
        )
        task.use(new)
        return old

    def exec_failed(self, task: Task, old: AddressSpace) -> None:
        """The program could not be loaded: everything is as it was."""
        failed = task.space
        task.use(old)
        failed.release()

    def executed(self, task: Task, old: AddressSpace, start: Start) -> None:
        """`task` is another program, alone in its process, and starts at `start`."""
        for other in [other for other in task.process.threads if other is not task]:
            self._remove(other)
        task.tid = task.pid  # whichever thread it was
        new = task.space
        task.use(old)
        self._leave_memory(task)
        task.use(new)
        task.process.has_executed = True
        task.process.exit_signal = SIGCHLD
        task.process.posix_timers.clear()
        task.process.actions = _ignoring(task.process.actions)
        task.signal_stack = (0, SS_DISABLE, 0)
        if task.files.users > 1:
            task.files.users -= 1
            task.files = task.files.copy()
        task.files.close_on_exec(task)
        context = task.cpu
        long = start.abi is X86_64
        self.contexts.become_pristine(context, task.space.tables.root, long)
        task.abi = start.abi
        values = dict.fromkeys(entry.PT_REGS, 0)
        values.update(
            rip=start.rip,
            rsp=start.rsp,
            cs=layout.USER_CS if long else layout.USER32_CS,
            ss=layout.USER_DS,
            rflags=flags.IF | flags.FIXED,
            orig_rax=EXECVE[start.abi],
        )
        _REGS.pack_into(self.machine.physical.view, context.frame_at, *values.values())
        self._leave_space(old)

    # ---- exit

    def end_thread(self, task: Task) -> None:
        """The task ends; its process lives on."""
        self._remove(task)

    def end_process(self, task: Task, status: int, signal: int) -> None:
        """The whole process of `task` ends, with a status or by a signal."""
        for thread in list(task.process.threads):
            self._remove(thread)
        self.family.ended(task, status, signal)

    def _remove(self, task: Task) -> None:
        """Takes the task out of everything that knows it."""
        if task.futex is not None:
            self.futexes.leave(task.futex)
        self._leave_memory(task)
        task.process.threads.remove(task)
        task.process.left_at = next_moment()
        self.scheduler.forget(task)
        task.files.users -= 1
        if not task.files.users:
            task.files.close_all(task)
        self._leave_space(task.space)
        self.contexts.free(task.cpu)

    def _leave_memory(self, task: Task) -> None:
        """What others wait for in the memory that a task leaves, by exec or by its end."""
        task.vfork_done = True
        release_robust_list(task)
        address, task.clear_child_tid, task.robust_list = task.clear_child_tid, 0, (0, 0)
        if address and task.space.users > 1:
            with suppress(Errno):
                task.memory.pack(INT, address, 0)
                self.futexes.wake(task.space.futex_key(address), 1)

    def _leave_space(self, space: AddressSpace) -> None:
        space.users -= 1
        if not space.users:
            space.release()


# What a child starts with from its parent, besides what clone(2) names.
_INHERITED: Final = (
    "program_abi",
    "name",
    "executable",
    "arguments",
    "environment",
    "auxv",
    "identity",
    "signal_mask",
    "signal_stack",
    "last_fault",
    "personality",
    "policy",
    "nice",
    "dumpable",
    "no_new_privileges",
    "timer_slack_ns",
    "io_priority",
    "io_level",
    "io_bitmap",
)


def _ignoring(actions: dict[int, bytes]) -> dict[int, bytes]:
    """Of `actions`, what exec keeps: signals that are ignored stay so."""
    return {signal: kept for signal, kept in actions.items() if _KEPT.unpack(kept)[0] == SIG_IGN}
