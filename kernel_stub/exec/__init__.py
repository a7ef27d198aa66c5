"""Starting a program: from a path, argv and envp to the first instruction of ring 3.

It follows Linux's execve: find the program, map it and its dynamic linker, lay the first stack. The
registers that it names are set by whoever runs the task.
execve(2); System V ABI, "Process Initialization".
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from emu.errors import LoadError
from emu.load.elf import PF_X, Image
from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.errno import E2BIG, ENOMEM, Errno
from kernel_stub.exec import auxv
from kernel_stub.exec.file import Executables, Program, find_program
from kernel_stub.exec.placing import Placed, fill, no_room, place_anywhere, place_program
from kernel_stub.exec.stack import RANDOM_SIZE, STRING_LIMIT, FirstStack, first_stack
from kernel_stub.layout import STACK_START_SIZE, USER_32, USER_64
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_GROWSDOWN,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.task import Task
from kernel_stub.vdso import Vdso

NAME_SIZE: Final = 15  # of a task's name, without the NUL


class Services(Protocol):
    """What exec asks of the kernel. `hwcap` is CPUID.1:EDX; `has_fsgsbase`: for ring 3."""

    @property
    def vfs(self) -> Executables: ...

    @property
    def hwcap(self) -> int: ...

    @property
    def has_fsgsbase(self) -> bool: ...

    @property
    def largest_signal_frame(self) -> int: ...

    @property
    def vdso(self) -> Vdso: ...

    def random_bytes(self, size: int) -> bytes: ...


class Start(NamedTuple):
    """Where ring 3 begins, and in which ABI. Every other register is 0."""

    rip: int
    rsp: int
    abi: Abi


def load_program(
    kernel: Services, task: Task, path: bytes, argv: list[bytes], envp: list[bytes]
) -> Start:
    """Loads the program at `path` into the empty address space of `task`.

    Raises:
        LoadError: it cannot be run; the task has not changed, its address space may have.
    """
    program = find_program(kernel.vfs, task, path, argv or [b""])  # as Linux since 5.18
    abi = X86_64 if program.image.bits == 64 else I386
    space = task.space
    space.layout = USER_64 if program.image.bits == 64 else USER_32
    space.read_implies_exec = program.image.bits == 32 and program.image.stack_flags is None
    placed = place_program(space, program.image, program.file)
    _set_break(space, program.image, placed)
    linker = place_anywhere(space, program.linker[1], program.linker[0]) if program.linker else None
    values = _map_vdso(kernel.vdso, space, abi, program.image)
    values |= _auxiliary_values(kernel, task, program.image, placed, linker)
    stack = first_stack(
        abi,
        space.layout.stack_top,
        program.argv,
        envp,
        path,
        abi.machine,
        kernel.random_bytes(RANDOM_SIZE),
        values,
    )
    _map_stack(space, program, stack, [*program.argv, *envp])
    _become(task, program, path, abi, envp, stack)
    return Start(linker.entry if linker else placed.entry, stack.pointer, abi)


def _set_break(space: AddressSpace, image: Image, placed: Placed) -> None:
    """The heap begins behind the program; behind one that lies among the mappings, it cannot."""
    lone = image.is_position_independent and image.interpreter is None
    space.break_start = space.break_end = space.layout.lone_break if lone else placed.end


def _map_vdso(vdso: Vdso, space: AddressSpace, abi: Abi, image: Image) -> dict[int, int]:
    """Maps the kernel's shared object; returns what the program is told of it.

    It is there also where nobody is told: SYSENTER returns to it.
    """
    try:
        base = vdso.map_into(space, abi)
    except Errno:
        raise no_room(image) from None
    if not vdso.announced:
        return {}
    told = {auxv.AT_SYSINFO_EHDR: base}
    if abi is I386:
        told[auxv.AT_SYSINFO] = vdso.symbol_32(space, "__kernel_vsyscall")
    return told


def _auxiliary_values(
    kernel: Services, task: Task, image: Image, placed: Placed, linker: Placed | None
) -> dict[int, int]:
    headers = image.program_headers
    return {
        auxv.AT_MINSIGSTKSZ: kernel.largest_signal_frame,
        auxv.AT_HWCAP: kernel.hwcap,
        auxv.AT_PAGESZ: PAGE_SIZE,
        auxv.AT_CLKTCK: auxv.CLOCK_TICKS,
        auxv.AT_PHDR: headers.vaddr + placed.bias,
        auxv.AT_PHENT: headers.entry_size,
        auxv.AT_PHNUM: headers.number,
        auxv.AT_BASE: linker.bias if linker else 0,
        auxv.AT_FLAGS: 0,
        auxv.AT_ENTRY: placed.entry,
        auxv.AT_UID: task.uid,
        auxv.AT_EUID: task.uid,
        auxv.AT_GID: task.gid,
        auxv.AT_EGID: task.gid,
        auxv.AT_SECURE: 0,
        auxv.AT_HWCAP2: auxv.HWCAP2_FSGSBASE if kernel.has_fsgsbase else 0,
    }


def _map_stack(
    space: AddressSpace, program: Program, stack: FirstStack, strings: list[bytes]
) -> None:
    """Maps the stack and writes what it begins with."""
    name, top = program.image.name, space.layout.stack_top
    too_long = any(len(string) >= STRING_LIMIT for string in strings)
    if too_long or len(stack.content) > space.stack_limit // 4:
        raise LoadError(f"the arguments and the environment of {name} are too long", E2BIG)
    start = stack.pointer - (STACK_START_SIZE - PAGE_SIZE) & -PAGE_SIZE
    prot = PROT_READ | PROT_WRITE
    if program.image.stack_flags is not None and program.image.stack_flags & PF_X:
        prot |= PROT_EXEC
    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN
    try:
        space.mmap(start, top - start, prot, flags, name=b"[stack]")
        fill(space, stack.pointer, stack.content)
    except Errno:
        raise LoadError(f"the stack of {name} does not fit: see --memory SIZE", ENOMEM) from None


def _become(
    task: Task, program: Program, path: bytes, abi: Abi, envp: list[bytes], stack: FirstStack
) -> None:
    """The task is the new program from now on."""
    task.abi = task.program_abi = abi
    task.name = path.rpartition(b"/")[2][:NAME_SIZE]
    task.executable = program.file.path
    task.arguments = program.argv
    task.environment = envp
    task.auxv = stack.auxv
