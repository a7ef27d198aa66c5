"""A static program as the bare rigs start it: its segments, its first stack, its answer.

It reads the few fields of a static ELF that a rig needs and checks nothing: the guests are our own.
System V ABI, "Program Loading"; "Process Initialization".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

PAGE: Final = 4096
STACK_TOP: Final = 0x7FFF_F000
STACK_SIZE: Final = 1 << 20
PF_X: Final = 1
PT_LOAD: Final = 1
AT_PAGESZ, AT_RANDOM = 6, 25
NR_MPROTECT: Final = 10
NR_BRK: Final = 12
NR_EXIT: Final = 60
NR_ARCH_PRCTL: Final = 158
NR_EXIT_GROUP: Final = 231
NR_GETPID: Final = 39
PID: Final = 1000

_ENTRY_AND_HEADERS: Final = Struct("<24xQQ14xHH")  # e_entry, e_phoff, e_phentsize, e_phnum
_PROGRAM_HEADER: Final = Struct("<IIQQQQQQ")


class Piece(NamedTuple):
    """Whole pages of the program, with what stands in them."""

    address: int
    content: bytes
    executable: bool


class Program(NamedTuple):
    """A static 64-bit program with arguments, ready to be copied into memory."""

    entry: int
    stack_pointer: int
    pieces: tuple[Piece, ...]


def read_program(path: str, arguments: Sequence[str]) -> Program:
    """The program at `path` and its first stack with `arguments`."""
    file = Path(path).read_bytes()
    entry, offset, size, number = _ENTRY_AND_HEADERS.unpack_from(file)
    headers = [_PROGRAM_HEADER.unpack_from(file, offset + i * size) for i in range(number)]
    pieces = [_piece(file, header) for header in headers if header[0] == PT_LOAD]
    stack, pointer = _first_stack([path, *arguments])
    return Program(entry, pointer, (*pieces, stack))


def _piece(file: bytes, header: tuple[int, ...]) -> Piece:
    _, flags, offset, address, _, in_file, in_memory, _ = header
    start = address & -PAGE
    content = bytes(address - start) + file[offset : offset + in_file]
    end = address + in_memory + PAGE - 1 & -PAGE
    return Piece(start, content.ljust(end - start, b"\0"), bool(flags & PF_X))


def _first_stack(arguments: Sequence[str]) -> tuple[Piece, int]:
    strings = [argument.encode() + b"\0" for argument in arguments]
    at = STACK_TOP - sum(map(len, strings)) & -16
    words = [len(arguments)]
    text = b""
    for string in strings:
        words.append(at + len(text))
        text += string
    # The ends of argv and of envp; the auxiliary vector: 16 bytes that libc takes for random, and
    # the size of a page.
    words += [0, 0, AT_RANDOM, STACK_TOP - STACK_SIZE, AT_PAGESZ, PAGE, 0, 0]
    table = b"".join(word.to_bytes(8, "little") for word in words)
    pointer = at - len(table) & -16
    content = table.ljust(at - pointer, b"\0") + text
    base = STACK_TOP - STACK_SIZE
    return Piece(base, (bytes(pointer - base) + content).ljust(STACK_SIZE, b"\0"), False), pointer


def timed(run: Callable[[], object]) -> float:
    """The CPU seconds of `run`."""
    before = time.process_time()
    run()
    return time.process_time() - before


def answer(**values: float | int) -> None:
    """Prints what the rig has to tell."""
    print(json.dumps(values), flush=True)
