"""System calls that make tasks and run programs: fork, vfork, clone, clone3, execve.

They check what a program asks for; the kernel does it.
fork(2), vfork(2), clone(2), execve(2), execveat(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Final

from kernel_stub.abi.capabilities import CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN
from kernel_stub.abi.process_structures import INT, USER_DESC
from kernel_stub.abi.signals import LAST_SIGNAL, SIGCHLD
from kernel_stub.errno import E2BIG, EBADF, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, EPERM, Errno
from kernel_stub.protocol import Clone
from kernel_stub.syscalls.places import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    descriptor_limit,
    place_at,
)
from kernel_stub.syscalls.table import Int, Path, Pointer, ULong, syscall
from kernel_stub.syscalls.tls import tls_slot
from kernel_stub.syscalls.user_desc import descriptor
from kernel_stub.task import Task
from kernel_stub.vfs.directory import Symlink

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
CLONE_DETACHED: Final = 0x40_0000
CLONE_SETTLS: Final = 0x8_0000
CLONE_PARENT_SETTID: Final = 0x10_0000
CLONE_CHILD_CLEARTID: Final = 0x20_0000
CLONE_UNTRACED: Final = 0x80_0000
CLONE_CHILD_SETTID: Final = 0x100_0000
CLONE_CLEAR_SIGHAND: Final = 1 << 32
CLONE_INTO_CGROUP: Final = 1 << 33
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWPID: Final = 0x2000_0000
CLONE_NEWTIME: Final = 0x80  # of clone3 and unshare(2): clone's byte says which signal
_NAMESPACES: Final = (
    0x7E02_0080  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
)
_KNOWN: Final = 0xFFFF_FFFF | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP
# One needs the other.
_NEEDS: Final = ((CLONE_SIGHAND, CLONE_VM), (CLONE_THREAD, CLONE_SIGHAND))
# One rules the other out.
_EXCLUDES: Final = (
    (CLONE_NEWNS, CLONE_FS),
    (CLONE_NEWUSER, CLONE_FS),
    (CLONE_NEWUSER, CLONE_THREAD),
    (CLONE_NEWPID, CLONE_THREAD),
    (CLONE_CLEAR_SIGHAND, CLONE_SIGHAND),
    (CLONE_PIDFD, CLONE_DETACHED),
)

# struct clone_args: flags pidfd child_tid parent_tid exit_signal stack stack_size tls, as of its
# first version; set_tid set_tid_size cgroup came later.
CLONE_ARGS: Final = Struct("<11Q")
CLONE_ARGS_SIZES: Final = (64, 80, 88)  # of its versions
CLONE_ARGS_LARGEST: Final = 4096
_MOST_LEVELS: Final = 32  # of PID namespaces: how many numbers set_tid may have
_LAST_PID: Final = (1 << 22) - 1
LONGEST_STRING: Final = 1 << 17  # MAX_ARG_STRLEN, with the NUL
MOST_STRINGS: Final = 1 << 20  # of argv and envp: what the stack could not hold anyway
_MISSING: Final = "no namespaces (EPERM), no cgroups (EBADF)"


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
    asked = Clone(
        flags & 0xFFFF_FFFF & ~CSIGNAL,
        stack,
        parent_tid,
        child_tid,
        tls,
        exit_signal=flags & CSIGNAL,
        pidfd=parent_tid if flags & CLONE_PIDFD else 0,
    )
    return _clone(task, asked)


@syscall(support="partial", missing=_MISSING + ", no cgroups (EBADF)")
def clone3(task: Task, pointer: Pointer, size: ULong) -> int:
    arguments = _clone_arguments(task, pointer, size)
    flags, pidfd, child_tid, parent_tid, signal, stack, stack_size, tls, tids, levels, cgroup = (
        arguments
    )
    if levels > _MOST_LEVELS or bool(tids) != bool(levels) or signal > LAST_SIGNAL:
        raise Errno(EINVAL)
    if flags & CLONE_INTO_CGROUP and (cgroup >= 1 << 31 or size < CLONE_ARGS_SIZES[2]):
        raise Errno(EINVAL)
    if flags & (CLONE_DETACHED | CSIGNAL & ~CLONE_NEWTIME) or flags & ~_KNOWN:
        raise Errno(EINVAL)
    if flags & (CLONE_THREAD | CLONE_PARENT) and signal:
        raise Errno(EINVAL)
    if bool(stack) != bool(stack_size) or stack + stack_size >= 1 << 8 * task.abi.word:
        raise Errno(EINVAL)
    numbers = task.memory.copy_in(tids, levels * INT.size)
    asked = Clone(flags, stack + stack_size, parent_tid, child_tid, tls, None, signal)
    if flags & CLONE_PIDFD:
        asked = asked._replace(pidfd=pidfd)
    if flags & CLONE_INTO_CGROUP:
        raise Errno(EBADF)
    return _clone(
        task, asked, [INT.unpack_from(numbers, at)[0] for at in range(0, len(numbers), 4)]
    )


def _clone_arguments(task: Task, pointer: int, size: int) -> tuple[int, ...]:
    """struct clone_args; what newer versions may have must be 0. Raises Errno."""
    if size < CLONE_ARGS_SIZES[0]:
        raise Errno(EINVAL)
    if size > CLONE_ARGS_LARGEST:
        raise Errno(E2BIG)
    content = task.memory.copy_in(pointer, size)
    if any(content[CLONE_ARGS.size :]):
        raise Errno(E2BIG)
    return CLONE_ARGS.unpack(content[: CLONE_ARGS.size].ljust(CLONE_ARGS.size, b"\0"))


def _clone(task: Task, asked: Clone, set_tid: Sequence[int] = ()) -> int:
    """Checks what is asked for, has it done, and waits for a child of vfork."""
    if task.child is not None:
        return _wait_for_child(task)
    flags = asked.flags
    if any(flags & one and not flags & other for one, other in _NEEDS):
        raise Errno(EINVAL)
    if any(flags & one and flags & other for one, other in _EXCLUDES):
        raise Errno(EINVAL)
    if flags & CLONE_PIDFD and flags & CLONE_PARENT_SETTID and asked.pidfd == asked.parent_tid:
        raise Errno(EINVAL)
    if flags & _NAMESPACES:
        raise Errno(EPERM)
    if flags & CLONE_SETTLS and task.abi.word == 4:
        asked = _with_tls_descriptor(task, asked)
    if set_tid:
        asked = asked._replace(set_tid=_chosen(task, set_tid))
    tid = _with_pidfd(task, asked) if flags & CLONE_PIDFD else task.kernel.clone(task, asked)
    if flags & CLONE_VFORK:
        task.child = task.kernel.find_task(tid)
        return _wait_for_child(task)
    return tid


def event_of(asked: Clone) -> Event | None:
    """What a tracer is told of; None: nothing. ptrace(2), "PTRACE_O_TRACECLONE"."""
    from kernel_stub.abi.tracing import Event

    if asked.flags & CLONE_UNTRACED:
        return None
    if asked.flags & CLONE_VFORK:
        return Event.VFORK
    return Event.FORK if asked.exit_signal == SIGCHLD else Event.CLONE


def _chosen(task: Task, numbers: Sequence[int]) -> int:
    """The number that the program chose for its child. Raises Errno."""
    if len(numbers) > 1 or not 1 <= numbers[0] <= _LAST_PID:
        raise Errno(EINVAL)
    if not task.is_able(CAP_CHECKPOINT_RESTORE) and not task.is_able(CAP_SYS_ADMIN):
        raise Errno(EPERM)
    return numbers[0]


def _with_pidfd(task: Task, asked: Clone) -> int:
    """A child, and a descriptor of it whose number is written before the child is there."""
    from kernel_stub.syscalls.pidfds import PIDFD_THREAD, give, pid_file

    number = task.files.lowest_free(descriptor_limit(task))
    task.memory.pack(INT, asked.pidfd, number)
    tid = task.kernel.clone(task, asked)
    child = task.kernel.find_task(tid)
    assert child is not None, "it was just made"
    thread = child if asked.flags & CLONE_THREAD else None
    give(task, pid_file(task, child.process, thread, PIDFD_THREAD if thread else 0))
    return tid


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


@syscall(support="partial", missing="AT_EXECVE_CHECK is EINVAL")
def execveat(
    task: Task, directory: Int, path: Path, argv: Pointer, envp: Pointer, flags: Int
) -> int:
    if not path and not flags & AT_EMPTY_PATH:
        raise Errno(ENOENT)
    if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
        raise Errno(EINVAL)
    if not path or (not path.startswith(b"/") and directory != AT_FDCWD):
        task.files.any(directory)
        path = b"/dev/fd/%d" % directory + (b"/" + path if path else b"")
    is_named = path != b"/dev/fd/%d" % directory
    if is_named and flags & AT_SYMLINK_NOFOLLOW:
        place = place_at(task, AT_FDCWD, path, follow=False)
        if isinstance(place.inode, Symlink):
            raise Errno(ELOOP)
    if path.startswith(b"/dev/fd/") and directory in task.files.cloexec and _is_script(task, path):
        raise Errno(ENOENT)  # its interpreter could not open it
    return _exec(task, path, argv, envp)


def _is_script(task: Task, path: bytes) -> bool:
    """Whether the program at `path` begins as one. Raises Errno: it cannot be run anyway."""
    file = task.kernel.vfs.open_executable(task, path)
    return file.inode.content(0, 2) == b"#!"


def _strings(task: Task, pointer: int) -> list[bytes]:
    """A NULL-terminated array of strings. Raises Errno: EFAULT, E2BIG."""
    found: list[bytes] = []
    size, word = 0, task.abi.word
    while pointer:
        (address,) = task.memory.unpack(task.abi.pointer, pointer)
        if not address:
            break
        try:
            string = task.memory.copy_in_string(address, LONGEST_STRING)
        except Errno as wrong:
            raise Errno(E2BIG) if wrong.number == ENAMETOOLONG else wrong from None
        found.append(string)
        size += len(string) + 1
        if size > MOST_STRINGS * 8:
            raise Errno(E2BIG)
        pointer += word
    return found
