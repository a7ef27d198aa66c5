"""Every golden fault: vector, error code, RIP, flags and CR2 are those of a real processor.

The instruction runs at CPL 3 at the address where it was captured, in a machine with the golden
tables.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.x86 import flags, vectors
from emu.x86.paging import NO_EXECUTE, PAGE_SIZE, USER, WRITABLE
from emu.x86.registers import DS, ES
from tests import golden
from tests.cpu.fault_programs import PROGRAMS, STACK, Program
from tests.cpu.golden_machine import GoldenGuest
from tests.golden import State, number

VSYSCALL: Final = 0xFFFF_FFFF_FF60_0000
KERNEL_TEXT: Final = 0xFFFF_FFFF_8100_0000
RSP_32: Final = 0xFFFF_DEC0
HLT: Final = b"\xf4"


def test_every_golden_fault_has_a_program_and_no_program_lacks_a_fault() -> None:
    assert set(PROGRAMS) == set(golden.read("faults"))


def processor(name: str) -> dict[str, Any]:
    """What the processor did; for one that the capture only saw the signal of, the manual's."""
    seen: dict[str, Any] = golden.read("faults")[name]["processor"]
    if "vector" in seen:
        return seen
    assert (name, seen) == ("ac_misaligned", {"status": 7})
    address = golden.read("faults")[name]["address"]
    return {"vector": vectors.AC, "error_code": "0", "rip": address, "rflags": "0x50202"}


def raised(name: str) -> tuple[GoldenGuest, State]:
    """The state at the first kernel instruction after the fault's instruction ran."""
    fault, program = golden.read("faults")[name], PROGRAMS[name]
    guest = GoldenGuest("haswell_default")  # without SMAP, which the engine's IRET obeys wrongly
    long = fault["program"] == "exc64"
    address, expected = number(fault["address"]), processor(name)
    for page in (address & -PAGE_SIZE, (address & -PAGE_SIZE) + PAGE_SIZE):
        guest.map(page, PAGE_SIZE, USER)
    before = bytes.fromhex(program.before)
    guest.write(address - len(before), before + bytes.fromhex(program.instruction) + HLT)
    guest.map(VSYSCALL, PAGE_SIZE, 0)
    guest.map(KERNEL_TEXT, PAGE_SIZE, 0)
    prepare_stack(guest, program, long)
    registers = {"rsp": STACK if long else RSP_32} | dict(program.registers)
    rflags = number(expected["rflags"]) & ~flags.RF
    start = address - len(before)
    guest.put(start, long=long, rflags=rflags, **registers)
    if program.null_ds:
        guest.set_segments({DS: guest.loaded(0), ES: guest.loaded(0)})
    return guest, guest.run()


def captured_frame(name: str) -> bool:
    """Whether the capture holds the frame: QEMU, which made it, raised the fault too."""
    return bool(golden.read("faults")[name]["qemu"] != "none")


def prepare_stack(guest: GoldenGuest, program: Program, long: bool) -> None:
    top = STACK if long else RSP_32
    bits = USER | WRITABLE | NO_EXECUTE
    guest.map(top & -PAGE_SIZE, PAGE_SIZE, bits)
    at = program.registers.get("rsp", top)
    if program.stack:
        guest.write(at, b"".join(word.to_bytes(8, "little") for word in program.stack))
    elif long:
        guest.write(STACK, bytes(16))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_processor_pushed_what_the_real_one_pushed(name: str) -> None:
    guest, seen = raised(name)
    expected = processor(name)
    stack = seen.stack
    if vectors.TABLE[expected["vector"]].has_error_code:
        error_code, *stack_ = stack
        assert error_code == number(expected["error_code"])
        stack = tuple(stack_)
    assert guest.entry.vector == expected["vector"]
    assert stack[:3:2] == (number(expected["rip"]), number(expected["rflags"]))
    if expected.get("cr2"):
        guest.state.load()
        assert guest.state.control(2) == number(expected["cr2"])


@pytest.mark.parametrize("name", [n for n in PROGRAMS if captured_frame(n)])
def test_the_frame_names_the_code_and_the_stack_of_the_program(name: str) -> None:
    _, seen = raised(name)
    qemu = golden.read("faults")[name]["qemu"]
    has_code = vectors.TABLE[processor(name)["vector"]].has_error_code
    _, cs, _, rsp, ss = seen.stack[has_code : 5 + has_code]
    assert (cs, rsp, ss) == tuple(number(qemu[field]) for field in ("cs", "rsp", "ss"))
