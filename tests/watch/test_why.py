"""Why an instruction did not run: every check that is known, made to fail by ring 3."""

from __future__ import annotations

from typing import Final

import pytest

from emu.events import Cause
from emu.watch.why import Fault, explain
from emu.x86 import checks, flags, vectors
from emu.x86.checks import Check, Inputs
from emu.x86.registers import GPRS
from tests.cpu.machine_builder import CODE, DATA, IDT_BASE, KERNEL_CS, NOWHERE, Guest

FAR: Final = 1 << 63


def cause(code: str, rflags: int = 0x202, **registers: int) -> Cause:
    """The cause of the exception that the bytes `code` raise in ring 3."""
    guest = Guest()
    state = guest.state
    guest.write(CODE, bytes.fromhex(code))
    guest.put(CODE, long=True, rflags=rflags, **registers)
    guest.run()
    entry, saved = guest.entry, guest.seen()
    assert entry.vector is not None
    state.load()
    frame = saved.stack[1:] if entry.error_code is not None else saved.stack
    values = dict(zip(GPRS, saved.registers, strict=True)) | {"rsp": frame[3]}
    fault = Fault(
        vector=entry.vector,
        error_code=entry.error_code,
        rip=frame[0],
        rflags=frame[2],
        long=True,
        address=state.control(2) if entry.vector == vectors.PF else None,
        registers=values,
        bases={"fs": state.fs_base, "gs": 0},
    )
    return explain(fault, guest.machine.physical, state.control(3), guest.refusals)


RING_0: Final[Inputs] = (("CPL", 3),)
IOPL_0: Final[Inputs] = (("CPL", 3), ("IOPL", 0))
KERNEL: Final[Inputs] = (("selector", KERNEL_CS), ("CPL", 3))

# what it is, bytes, registers, the check, its inputs
CLAIMS: Final[tuple[tuple[str, str, dict[str, int], Check, Inputs], ...]] = (
    ("hlt", "f4", {}, checks.PRIVILEGED, RING_0),
    ("rdmsr", "0f32", {}, checks.PRIVILEGED, RING_0),
    ("mov cr3", "0f20d8", {}, checks.PRIVILEGED, RING_0),
    ("mov dr7", "0f23f8", {}, checks.PRIVILEGED, RING_0),
    ("sysretq", "480f07", {}, checks.PRIVILEGED, RING_0),
    ("cli", "fa", {}, checks.INTERRUPT_FLAG, IOPL_0),
    ("sti", "fb", {}, checks.INTERRUPT_FLAG, IOPL_0),
    ("int 0x20", "cd20", {}, checks.GATE_DPL, (("vector", 0x20), ("DPL", 0), ("CPL", 3))),
    ("load", "488b03", {"rbx": FAR}, checks.DATA_CANONICAL, (("address", FAR),)),
    (
        "indexed",
        "488b44cb08",
        {"rbx": FAR, "rcx": 2},
        checks.DATA_CANONICAL,
        (("address", FAR + 24),),
    ),
    ("mov ds", "8ed8", {"rax": KERNEL_CS}, checks.DATA_SEGMENT, KERNEL),
    ("mov ss", "8ed0", {"rax": KERNEL_CS}, checks.STACK_SEGMENT, KERNEL),
    ("ud2", "0f0b", {}, checks.OPCODE, ()),
    ("div by 0", "f7f1", {}, checks.DIVISOR, (("divisor", 0),)),
    ("div", "f7f1", {"rcx": 1, "rdx": 1}, checks.QUOTIENT, (("divisor", 1),)),
    ("div by memory", "f733", {"rbx": DATA}, checks.DIVISOR, (("divisor", 0),)),
    ("div ch", "f6f5", {"rax": 0xFFFF, "rcx": 0x100}, checks.QUOTIENT, (("divisor", 1),)),
    ("int3", "cc", {}, checks.BREAKPOINT, ()),
    ("int1", "f1", {}, checks.SINGLE_STEP, ()),
)


@pytest.mark.parametrize(
    ("code", "registers", "check", "inputs"),
    [row[1:] for row in CLAIMS],
    ids=[r[0] for r in CLAIMS],
)
def test_the_check_that_failed_is_named_with_its_inputs_and_chapter(
    code: str, registers: dict[str, int], check: Check, inputs: Inputs
) -> None:
    found = cause(code, **registers)
    assert (found.check, found.inputs, found.manual) == (check.name, inputs, check.manual)


def test_what_the_engine_does_not_raise_is_explained_too() -> None:
    assert cause("f089c0").check == checks.LOCK.name
    misaligned = cause("8b03", rflags=0x4_0202, rbx=DATA + 1)
    assert misaligned.check == checks.ALIGNMENT.name
    assert misaligned.inputs == (("address", DATA + 1), ("size", 4))
    assert cause("50", rflags=0x4_0202, rsp=DATA + 9).inputs == (("RSP", DATA + 9),)
    divide = "c70300000000 0fae13 0f57c0 f30f5ec0"  # MXCSR = 0; 0 by 0
    assert cause(divide, rbx=DATA).check == checks.SIMD.name


@pytest.mark.parametrize(
    ("code", "registers", "check", "level"),
    [
        ("488b03", {"rbx": NOWHERE}, checks.PAGE_PRESENT, "PDE"),
        ("488b03", {"rbx": 1 << 40}, checks.PAGE_PRESENT, "PML4E"),
        ("488b03", {"rbx": IDT_BASE}, checks.PAGE_USER, "PTE"),
        ("488903", {"rbx": IDT_BASE}, checks.PAGE_USER, "PTE"),
        ("ffe3", {"rbx": DATA}, checks.PAGE_EXECUTE, "PTE"),
        ("ffe3", {"rbx": NOWHERE}, checks.PAGE_PRESENT, "PDE"),
    ],
)
def test_a_page_fault_names_the_entry_that_refused(
    code: str, registers: dict[str, int], check: Check, level: str
) -> None:
    found = cause(code, **registers)
    assert (found.check, found.manual) == (check.name, check.manual)
    assert found.inputs[0] == ("address", registers["rbx"])
    assert found.inputs[1][0] == level
    assert found.address == registers["rbx"]


def test_the_instruction_is_told_where_it_stands() -> None:
    assert cause("90fa").instruction == "cli"
    assert cause("90fa").rip == CODE + 1


@pytest.mark.parametrize("code", ["cc", "f1", "ffe3"], ids=["trap", "int1", "fetch"])
def test_no_instruction_is_told_where_rip_is_not_at_it(code: str) -> None:
    assert cause(code, rbx=IDT_BASE).instruction == ""


def test_iopl_3_is_no_reason_to_refuse_a_flag() -> None:
    guest = Guest()
    guest.cross(bytes.fromhex("fa0f0b"), rflags=flags.IF | flags.IOPL)
    assert guest.entry.vector == vectors.UD


def test_what_no_check_explains_is_called_unknown() -> None:
    fault = Fault(vectors.MF, None, CODE, 0x202, True, None, dict.fromkeys(GPRS, 0), {})
    guest = Guest()
    guest.state.load()
    found = explain(fault, guest.machine.physical, guest.state.control(3))
    assert (found.check, found.manual) == checks.unknown(vectors.MF)
    assert found.inputs == ()


def test_a_refusal_of_another_instruction_is_not_the_cause() -> None:
    guest = Guest()
    guest.cross(bytes.fromhex("cd20"))
    guest.state.load()
    fault = Fault(vectors.GP, 0x102, CODE + 9, 0x202, True, None, dict.fromkeys(GPRS, 0), {})
    found = explain(fault, guest.machine.physical, guest.state.control(3), guest.refusals)
    assert found.check != checks.GATE_DPL.name
