"""The I/O bitmap and the LDT of a task: what ring 3 may do once the kernel has set them.

SDM 1, "I/O Permission Bit Map"; SDM 3A, "Segment Loading Instructions in IA-32e Mode".
"""

from __future__ import annotations

import struct
from typing import Final

import pytest

from emu.cpu import hostcode
from emu.machine import Machine
from emu.x86 import descriptors, msrs
from emu.x86.paging import PAGE_SIZE, PF_USER, PF_WRITE
from emu.x86.registers import LDTR
from kernel_stub import layout
from kernel_stub.abi.abi import X86_64
from kernel_stub.abi.process_structures import USER_DESC
from kernel_stub.abi.signals import SIGSEGV, SIGTRAP
from kernel_stub.kernel import Kernel
from kernel_stub.mm import AddressSpace
from kernel_stub.mm.flags import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from kernel_stub.task import Task
from kernel_stub.vfs import Vfs, VfsOptions

needs_ports: Final = pytest.mark.skipif(
    not hostcode.is_supported(), reason="ports are checked in native code: needs an x86-64 host"
)
IOPL, IOPERM, MODIFY_LDT = 172, 173, 154
IN, IN_16, OUT, OUT_32, CLI, STI, POPF_IOPL, INT3 = (
    bytes.fromhex(code) for code in ("ec", "66ed", "ee", "ef", "fa", "fb", "6800320000669d", "cc")
)
CODE, DATA, STACK = 0x1000_0000, 0x2000_0000, 0x3000_0000
RIGHTS: Final = {CODE: PROT_EXEC, DATA: 0, STACK: 0}  # besides reading and writing


class Booted:
    """A machine with our kernel and one task, whose code is a few bytes."""

    def __init__(self, uid: int = 0) -> None:
        self.machine = Machine(32 << 20)
        self.kernel = Kernel(self.machine, Vfs(VfsOptions()))
        self.task = self.new_task(self.new_space())
        self.task.uid = uid

    def new_space(self) -> AddressSpace:
        half = self.kernel.half.tables
        space = AddressSpace(self.machine.physical, self.machine.engine, half)
        for page, rights in RIGHTS.items():
            flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
            space.mmap(page, PAGE_SIZE, PROT_READ | PROT_WRITE | rights, flags)
            space.fault(page, PF_USER | PF_WRITE)
        return space

    def new_task(self, space: AddressSpace) -> Task:
        """A task in `space`, which outlives it: others run there too."""
        vfs = self.kernel.vfs
        space.users += 1
        return Task(self.kernel, 7, space, vfs.file_table(), vfs.context(), X86_64)

    def like(self, task: Task) -> Task:
        """A task with the ports and the space of `task`, which has ended."""
        twin = self.new_task(task.space)
        twin.io_level, twin.io_bitmap = task.io_level, task.io_bitmap
        return twin

    def ends_by(self, code: bytes) -> int:
        """Runs `code`; the signal that ends it: by INT3 behind it, or earlier."""
        self.task.space.tables.write(CODE, code + INT3)
        self.machine.engine.flush_code()
        self.machine.engine.write_msr(msrs.KERNEL_GS_BASE, layout.PER_CPU)
        self.kernel.start(self.task, CODE, STACK + PAGE_SIZE, X86_64)
        self.machine.run(10_000)
        assert self.kernel.ended is not None, "the program does not end"
        return self.kernel.ended.signal

    def follow(self, task: Task) -> None:
        """What a switch to `task` does."""
        self.machine.engine.state.load()
        self.kernel.tables_changed(task)
        self.machine.engine.state.store()

    def descriptor(self, selector: int) -> dict[str, int]:
        """The fields of a system descriptor of the GDT."""
        found = self.kernel.half.tables.read(layout.GDT_BASE + selector, 16)
        return descriptors.SYSTEM.unpack(int.from_bytes(found, "little"))


@pytest.fixture
def booted() -> Booted:
    return Booted()


def call(number: int, *arguments: int) -> bytes:
    """A 64-bit system call."""
    movs = zip((b"\xbf", b"\xbe", b"\xba"), arguments, strict=False)
    code = b"".join(opcode + struct.pack("<I", value) for opcode, value in movs)
    return code + b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


def with_port(port: int, instruction: bytes) -> bytes:
    return b"\xba" + struct.pack("<I", port) + instruction


OPENED: Final = call(IOPERM, 0x80, 2, 1)
USABLE, REFUSED = SIGTRAP, SIGSEGV
PORTS: Final = {
    "at first none": (with_port(0x80, IN), REFUSED),
    "the first of two": (OPENED + with_port(0x80, IN), USABLE),
    "the second of two": (OPENED + with_port(0x81, OUT), USABLE),
    "the one below": (OPENED + with_port(0x7F, IN), REFUSED),
    "the one above": (OPENED + with_port(0x82, IN), REFUSED),
    "two at once": (OPENED + with_port(0x80, IN_16), USABLE),
    "more at once": (OPENED + with_port(0x80, OUT_32), REFUSED),
    "one was closed": (OPENED + call(IOPERM, 0x80, 1, 0) + with_port(0x80, IN), REFUSED),
    "its neighbour": (OPENED + call(IOPERM, 0x80, 1, 0) + with_port(0x81, IN), USABLE),
    "all were closed": (OPENED + call(IOPERM, 0x80, 2, 0) + with_port(0x81, IN), REFUSED),
    "the last": (call(IOPERM, 0xFFFF, 1, 1) + with_port(0xFFFF, IN), USABLE),
    "beyond the last": (call(IOPERM, 0xFFFF, 1, 1) + with_port(0xFFFF, IN_16), REFUSED),
    "every one": (call(IOPERM, 0, 0x1_0000, 1) + with_port(0x3F8, OUT_32), USABLE),
    "level 3": (call(IOPL, 3) + with_port(0x80, IN), USABLE),
    "level 3, the last": (call(IOPL, 3) + with_port(0xFFFF, OUT), USABLE),
    "level 3, beyond": (call(IOPL, 3) + with_port(0xFFFF, OUT_32), REFUSED),
    "level 2": (call(IOPL, 2) + with_port(0x80, IN), REFUSED),
    "level 0 again": (call(IOPL, 3) + call(IOPL, 0) + with_port(0x80, IN), REFUSED),
    "ports stay": (OPENED + call(IOPL, 3) + call(IOPL, 0) + with_port(0x80, IN), USABLE),
    "CLI": (call(IOPL, 3) + CLI, REFUSED),
    "STI": (call(IOPL, 3) + STI, REFUSED),
    "POPF": (call(IOPL, 3) + POPF_IOPL + CLI, REFUSED),
}


@needs_ports
@pytest.mark.parametrize(("code", "signal"), PORTS.values(), ids=list(PORTS))
def test_a_program_may_use_the_ports_that_it_opened_and_no_other(
    booted: Booted, code: bytes, signal: int
) -> None:
    assert booted.ends_by(code) == signal


@needs_ports
@pytest.mark.parametrize("opening", [call(IOPL, 3), OPENED], ids=["iopl", "ioperm"])
def test_who_is_not_root_opens_no_port(opening: bytes) -> None:
    assert Booted(uid=1000).ends_by(opening + with_port(0x80, IN)) == REFUSED


@needs_ports
def test_ports_follow_the_task_that_runs(booted: Booted) -> None:
    booted.ends_by(OPENED)
    first, booted.task = booted.task, booted.new_task(booted.task.space)
    booted.follow(booted.task)
    assert booted.ends_by(with_port(0x80, IN)) == REFUSED
    booted.task = booted.like(first)
    booted.follow(booted.task)
    assert booted.ends_by(with_port(0x80, IN)) == USABLE


def test_a_task_without_ports_and_ldt_takes_no_memory(booted: Booted) -> None:
    free = booted.machine.physical.frames_free
    booted.follow(booted.task)
    assert booted.machine.physical.frames_free == free
    assert booted.machine.engine.state.segment(LDTR).selector == 0


def test_the_tss_has_the_limit_of_linux_and_no_bitmap_at_first(booted: Booted) -> None:
    at = layout.TSS_BASE + descriptors.TSS_IOMAP_BASE
    base = int.from_bytes(booted.kernel.half.tables.read(at, 2), "little")
    assert (booted.descriptor(layout.TSS_SELECTOR)["limit"], base) == (0x4087, 0x4088)


# ---- the LDT


def set_entry(index: int, base: int = DATA, bits: int = 0x51) -> bytes:
    """The code of modify_ldt(0x11, ...)."""
    desc = DATA + 0x800
    words = USER_DESC.pack(index, base, 0xFFFFF, bits)
    stores = (
        b"\xc7\x04\x25" + struct.pack("<I", desc + at) + words[at : at + 4] for at in (0, 4, 8, 12)
    )
    return b"".join(stores) + call(MODIFY_LDT, 0x11, desc, 16)


def test_ldtr_names_the_table_and_its_descriptor_stands_in_the_gdt(booted: Booted) -> None:
    booted.ends_by(set_entry(2))
    fields = booted.descriptor(layout.LDT_SELECTOR)
    assert (fields["base"], fields["limit"]) == (layout.LDT_BASE, 23)
    assert (fields["type"], fields["dpl"], fields["present"]) == (descriptors.TYPE_LDT, 0, 1)
    state = booted.machine.engine.state
    state.load()
    assert state.segment(LDTR) == (layout.LDT_SELECTOR, layout.LDT_BASE, 23, 0x8200)


def test_a_table_that_is_gone_is_taken_from_the_processor(booted: Booted) -> None:
    booted.ends_by(set_entry(2))
    booted.task.space.ldt.release()
    booted.follow(booted.task)
    assert booted.machine.engine.state.segment(LDTR)[:3] == (0, 0, 0)
    assert not booted.descriptor(layout.LDT_SELECTOR)["present"]


LOAD_ES: Final = bytes.fromhex("b817000000 8ec0")  # entry 2, RPL 3


@pytest.mark.parametrize(("index", "signal"), [(2, SIGTRAP), (1, SIGSEGV), (3, SIGSEGV)])
def test_a_program_may_load_the_entry_that_it_wrote(
    booted: Booted, index: int, signal: int
) -> None:
    assert booted.ends_by(set_entry(index) + LOAD_ES) == signal


def test_each_address_space_has_its_own_table(booted: Booted) -> None:
    booted.ends_by(set_entry(2))
    first, second = booted.task, booted.new_task(booted.new_space())
    booted.task = second
    booted.follow(second)
    assert booted.ends_by(LOAD_ES) == SIGSEGV
    booted.task = booted.like(first)
    booted.follow(booted.task)
    assert booted.ends_by(LOAD_ES) == SIGTRAP
