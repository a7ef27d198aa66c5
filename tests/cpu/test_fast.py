"""SYSCALL and SYSENTER: what each sets, and where it does not exist, for both vendors.

SYSCALL has two implementations: fast.py, and native code where nobody watches. Both are held to the
same claims. SDM 2B, "SYSCALL", "SYSENTER"; APM 3, the same.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from emu.cpu import fast as fast_module
from emu.cpu import hostcode
from emu.cpu.state import CpuState, Segment
from emu.x86 import flags, msrs
from emu.x86.paging import USER
from emu.x86.registers import GPRS
from emu.x86.vectors import GP, UD
from emu.x86.vendors import Vendor
from tests.cpu.assembler import code
from tests.cpu.machine_builder import (
    CODE,
    COMPAT_SYSCALL_ENTRY,
    FMASK,
    KERNEL_CS,
    RSP0,
    SYSCALL_ENTRY,
    SYSENTER_ENTRY,
    TEXT,
    USER32_CS,
    USER_CS,
    Guest,
    handler,
)
from tests.golden import State

VMCALL: Final = code("vmcall")
EVERYTHING: Final = flags.STATUS | flags.IF | flags.DF | flags.NT | flags.AC | flags.ID | 2
REGISTERS: Final[dict[str, Any]] = {
    name: 0x1111_0000 + n for n, name in enumerate(GPRS) if name != "rsp"
}

native_only = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")
PATHS: Final = ("python", pytest.param("native", marks=native_only))


class Fast(Guest):
    """A guest whose entries hand over at once: `enter` gives the state at the first instruction."""

    def __init__(self, vendor: str, path: str) -> None:
        native = path == "native"
        super().__init__(vendor, "native" if native else "python", watch=not native)
        for address in (SYSCALL_ENTRY, COMPAT_SYSCALL_ENTRY, SYSENTER_ENTRY, TEXT + 0x3000):
            self.write(address, VMCALL)
        for vector in (UD, GP):
            self.write(handler(vector), VMCALL)
        self.attach()

    def enter(
        self, instruction: str, *, long: bool = True, rflags: int = 0x202, **registers: int
    ) -> State:
        seen = self.cross(code(instruction), long=long, rflags=rflags, **registers)
        return seen._replace(rip=seen.rip - len(VMCALL))


def syscall_guest(path: str) -> Fast:
    return Fast("intel", path)


@pytest.fixture(params=PATHS)
def fast(request: pytest.FixtureRequest) -> Fast:
    return syscall_guest(request.param)


# ---- SYSCALL from 64-bit code


def test_syscall_jumps_to_lstar_and_keeps_the_way_back(fast: Fast) -> None:
    seen = fast.enter("syscall", **REGISTERS)
    assert seen.rip == SYSCALL_ENTRY
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (CODE + 2, 0x202)


def test_syscall_changes_no_other_register_and_switches_no_stack(fast: Fast) -> None:
    seen = fast.enter("syscall", rsp=0x1234_5678_9ABC, **REGISTERS)
    kept = {name: seen.gpr(name) for name in GPRS if name not in ("rcx", "r11")}
    expected = {**REGISTERS, "rsp": 0x1234_5678_9ABC}
    assert kept == {name: expected[name] for name in kept}


def test_syscall_makes_flat_segments_of_ring_0(fast: Fast) -> None:
    seen = fast.enter("syscall")
    assert seen.cpl == 0
    assert seen.cs == Segment(KERNEL_CS, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    assert seen.ss == Segment(KERNEL_CS + 8, 0, 0xFFFF_FFFF, 0x00C0_9300)


@pytest.mark.parametrize(
    ("star_cs", "cs"), [(0x10, 0x10), (0x13, 0x10), (0x7F0, 0x7F0), (0xFFFF, 0xFFFC), (0, 0)]
)
def test_the_selector_comes_from_star_and_no_gdt_is_asked(
    fast: Fast, star_cs: int, cs: int
) -> None:
    fast.engine.write_msr(msrs.STAR, star_cs << 32)
    seen = fast.enter("syscall")
    assert (seen.cs.selector, seen.ss.selector) == (cs, cs + 8)
    assert seen.cpl == 0


@pytest.mark.parametrize("mask", [0, FMASK, *flags.NAMES.values(), (1 << 32) - 1])
def test_fmask_clears_its_flags_and_r11_keeps_them(fast: Fast, mask: int) -> None:
    fast.engine.write_msr(msrs.FMASK, mask)
    seen = fast.enter("syscall", rflags=EVERYTHING)
    assert seen.rflags == EVERYTHING & ~mask | flags.FIXED
    assert seen.gpr("r11") == EVERYTHING


def test_rf_reaches_neither_r11_nor_the_kernel(fast: Fast) -> None:
    fast.engine.write_msr(msrs.FMASK, 0)
    seen = fast.enter("syscall", rflags=flags.RF | 0x202)
    assert (seen.gpr("r11"), seen.rflags) == (0x202, 0x202)


def test_syscall_without_sce_is_an_invalid_opcode(fast: Fast) -> None:
    fast.engine.write_msr(msrs.EFER, msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE)
    seen = fast.enter("syscall", **REGISTERS)
    assert seen.rip == handler(UD)
    assert seen.stack[:3] == (CODE, USER_CS, 0x1_0202)
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (REGISTERS["rcx"], REGISTERS["r11"])


@pytest.mark.parametrize("lstar", [TEXT + 0x3000, SYSCALL_ENTRY])
def test_the_entry_is_where_lstar_says(fast: Fast, lstar: int) -> None:
    fast.engine.write_msr(msrs.LSTAR, lstar)
    assert fast.enter("syscall").rip == lstar


def test_syscall_counts_as_the_users_and_its_entry_as_the_kernels(fast: Fast) -> None:
    fast.enter("nop; syscall")
    counter = fast.machine.counter
    assert (counter.user, counter.kernel) == (2, 1)
    (row,) = fast.machine.ledger.rows()
    assert row == ("syscall", "x86_64", 1, 1, 0)


def test_a_syscall_that_does_not_exist_did_not_retire(fast: Fast) -> None:
    fast.engine.write_msr(msrs.EFER, msrs.EFER_LME | msrs.EFER_LMA | msrs.EFER_NXE)
    fast.enter("nop; syscall")
    assert (fast.machine.counter.user, fast.machine.counter.kernel) == (1, 1)
    assert [row[:3] for row in fast.machine.ledger.rows()] == [("fault", "x86_64", 1)]


@pytest.mark.parametrize("path", PATHS)
def test_many_crossings_in_a_row_are_all_in_the_ledger(path: str) -> None:
    fast = syscall_guest(path)
    fast.write(SYSCALL_ENTRY, code("sysretq"))
    text = "mov edx, 5; mov ebx, 1; again: syscall; dec edx; jnz again; int 0x80"
    fast.write(handler(0x80), VMCALL)
    fast.cross(code(text))
    rows = {row.mechanism: row for row in fast.machine.ledger.rows()}
    assert (rows["syscall"].crossings, rows["syscall"].entry) == (5, 5)
    assert rows["int80"].crossings == 1
    assert (fast.machine.counter.user, fast.machine.counter.kernel) == (2 + 5 * 3 + 1, 5 + 1)


@pytest.mark.parametrize(
    ("path", "calls"), [("python", 1), pytest.param("native", 0, marks=native_only)]
)
def test_native_code_does_it_only_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, path: str, calls: int
) -> None:
    seen = []
    in_python = fast_module.syscall

    def spy(state: CpuState, rflags: int, vendor: Vendor, length: int) -> bool:
        seen.append(rflags)
        return in_python(state, rflags, vendor, length)

    monkeypatch.setattr(fast_module, "syscall", spy)
    syscall_guest(path).enter("syscall")
    assert len(seen) == calls


# ---- SYSCALL from 32-bit code


@pytest.mark.parametrize("path", PATHS)
def test_amd_enters_from_32_bit_code_at_cstar(path: str) -> None:
    seen = Fast("amd", path).enter("syscall", long=False, rflags=0xAD7, **REGISTERS)
    assert seen.rip == COMPAT_SYSCALL_ENTRY
    assert (seen.gpr("rcx"), seen.gpr("r11")) == (CODE + 2, 0xAD7)
    assert seen.cs == Segment(KERNEL_CS, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    assert seen.rflags == 0xAD7 & ~FMASK | flags.FIXED


@pytest.mark.parametrize("path", PATHS)
def test_intel_has_no_syscall_in_32_bit_code(path: str) -> None:
    seen = Fast("intel", path).enter("syscall", long=False, **REGISTERS)
    assert seen.rip == handler(UD)
    assert seen.stack[:3] == (CODE, USER32_CS, 0x1_0202)
    assert seen.gpr("rcx") == REGISTERS["rcx"]


# ---- SYSENTER


@pytest.fixture
def intel() -> Fast:
    return Fast("intel", "python")


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
def test_sysenter_takes_rip_rsp_and_cs_from_its_msrs_and_saves_nothing(
    intel: Fast, long: bool
) -> None:
    seen = intel.enter("sysenter", long=long, **REGISTERS)
    assert (seen.rip, seen.gpr("rsp"), seen.cpl) == (SYSENTER_ENTRY, RSP0, 0)
    assert {name: seen.gpr(name) for name in REGISTERS} == REGISTERS
    assert seen.cs == Segment(KERNEL_CS, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    assert seen.ss == Segment(KERNEL_CS + 8, 0, 0xFFFF_FFFF, 0x00C0_9300)


def test_sysenter_clears_if_and_no_other_flag(intel: Fast) -> None:
    assert intel.enter("sysenter", rflags=EVERYTHING).rflags == EVERYTHING & ~flags.IF


@pytest.mark.parametrize("selector", [0, 1, 2, 3])
def test_sysenter_with_a_null_selector_is_a_general_protection_fault(
    intel: Fast, selector: int
) -> None:
    intel.engine.write_msr(msrs.SYSENTER_CS, selector)
    seen = intel.enter("nop; sysenter")
    assert seen.rip == handler(GP)
    assert seen.stack[:4] == (0, CODE + 1, USER_CS, 0x1_0202)
    assert intel.machine.counter.user == 1


@pytest.mark.parametrize(("selector", "cs"), [(0x10, 0x10), (0x13, 0x10), (0x7F3, 0x7F0)])
def test_the_rpl_of_sysenter_cs_gives_way(intel: Fast, selector: int, cs: int) -> None:
    intel.engine.write_msr(msrs.SYSENTER_CS, selector)
    seen = intel.enter("sysenter")
    assert (seen.cs.selector, seen.ss.selector) == (cs, cs + 8)


@pytest.mark.parametrize("rsp", [0, 0x7FFF_0000_1234, 0xFFFF_C900_0000_0008])
def test_sysenter_takes_all_64_bits_of_its_stack_pointer_unchecked(intel: Fast, rsp: int) -> None:
    intel.engine.write_msr(msrs.SYSENTER_ESP, rsp)
    assert intel.enter("sysenter").gpr("rsp") == rsp


@pytest.mark.parametrize("long", [True, False], ids=["64-bit", "32-bit"])
def test_amd_has_no_sysenter_in_long_mode(long: bool) -> None:
    seen = Fast("amd", "python").enter("sysenter", long=long, **REGISTERS)
    assert seen.rip == handler(UD)
    assert seen.stack[:3] == (CODE, USER_CS if long else USER32_CS, 0x1_0202)
    assert {name: seen.gpr(name) for name in REGISTERS} == REGISTERS


@pytest.mark.parametrize(
    ("long", "abi"), [(True, "i386"), (False, "i386")], ids=["64-bit", "32-bit"]
)
def test_sysenter_is_one_mechanism_of_the_ledger(intel: Fast, long: bool, abi: str) -> None:
    intel.enter("sysenter", long=long)
    assert [row[:3] for row in intel.machine.ledger.rows()] == [("sysenter", abi, 1)]


@pytest.mark.parametrize(
    ("instruction", "entry"), [("syscall", SYSCALL_ENTRY), ("sysenter", SYSENTER_ENTRY)]
)
def test_a_watcher_is_told_where_the_kernel_begins(
    intel: Fast, instruction: str, entry: int
) -> None:
    intel.enter(f"nop; {instruction}")
    assert (intel.entry.from_rip, intel.entry.entry_rip) == (CODE + 1, entry)


@pytest.mark.parametrize(
    ("instruction", "long"), [("syscall", True), ("sysenter", True), ("sysenter", False)]
)
def test_a_watcher_is_told_of_a_fast_entry_without_a_vector(
    intel: Fast, instruction: str, long: bool
) -> None:
    intel.enter(f"nop; {instruction}", long=long)
    told = intel.entry
    assert (told.mechanism, told.vector, told.error_code) == (instruction, None, None)
    assert (told.from_cpl, told.from_long, told.from_rip) == (3, long, CODE + 1)


# ---- prefixes: they count for the length, which the engine adds to RIP afterwards

PREFIXES: Final = ("66", "f3", "f2", "48", "2e", "67", "6648", "666666f3")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_syscall_with_prefixes_begins_the_kernel_at_lstar(fast: Fast, prefix: str) -> None:
    made = bytes.fromhex(prefix + "0f05")
    seen = fast.cross(made, **REGISTERS)
    assert seen.rip - len(VMCALL) == SYSCALL_ENTRY
    assert seen.gpr("rcx") == CODE + len(made)
    assert fast.machine.counter.user == 1


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize("prefix", ["66", "f3", "2e", "66f3"])
def test_a_sysenter_with_prefixes_begins_the_kernel_at_its_entry(
    fast: Fast, prefix: str, long: bool
) -> None:
    seen = fast.cross(bytes.fromhex(prefix + "0f34"), long=long)
    assert seen.rip - len(VMCALL) == SYSENTER_ENTRY


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("prefix", ["66", "f3"])
def test_a_refused_fast_entry_with_prefixes_begins_its_handler(path: str, prefix: str) -> None:
    guest = Fast("amd", path)
    seen = guest.cross(bytes.fromhex(prefix + "0f34"))
    assert seen.rip - len(VMCALL) == handler(UD)
    assert seen.stack[0] == CODE


@pytest.mark.parametrize("at", range(4090, 4097))
def test_a_prefixed_syscall_may_lie_across_two_pages(fast: Fast, at: int) -> None:
    made = b"\x66" * 4 + b"\x0f\x05"
    page = 0x70_0000
    fast.map(page, 2 * 4096, USER)
    fast.write(page + at, made)
    fast.put(page + at)
    assert fast.run().rip - len(VMCALL) == SYSCALL_ENTRY


# ---- what the engine takes for one of the two, and a processor does not: SDM 2A, "LOCK", "VEX"
LOCKED: Final = ("f00f05", "66f00f05", "f00f34")
VEX: Final = ("c5f805", "c52305", "c4e17805", "c5f834", "c4e17834")


@pytest.mark.parametrize("made", [*LOCKED, *VEX])
def test_a_lock_or_vex_prefix_makes_no_fast_entry(fast: Fast, made: str) -> None:
    seen = fast.cross(b"\x90" + bytes.fromhex(made), **REGISTERS)
    assert seen.rip - len(VMCALL) == handler(UD)
    assert seen.stack[0] == CODE + 1
    assert fast.machine.counter.user == 1
