"""From a path to ring 3: where a program comes to lie, and every reason not to start it."""

from __future__ import annotations

from typing import Any

import pytest

from emu.errors import LoadError
from emu.x86.paging import NO_EXECUTE
from emu.x86.vendors import INTEL
from kernel_stub.abi.abi import I386, X86_64
from kernel_stub.errno import (
    E2BIG,
    EACCES,
    ELIBBAD,
    ELOOP,
    ENOENT,
    ENOEXEC,
    ENOMEM,
    Errno,
)
from kernel_stub.exec import Start, auxv, load_program
from kernel_stub.layout import USER_32, USER_64
from kernel_stub.task import Task
from kernel_stub.vdso import Vdso
from tests.kernel.fakes import MIB, PAGE, FakeFile, a_space, peek
from tests.load.elves import CODE_BASE, PT_GNU_STACK, PT_INTERP, Header, elf

LINKER = b"/lib/ld.so"


class FakeVfs:
    """Files by path; an errno in a file's place is what opening it gives."""

    def __init__(self, files: dict[bytes, bytes | int]) -> None:
        self.files = files

    def open_executable(self, task: Task, path: bytes) -> FakeFile:
        found = self.files.get(path, ENOENT)
        if isinstance(found, int):
            raise Errno(found)
        return FakeFile(found, path)


class FakeKernel:
    """What exec asks of a kernel."""

    hwcap = 0x178BFBFF
    has_fsgsbase = True
    largest_signal_frame = 1520

    def __init__(self, files: dict[bytes, bytes | int]) -> None:
        self.vfs = FakeVfs(files)
        self.vdso = Vdso(INTEL)

    def random_bytes(self, size: int) -> bytes:
        return b"r" * size


def a_task(files: dict[bytes, bytes | int], memory: int = 16 * MIB) -> Any:
    nothing: Any = None
    kernel: Any = FakeKernel(files)
    return Task(kernel, 1000, a_space(memory), nothing, nothing, X86_64)


def run(task: Any, path: bytes = b"/it", argv: list[bytes] | None = None) -> Start:
    return load_program(task.kernel, task, path, argv or [path], [b"A=1"])


def with_linker(bits: int = 64) -> bytes:
    headers = (
        Header(vaddr=0, filesz=0x800, flags=5),
        Header(PT_INTERP, 4, 0x200, 0x200, len(LINKER) + 1),
        Header(vaddr=0x1000, offset=0, filesz=0x10, memsz=0x2800, flags=6),
        Header(PT_GNU_STACK, 6, filesz=0),
    )
    content = bytearray(elf(*headers, type=3, bits=bits, entry=0x80))
    content[0x200 : 0x200 + len(LINKER)] = LINKER
    return bytes(content)


def a_linker(bits: int = 64) -> bytes:
    return elf(Header(vaddr=0, filesz=0x800), type=3, bits=bits, entry=0x40)


def regions(task: Any) -> list[tuple[int, int, int, bytes]]:
    """What is mapped, but for the vDSO, which every program has."""
    kernels = (b"[vvar]", b"[vdso]")
    return [(r.start, r.end, r.prot, r.name) for r in task.space.regions if r.name not in kernels]


def vector(task: Any) -> dict[int, int]:
    words = task.abi.words(len(task.auxv) // task.abi.word).unpack(task.auxv)
    return dict(zip(words[::2], words[1::2], strict=True))


LAYOUTS = {64: (X86_64, USER_64, 0x555555554000), 32: (I386, USER_32, 0x56555000)}


@pytest.mark.parametrize("bits", [64, 32])
def test_a_dynamic_program_and_its_linker_lie_where_linux_puts_them(bits: int) -> None:
    abi, layout, base = LAYOUTS[bits]
    task = a_task({b"/it": with_linker(bits), LINKER: a_linker(bits)})
    start = run(task)
    linker = layout.mmap_top - PAGE
    assert (start.rip, start.abi) == (linker + 0x40, abi)
    assert [row[:3] for row in regions(task)[:-1]] == [
        (base, base + PAGE, 5),
        (base + 0x1000, base + 0x2000, 3),
        (base + 0x2000, base + 0x4000, 3),
        (linker, linker + PAGE, 5),
    ]
    values = vector(task)
    assert values[auxv.AT_PHDR] == base + (64 if bits == 64 else 52)
    assert (values[auxv.AT_PHNUM], values[auxv.AT_PHENT]) == (4, 56 if bits == 64 else 32)
    assert (values[auxv.AT_BASE], values[auxv.AT_ENTRY]) == (linker, base + 0x80)
    assert values[auxv.AT_HWCAP] == 0x178BFBFF
    assert task.space.break_start == base + 0x4000


def test_a_static_program_begins_at_its_entry_without_a_linker() -> None:
    task = a_task({b"/it": elf()})
    start = run(task)
    assert start.rip == CODE_BASE + 0x80
    assert vector(task)[auxv.AT_BASE] == 0
    assert task.space.break_start == CODE_BASE + PAGE
    assert peek(task.space, CODE_BASE, 4) == b"\x7fELF"


@pytest.mark.parametrize("bits", [64, 32])
def test_a_program_that_may_move_and_has_no_linker_lies_among_the_mappings(bits: int) -> None:
    _, layout, _ = LAYOUTS[bits]
    task = a_task({b"/it": a_linker(bits)})
    assert run(task).rip == layout.mmap_top - PAGE + 0x40
    assert task.space.break_start == layout.lone_break


def test_a_great_alignment_is_kept() -> None:
    headers = (Header(vaddr=0, align=0x200000), Header(vaddr=0x200000, align=0x200000))
    task = a_task({b"/it": elf(*headers, type=3, entry=0)})
    assert run(task).rip % 0x200000 == 0


def test_behind_the_part_from_the_file_memory_is_zero() -> None:
    data = Header(vaddr=0x402010, offset=0x1010, filesz=0x20, memsz=0x3000, flags=6)
    task = a_task({b"/it": elf(Header(), data, tail=b"\xff" * 0x3000)})
    run(task)
    space = task.space
    assert peek(space, 0x402000, 0x31) == b"\xff" * 0x30 + b"\0"
    assert peek(space, 0x402030, 0x2FE0) == bytes(0x2FE0)


def test_a_last_page_that_is_all_the_file_s_keeps_what_is_behind() -> None:
    task = a_task({b"/it": elf(Header(vaddr=0x400000, filesz=0x100), tail=b"\xff" * 0x1000)})
    run(task)
    assert peek(task.space, 0x400800) == b"\xff"


def test_pages_are_read_when_they_are_touched() -> None:
    text = Header(vaddr=0x400000, filesz=0x40000)
    task = a_task({b"/it": elf(text, tail=bytes(0x40000))})
    run(task)
    assert task.space.pages.resident <= 2  # of the stack


# (PT_GNU_STACK's flags or None, bits, the stack is executable, data is executable)
STACKS = (
    (6, 64, False, False),
    (7, 64, True, False),
    (None, 64, False, False),
    (6, 32, False, False),
    (7, 32, True, False),
    (None, 32, True, True),
)


@pytest.mark.parametrize(("flags", "bits", "stack", "data"), STACKS)
def test_what_is_executable_is_what_the_program_asks_for(
    flags: int | None, bits: int, stack: bool, data: bool
) -> None:
    headers = [Header(), Header(vaddr=0x402000, flags=6, filesz=0x10)]
    if flags is not None:
        headers.append(Header(PT_GNU_STACK, flags, filesz=0))
    task = a_task({b"/it": elf(*headers, bits=bits)})
    start = run(task)
    peek(task.space, 0x402000)
    entries = [task.space.tables.entry(address) for address in (start.rsp, 0x402000)]
    assert [not entry & NO_EXECUTE for entry in entries] == [stack, data]


def test_the_task_becomes_the_program() -> None:
    task = a_task({b"/bin/a-name-that-is-long": elf()})
    run(task, b"/bin/a-name-that-is-long", [b"zero", b"one"])
    assert task.name == b"a-name-that-is-"
    assert task.executable == b"/bin/a-name-that-is-long"
    assert (task.arguments, task.environment) == ([b"zero", b"one"], [b"A=1"])


def test_a_program_without_arguments_gets_an_empty_one() -> None:
    task = a_task({b"/it": elf()})
    load_program(task.kernel, task, b"/it", [], [])
    assert task.arguments == [b""]


def test_a_script_runs_its_interpreter() -> None:
    script = b"#! /bin/awk -f\nBEGIN {}\n"
    task = a_task({b"./s": script, b"/bin/awk": elf()})
    run(task, b"./s", [b"s", b"arg"])
    assert task.arguments == [b"/bin/awk", b"-f", b"./s", b"arg"]
    assert (task.name, task.executable) == (b"s", b"/bin/awk")


def chain(depth: int) -> dict[bytes, bytes | int]:
    """A program behind `depth` scripts."""
    files: dict[bytes, bytes | int] = {b"/%d" % n: b"#!/%d\n" % (n + 1) for n in range(depth)}
    return files | {b"/%d" % depth: elf()}


def test_scripts_may_be_interpreters_but_not_without_end() -> None:
    assert run(a_task(chain(5)), b"/0").rip == CODE_BASE + 0x80
    with pytest.raises(LoadError) as refused:
        run(a_task(chain(6)), b"/0")
    assert refused.value.errno == ELOOP


# (files, errno, what the sentence says)
REFUSED: dict[str, tuple[dict[bytes, bytes | int], int, str]] = {
    "missing": ({}, ENOENT, "cannot run /it: no such file"),
    "forbidden": ({b"/it": EACCES}, EACCES, "cannot run /it: permission denied"),
    "directory": ({b"/it": 21}, 21, "cannot run /it: it is a directory"),
    "text": ({b"/it": b"text"}, ENOEXEC, "/it is not an ELF file"),
    "linker missing": (
        {b"/it": with_linker()},
        ENOENT,
        "cannot run /it: its interpreter /lib/ld.so (see -L DIR and --root DIR): no such file",
    ),
    "linker of text": (
        {b"/it": with_linker(), LINKER: b"text"},
        ENOEXEC,
        "/lib/ld.so, the interpreter of /it, is not an ELF file",
    ),
    "linker of another class": (
        {b"/it": with_linker(), LINKER: a_linker(32)},
        ELIBBAD,
        "/it has 64 bits, its interpreter /lib/ld.so 32",
    ),
    "script's interpreter missing": (
        {b"/it": b"#!/sh\n"},
        ENOENT,
        "cannot run /it: its interpreter /sh: no such file",
    ),
    "more than RAM": (
        {b"/it": elf(Header(flags=6, memsz=1 << 40))},
        ENOMEM,
        "/it does not fit into the guest's memory: see --memory SIZE",
    ),
    "over the end of 32 bits": (
        {b"/it": elf(Header(vaddr=0xFFFFE000), bits=32)},
        ENOMEM,
        "/it does not fit",
    ),
    "where nothing may lie": ({b"/it": elf(Header(vaddr=0))}, ENOMEM, "/it does not fit"),
}


@pytest.mark.parametrize(("files", "errno", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_program_is_refused(files: dict[bytes, bytes | int], errno: int, said: str) -> None:
    with pytest.raises(LoadError) as refused:
        run(a_task(files))
    assert refused.value.errno == errno
    assert said in str(refused.value)


@pytest.mark.parametrize("argv", [[b"x" * 131072], [b"x" * 100000] * 40])
def test_too_many_arguments_are_refused(argv: list[bytes]) -> None:
    with pytest.raises(LoadError, match="too long") as refused:
        run(a_task({b"/it": elf()}), argv=argv)
    assert refused.value.errno == E2BIG


def test_arguments_may_be_as_long_as_linux_allows() -> None:
    task = a_task({b"/it": elf()})
    start = run(task, argv=[b"x" * 131071] * 10)
    assert task.memory.copy_in(start.rsp, 8) == (10).to_bytes(8, "little")
