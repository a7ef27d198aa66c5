"""From a machine and a command line to a program in ring 3: the parts of the kernel put together.

One page, in the order in which things must exist. It runs nothing.
execve(2), environ(7).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from emu.errors import LoadError, OutOfFrames
from emu.machine import Machine
from kernel_stub.abi.abi import X86_64
from kernel_stub.abi.process_structures import SIGACTION
from kernel_stub.abi.signals import SIG_IGN
from kernel_stub.clock import BOOT_TIME_NS
from kernel_stub.errno import Errno
from kernel_stub.exec import load_program
from kernel_stub.identity import of_user
from kernel_stub.kallsyms import kallsyms_text
from kernel_stub.kernel import DEFAULT_SEED, Kernel
from kernel_stub.mm import AddressSpace
from kernel_stub.task import Task
from kernel_stub.vfs import Vfs, VfsOptions

FIRST_PID: Final = 1000


def launch(
    machine: Machine,
    program: bytes,
    argv: list[bytes],
    envp: list[bytes],
    files: VfsOptions,
    seed: int = DEFAULT_SEED,
    vdso: bool = True,
    vsyscall: bool = True,
    ignored: Iterable[int] = (),
) -> Kernel:
    """Boots a kernel on `machine` and puts `program` into ring 3, its first instruction next.

    `program` with a slash is a path; without, it is sought in the PATH of `envp`. Without `vdso`
    programs are not told of the vDSO; without `vsyscall`, calls to that page are faults. It starts
    with the signals `ignored` ignored.

    Raises:
        LoadError: the program cannot be loaded.
        UsageError: a directory of `files` does not exist.
    """
    files.about.boot_ns = BOOT_TIME_NS
    files.about.memory = machine.physical.size
    files.about.vsyscall = vsyscall
    files.about.kallsyms = kallsyms_text
    vfs = Vfs(files)
    try:
        kernel = Kernel(machine, vfs, seed)
        kernel.vdso.announced, kernel.vsyscall = vdso, vsyscall
        space = AddressSpace(machine.physical, machine.engine, kernel.half.tables)
        task = Task(kernel, FIRST_PID, space, vfs.file_table(), vfs.context(), X86_64)
        vfs.terminal.session, vfs.terminal.group = task.session, task.process_group
        task.identity = of_user(os.getuid(), os.getgid(), tuple(os.getgroups()))
        task.process.actions = dict.fromkeys(ignored, SIGACTION[8].pack(SIG_IGN, 0, 0, 0))
        task.fs.cwd = vfs.enter_host_directory(task, os.getcwdb())
        path = program if b"/" in program else _search_path(vfs, task, program, envp)
        start = load_program(kernel, task, path, argv, envp)
    except OutOfFrames as error:
        raise LoadError(f"{error}: give more with --memory SIZE") from None
    _start_clock(kernel, vfs, task, argv)
    kernel.start(task, start.rip, start.rsp, start.abi)
    return kernel


def _start_clock(kernel: Kernel, vfs: Vfs, task: Task, argv: list[bytes]) -> None:
    """The clock starts no earlier than the files that the command line names.

    What a program lists is not in the future then, also where it asks for the time first. The
    working directory does not count: the shell that redirects the output has just changed it.
    """
    paths = [argument for argument in argv[1:] if argument[:1] not in (b"", b"-")]
    for path in paths:
        kernel.file_time_shown(vfs.newest_time(task, path))


def _search_path(vfs: Vfs, task: Task, name: bytes, envp: list[bytes]) -> bytes:
    if not name:
        raise LoadError("the name of the program is empty")
    path = next((value[5:] for value in envp if value.startswith(b"PATH=")), b"/bin:/usr/bin")
    for folder in path.split(b":"):
        candidate = (folder or b".") + b"/" + name
        try:
            vfs.open_executable(task, candidate)
        except Errno:
            continue
        return candidate
    shown = name.decode(errors="replace")
    raise LoadError(f"{shown}: no such program in PATH; a program here is ./{shown}")
