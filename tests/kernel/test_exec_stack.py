"""The first stack, read back as a program reads it, and beside what a real Linux laid."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from kernel_stub.abi.abi import I386, X86_64, Abi
from kernel_stub.exec import auxv
from kernel_stub.exec.stack import FirstStack, first_stack
from kernel_stub.layout import USER_32, USER_64

ABIS = {"x86_64": (X86_64, USER_64.stack_top), "i386": (I386, USER_32.stack_top)}
ENVP = [b"A=1", b"BB=22"]
RANDOM = bytes(range(16))
AUXV = {auxv.AT_PAGESZ: 4096, auxv.AT_ENTRY: 0x401000, auxv.AT_SECURE: 0}


def stack_of(name: str, argv: list[bytes], envp: list[bytes] = ENVP) -> FirstStack:
    abi, top = ABIS[name]
    path = argv[0] if argv else b"/bin/it"
    return first_stack(abi, top, argv, envp, path, abi.machine, RANDOM, AUXV)


class ReadBack(NamedTuple):
    """What a program finds on its stack."""

    argv: list[bytes]
    envp: list[bytes]
    pointers: list[int]
    auxv: list[tuple[int, int]]


def read_back(abi: Abi, top: int, stack: FirstStack) -> ReadBack:
    def string(address: int) -> bytes:
        return stack.content[address - stack.pointer :].partition(b"\0")[0]

    count = len(stack.content) // abi.word
    words = list(abi.words(count).unpack(stack.content[: count * abi.word]))
    assert stack.pointer + len(stack.content) == top
    argc = words.pop(0)
    argv, rest = words[:argc], words[argc + 1 :]
    assert words[argc] == 0
    envp, rest = rest[: rest.index(0)], rest[rest.index(0) + 1 :]
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    vector = pairs[: pairs.index((0, 0)) + 1]
    strings = [string(pointer) for pointer in argv], [string(pointer) for pointer in envp]
    return ReadBack(*strings, argv + envp, vector)


@pytest.mark.parametrize("name", ABIS)
@pytest.mark.parametrize(
    "argv", [[], [b"it"], [b"/bin/it", b"", b"two words"], [b"x" * n for n in range(40)]]
)
def test_a_program_finds_what_it_was_given(name: str, argv: list[bytes]) -> None:
    abi, top = ABIS[name]
    stack = stack_of(name, argv)
    found = read_back(abi, top, stack)
    assert (found.argv, found.envp) == (argv, ENVP)
    assert stack.pointer % 16 == 0
    values = dict(found.auxv)
    assert values[auxv.AT_PAGESZ] == 4096

    def at(key: int, size: int) -> bytes:
        return stack.content[values[key] - stack.pointer :][:size]

    assert at(auxv.AT_RANDOM, 16) == RANDOM
    assert at(auxv.AT_PLATFORM, len(abi.machine) + 1) == abi.machine + b"\0"
    path = argv[0] if argv else b"/bin/it"
    assert at(auxv.AT_EXECFN, len(path) + 1) == path + b"\0"


@pytest.mark.parametrize("name", ABIS)
def test_the_auxiliary_vector_is_what_proc_shows(name: str) -> None:
    abi, top = ABIS[name]
    stack = stack_of(name, [b"it"])
    pairs = read_back(abi, top, stack).auxv
    assert stack.auxv == b"".join(abi.words(2).pack(*pair) for pair in pairs)
    keys = [key for key, _ in pairs]
    assert keys[:-1] == [key for key in auxv.ORDER if key in keys]
    assert pairs[-1] == (auxv.AT_NULL, 0)


class Laid(NamedTuple):
    """Addresses that Linux 6 chose without address randomisation for `path x yy`."""

    path: bytes
    argv: int
    envp: int
    random: int
    platform: int
    executable: int


ON_LINUX = {
    "x86_64": Laid(
        b"/tmp/stk",
        argv=0x7FFFFFFFEFD7,
        envp=0x7FFFFFFFEFE5,
        random=0x7FFFFFFFEFB9,
        platform=0x7FFFFFFFEFC9,
        executable=0x7FFFFFFFEFEF,
    ),
    "i386": Laid(
        b"/tmp/stk32",
        argv=0xFFFFDFD3,
        envp=0xFFFFDFE3,
        random=0xFFFFDFBB,
        platform=0xFFFFDFCB,
        executable=0xFFFFDFED,
    ),
}


@pytest.mark.parametrize("name", ABIS)
def test_strings_lie_where_linux_puts_them(name: str) -> None:
    abi, top = ABIS[name]
    laid = ON_LINUX[name]
    found = read_back(abi, top, stack_of(name, [laid.path, b"x", b"yy"]))
    values = dict(found.auxv)
    assert (found.pointers[0], found.pointers[3]) == (laid.argv, laid.envp)
    assert values[auxv.AT_RANDOM] == laid.random
    assert values[auxv.AT_PLATFORM] == laid.platform
    assert values[auxv.AT_EXECFN] == laid.executable


def test_a_key_without_a_place_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        auxv.auxv_words({1234: 5})
