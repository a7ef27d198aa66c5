"""From a machine and a command line to a program in ring 3: the parts of the kernel put together.

One page, in the order in which things must exist. It runs nothing.
execve(2), environ(7).
"""

from __future__ import annotations

import os
from typing import Final

from emu.errors import LoadError, OutOfFrames
from emu.machine import Machine
from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.boot import read_image, read_symbols
from kernel_stub.errno import Errno
from kernel_stub.exec import load_program
from kernel_stub.kernel import BOOT_TIME_NS, DEFAULT_SEED, Kernel
from kernel_stub.layout import LANDING_PAGE
from kernel_stub.mm import AddressSpace, ContentFile
from kernel_stub.mm.flags import MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ
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
) -> Kernel:
    """Boots a kernel on `machine` and puts `program` into ring 3, its first instruction next.

    `program` with a slash is a path; without, it is sought in the PATH of `envp`.

    Raises:
        LoadError: the program cannot be loaded.
        UsageError: a directory of `files` does not exist.
    """
    files.about.boot_ns = BOOT_TIME_NS
    files.about.memory = machine.physical.size
    vfs = Vfs(files)
    try:
        kernel = Kernel(machine, vfs, seed)
        space = AddressSpace(machine.physical, machine.engine, kernel.half.tables)
        task = Task(kernel, FIRST_PID, space, vfs.file_table(), vfs.context(), X86_64)
        task.uid, task.gid, task.groups = os.getuid(), os.getgid(), os.getgroups()
        task.fs.cwd = vfs.enter_host_directory(task, os.getcwdb())
        path = program if b"/" in program else _search_path(vfs, task, program, envp)
        start = load_program(kernel, task, path, argv, envp)
        if start.abi is I386:
            _map_landing_page(kernel, space)
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


def _map_landing_page(kernel: Kernel, space: AddressSpace) -> None:
    file = ContentFile(b"[vdso]", read_image("landing").ljust(PAGE_SIZE, b"\0"))
    flags = MAP_PRIVATE | MAP_FIXED
    space.mmap(LANDING_PAGE, PAGE_SIZE, PROT_READ | PROT_EXEC, flags, file, 0, file.path)
    kernel.landing_pad = read_symbols("landing")["landing_pad"]


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
