"""System calls that make tasks and run programs: fork, vfork, clone, clone3, execve.

They check what a program asks for; the kernel does it.
fork(2), vfork(2), clone(2), execve(2), execveat(2).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.process_structures import INT, USER_DESC
from kernel_stub.abi.signals import LAST_SIGNAL, SIGCHLD
from kernel_stub.errno import E2BIG, EINVAL, ENOENT, EPERM, Errno
from kernel_stub.protocol import Clone
from kernel_stub.syscalls.pidfds import install_pidfd
from kernel_stub.syscalls.places import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    descriptor_limit,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, ULong, syscall
from kernel_stub.syscalls.tls import tls_slot
from kernel_stub.syscalls.user_desc import descriptor
from kernel_stub.task import Task

if TYPE_CHECKING:
    from kernel_stub.abi.tracing import Event

CSIGNAL: Final = 0xFF
CLONE_VM: Final = 0x100
CLONE_FS: Final = 0x200
CLONE_FILES: Final = 0x400
CLONE_SIGHAND: Final = 0x800
CLONE_PIDFD: Final = 0x1000
CLONE_PTRACE: Final = 0x2000
CLONE_VFORK: Final = 0x4000
CLONE_PARENT: Final = 0x8000
CLONE_THREAD: Final = 0x1_0000
CLONE_NEWNS: Final = 0x2_0000
CLONE_SETTLS: Final = 0x8_0000
CLONE_PARENT_SETTID: Final = 0x10_0000
CLONE_CHILD_CLEARTID: Final = 0x20_0000
CLONE_DETACHED: Final = 0x40_0000
CLONE_UNTRACED: Final = 0x80_0000
CLONE_CHILD_SETTID: Final = 0x100_0000
CLONE_CLEAR_SIGHAND: Final = 1 << 32
_NAMESPACES: Final = (
    0x7E02_0080  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
)
_KNOWN: Final = 0xFFFF_FFFF | CLONE_CLEAR_SIGHAND
# One needs the other.
_NEEDS: Final = ((CLONE_SIGHAND, CLONE_VM), (CLONE_THREAD, CLONE_SIGHAND))

# struct clone_args: flags pidfd child_tid parent_tid exit_signal stack stack_size tls, as of its
# first version; set_tid set_tid_size cgroup came later.
CLONE_ARGS: Final = Struct("<8Q")
CLONE_ARGS_LARGEST: Final = 4096
MOST_STRINGS: Final = 1 << 20  # of argv and envp: what the stack could not hold anyway
_MISSING: Final = "no namespaces (EPERM)"


@syscall()
def fork(task: Task) -> int:
    return task.kernel.clone(task, Clone(0))


@syscall()
def vfork(task: Task) -> int:
    return _clone(task, Clone(CLONE_VM | CLONE_VFORK))


@syscall(support="partial", missing=_MISSING)
def clone(
    task: Task, flags: ULong, stack: Pointer, parent_tid: Pointer, fourth: ULong, fifth: ULong
) -> int:
    child_tid, tls = (fourth, fifth) if task.abi.word == 8 else (fifth, fourth)
    wanted = flags & 0xFFFF_FFFF & ~CSIGNAL
    if wanted & CLONE_PIDFD and wanted & (CLONE_PARENT_SETTID | CLONE_DETACHED):
        raise Errno(EINVAL)
    asked = Clone(wanted, stack, parent_tid, child_tid, tls, None, flags & CSIGNAL)
    return _clone(task, asked, parent_tid)


@syscall(support="partial", missing=_MISSING + ", no set_tid")
def clone3(task: Task, pointer: Pointer, size: ULong) -> int:
    if size < CLONE_ARGS.size:
        raise Errno(EINVAL)
    if size > CLONE_ARGS_LARGEST:
        raise Errno(E2BIG)
    content = task.memory.copy_in(pointer, size)
    flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls = (
        CLONE_ARGS.unpack_from(content)
    )
    if any(content[CLONE_ARGS.size :]):
        raise Errno(EINVAL)  # set_tid, cgroup
    is_wrong = flags & (CSIGNAL | CLONE_DETACHED) or exit_signal > LAST_SIGNAL
    if is_wrong or bool(stack) != bool(stack_size):
        raise Errno(EINVAL)
    if flags & CLONE_PIDFD and flags & CLONE_PARENT_SETTID and pidfd == parent_tid:
        raise Errno(EINVAL)
    if flags & (CLONE_THREAD | CLONE_PARENT) and exit_signal:
        raise Errno(EINVAL)
    asked = Clone(flags, stack + stack_size, parent_tid, child_tid, tls, None, exit_signal)
    return _clone(task, asked, pidfd)


def _clone(task: Task, asked: Clone, pidfd: int = 0) -> int:
    """Checks what is asked for, has it done, and waits for a child of vfork.

    `pidfd` is where CLONE_PIDFD wants the descriptor.
    """
    if task.child is not None:
        return _wait_for_child(task)
    flags = asked.flags
    if any(flags & one and not flags & other for one, other in _NEEDS):
        raise Errno(EINVAL)
    if flags & CLONE_CLEAR_SIGHAND and flags & CLONE_SIGHAND:
        raise Errno(EINVAL)
    if (flags & CLONE_NEWNS and flags & CLONE_FS) or flags & ~_KNOWN:
        raise Errno(EINVAL)
    if flags & _NAMESPACES:
        raise Errno(EPERM)
    if flags & CLONE_SETTLS and task.abi.word == 4:
        asked = _with_tls_descriptor(task, asked)
    if flags & CLONE_PIDFD:
        tid = _with_pidfd(task, asked, pidfd)
    else:
        tid = task.kernel.clone(task, asked)
    if flags & CLONE_VFORK:
        task.child = task.kernel.find_task(tid)
        return _wait_for_child(task)
    return tid


def _with_pidfd(task: Task, asked: Clone, pointer: int) -> int:
    """CLONE_PIDFD: a descriptor of the child, which does not have it; its number is at `pointer`.

    What could fail does so before there is a child.
    """
    if asked.flags & CLONE_THREAD:
        raise Errno(EINVAL)
    task.files.lowest_free(descriptor_limit(task))
    task.memory.pack(INT, pointer, *task.memory.unpack(INT, pointer))
    tid = task.kernel.clone(task, asked)
    process = task.kernel.process(tid)
    assert process is not None, "it was just made"
    task.memory.pack(INT, pointer, install_pidfd(task, process))
    return tid


def event_of(asked: Clone) -> Event | None:
    """What a tracer is told of; None: nothing. ptrace(2), "PTRACE_O_TRACECLONE"."""
    from kernel_stub.abi.tracing import Event

    if asked.flags & CLONE_UNTRACED:
        return None
    if asked.flags & CLONE_VFORK:
        return Event.VFORK
    return Event.FORK if asked.exit_signal == SIGCHLD else Event.CLONE


def _with_tls_descriptor(task: Task, asked: Clone) -> Clone:
    """i386 gives a struct user_desc: its descriptor, and the slot."""
    number, base, limit, bits = task.memory.unpack(USER_DESC, asked.tls)
    return asked._replace(tls=descriptor(base, limit, bits), tls_slot=tls_slot(number))


def _wait_for_child(task: Task) -> int:
    child = task.child
    assert child is not None, "there is one to wait for"
    if not child.vfork_done:
        what = f"process {child.pid} to run a program or to end (vfork)"
        task.kernel.block(task, what, child.is_vfork_done, killable=True)
    task.child = None
    if task.tracing is not None:
        task.tracing.vfork_ended(child.tid)
    return child.tid


@syscall()
def execve(task: Task, path: Path, argv: Pointer, envp: Pointer) -> int:
    return _exec(task, path, argv, envp)


def _exec(task: Task, path: bytes, argv: int, envp: int) -> int:
    if not path:
        raise Errno(ENOENT)
    task.kernel.exec(task, path, _strings(task, argv), _strings(task, envp))
    return 0


@syscall(support="partial", missing="a descriptor with AT_EMPTY_PATH needs a path in /proc/self/fd")
def execveat(
    task: Task, directory: Int, path: Path, argv: Pointer, envp: Pointer, flags: Int
) -> int:
    if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
        raise Errno(EINVAL)
    if not path and flags & AT_EMPTY_PATH:
        path = b"/proc/self/fd/%d" % directory
        task.files.any(directory)
    elif not path.startswith(b"/") and directory != AT_FDCWD:
        task.files.any(directory)
        path = b"/proc/self/fd/%d/%s" % (directory, path)
    return _exec(task, path, argv, envp)


def _strings(task: Task, pointer: int) -> list[bytes]:
    """A NULL-terminated array of strings. Raises Errno: EFAULT, E2BIG."""
    found: list[bytes] = []
    size, word = 0, task.abi.word
    while pointer:
        (address,) = task.memory.unpack(task.abi.pointer, pointer)
        if not address:
            break
        string = task.memory.copy_in_string(address, 1 << 17)
        found.append(string)
        size += len(string) + 1
        if size > MOST_STRINGS * 8:
            raise Errno(E2BIG)
        pointer += word
    return found
