"""The first stack of a program: strings, argv, envp and the auxiliary vector, as Linux lays them.

It computes bytes and addresses; it writes nothing and does not know what the auxiliary values mean,
but for those that point into the stack itself.
System V ABI AMD64 and Intel386, "Process Initialization"; getauxval(3).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from emu.x86.paging import PAGE_SIZE
from kernel_stub.abi.abi import Abi
from kernel_stub.exec.auxv import AT_EXECFN, AT_PLATFORM, AT_RANDOM, auxv_words

RANDOM_SIZE: Final = 16
STRING_LIMIT: Final = 32 * PAGE_SIZE  # MAX_ARG_STRLEN, with the NUL
_LAST_WORD: Final = 8  # Linux leaves a word of zeroes at the very top, in both ABIs
_ALIGNMENT: Final = 16


class FirstStack(NamedTuple):
    """`content` lies from `pointer` up to the top. `auxv` is its auxiliary vector."""

    pointer: int
    content: bytes
    auxv: bytes


def first_stack(
    abi: Abi,
    top: int,
    argv: list[bytes],
    envp: list[bytes],
    executable: bytes,
    platform: bytes,
    random: bytes,
    auxv: dict[int, int],
) -> FirstStack:
    """The stack that ends at `top`."""
    strings = [*argv, *envp, executable]
    block = b"".join(string + b"\0" for string in strings)
    block_start = top - _LAST_WORD - len(block)
    addresses = _addresses(strings, block_start)
    platform_start = (block_start & -_ALIGNMENT) - len(platform) - 1
    random_start = platform_start - RANDOM_SIZE
    values = auxv | {
        AT_EXECFN: addresses[-1],
        AT_PLATFORM: platform_start,
        AT_RANDOM: random_start,
    }
    end = len(argv)
    vector = auxv_words(values)
    words = [end, *addresses[:end], 0, *addresses[end:-1], 0, *vector]
    pointer = random_start - abi.word * len(words) & -_ALIGNMENT
    packed = abi.words(len(words)).pack(*words)
    gap = random_start - pointer - len(packed)
    low = packed + bytes(gap) + random + platform + b"\0"
    content = low + bytes(block_start - pointer - len(low)) + block + bytes(_LAST_WORD)
    return FirstStack(pointer, content, packed[-abi.word * len(vector) :])


def _addresses(strings: list[bytes], start: int) -> list[int]:
    addresses = []
    for string in strings:
        addresses.append(start)
        start += len(string) + 1
    return addresses
