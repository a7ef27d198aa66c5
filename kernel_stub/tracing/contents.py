"""Requests that read and change a tracee: its memory, its registers, its USER area.

ptrace(2), "PTRACE_PEEKTEXT", "PTRACE_GETREGS", "PTRACE_GETREGSET", "PTRACE_ARCH_PRCTL".
"""

from __future__ import annotations

from collections.abc import Callable

from kernel_stub.abi.abi import X86_64
from kernel_stub.errno import EINVAL, EIO, Errno
from kernel_stub.mm import forced
from kernel_stub.tracing import registers, words
from kernel_stub.tracing.asked import Answer, Asked
from kernel_stub.tracing.registers import RegisterSet


def peek(asked: Asked) -> int:
    """PTRACE_PEEKTEXT and PTRACE_PEEKDATA."""
    word = asked.tracer.abi.word
    found = forced.read(asked.task.space, asked.address, word)
    if len(found) < word:
        raise Errno(EIO)
    asked.tracer.memory.copy_out(asked.data, found)
    return 0


def poke(asked: Asked) -> int:
    """PTRACE_POKETEXT and PTRACE_POKEDATA."""
    content = asked.data.to_bytes(asked.tracer.abi.word, "little")
    if forced.write(asked.task.space, asked.address, content) < len(content):
        raise Errno(EIO)
    return 0


def peek_user(asked: Asked) -> int:
    """PTRACE_PEEKUSER."""
    abi = asked.tracer.abi
    with asked.task.kernel.lent(asked.task):
        value = words.peek(asked.task, abi, asked.address)
    asked.tracer.memory.pack(abi.pointer, asked.data, value)
    return 0


def poke_user(asked: Asked) -> int:
    """PTRACE_POKEUSER."""
    with asked.task.kernel.lent(asked.task):
        words.poke(asked.task, asked.tracer.abi, asked.address, asked.data)
    return 0


def getting(chosen: RegisterSet) -> Answer:
    """PTRACE_GETREGS and its like."""

    def get(asked: Asked) -> int:
        asked.tracer.memory.copy_out(asked.data, _read(asked, chosen))
        return 0

    return get


def _read(asked: Asked, chosen: RegisterSet) -> bytes:
    with asked.task.kernel.lent(asked.task):
        return chosen.read(asked.task, asked.tracer.abi)


def setting(chosen: RegisterSet) -> Answer:
    """PTRACE_SETREGS and its like."""

    def put(asked: Asked) -> int:
        content = asked.tracer.memory.copy_in(asked.data, len(_read(asked, chosen)))
        with asked.task.kernel.lent(asked.task):
            chosen.write(asked.task, asked.tracer.abi, content)
        return 0

    return put


def by_abi(way: Callable[[RegisterSet], Answer]) -> Answer:
    """PTRACE_GETFPREGS and PTRACE_SETFPREGS: FXSAVE's image, of an i386 tracer FSAVE's."""
    long, short = way(registers.FXSAVE), way(registers.FSAVE)
    return lambda asked: (long if asked.tracer.abi is X86_64 else short)(asked)


def _set_meant(asked: Asked) -> tuple[RegisterSet, int, int]:
    """The set of PTRACE_GETREGSET, and the tracer's buffer. Raises Errno(EINVAL)."""
    abi = registers.native_abi(asked.task)
    chosen = registers.SETS[abi].get(asked.address)
    start, size = asked.tracer.memory.unpack(asked.tracer.abi.iovec, asked.data)
    if chosen is None or size % chosen.unit(abi):
        raise Errno(EINVAL)
    return chosen, start, size


def get_set(asked: Asked) -> int:
    """PTRACE_GETREGSET."""
    chosen, start, size = _set_meant(asked)
    with asked.task.kernel.lent(asked.task):
        content = chosen.read(asked.task, registers.native_abi(asked.task))[:size]
    asked.tracer.memory.copy_out(start, content)
    asked.tracer.memory.pack(asked.tracer.abi.iovec, asked.data, start, len(content))
    return 0


def set_set(asked: Asked) -> int:
    """PTRACE_SETREGSET."""
    chosen, start, size = _set_meant(asked)
    abi = registers.native_abi(asked.task)
    with asked.task.kernel.lent(asked.task):
        size = min(size, len(chosen.read(asked.task, abi)))
    content = asked.tracer.memory.copy_in(start, size)
    with asked.task.kernel.lent(asked.task):
        chosen.write(asked.task, abi, content)
    asked.tracer.memory.pack(asked.tracer.abi.iovec, asked.data, start, size)
    return 0
