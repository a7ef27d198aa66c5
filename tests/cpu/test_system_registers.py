"""RDMSR, WRMSR, MOV to control registers in ring 0: refused by the manual, taken by the engine.

A machine that supervises its ring 0 refuses what a processor refuses; others take it, which
docs/quirks.md says. SDM 2C, "RDMSR"; SDM 2D, "WRMSR"; SDM 2B, "MOV-Move to/from Control Registers".
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import hostcode
from emu.cpu import state as at
from emu.x86 import msr_table, msrs
from emu.x86.registers import CR4_PAE, CR4_SMAP, CR4_SMEP
from emu.x86.vectors import BP, GP, UD
from tests.cpu.assembler import code
from tests.cpu.machine_builder import CODE, TEXT, Guest

native = pytest.mark.skipif(not hostcode.is_supported(), reason="needs an x86-64 host")
KERNEL: Final = TEXT + 0x2000
WRMSR, RDMSR = "0f30", "0f32"
CR0, CR3, CR4, CR8 = "0f22c0", "0f22d8", "0f22e0", "440f22c0"
CR0_R12, CR4_R9 = "410f22c4", "410f22e1"
CR0_NOW, CR4_NOW, EFER_NOW = 0x8005_0033, 0x620, 0xD01
NON_CANONICAL: Final = 1 << 63
UNKNOWN: Final = 0x1_2345


def in_ring_0(
    made: str, registers: dict[str, int], vendor: str = "intel", supervised: bool = True
) -> Guest:
    """Runs one instruction in ring 0, and INT3 behind it."""
    guest = Guest(vendor, supervise_kernel=supervised)
    guest.write(KERNEL, bytes.fromhex(made) + b"\xcc")
    guest.put_kernel(KERNEL, **registers)
    guest.run()
    guest.state.load()
    return guest


def value_of(number: int, value: int) -> dict[str, int]:
    return {"rcx": number, "rax": value & 0xFFFF_FFFF, "rdx": value >> 32}


# code, registers: refused on both vendors
REFUSED: Final = (
    (RDMSR, {"rcx": UNKNOWN}),
    (RDMSR, {"rcx": 0xC000_0085}),
    (WRMSR, {"rcx": UNKNOWN}),
    (WRMSR, value_of(msrs.LSTAR, NON_CANONICAL)),
    (WRMSR, value_of(msrs.CSTAR, NON_CANONICAL)),
    (WRMSR, value_of(msrs.FS_BASE, NON_CANONICAL)),
    (WRMSR, value_of(msrs.GS_BASE, 1 << 47)),
    (WRMSR, value_of(msrs.KERNEL_GS_BASE, 1 << 47)),
    (WRMSR, value_of(msrs.PAT, 2)),
    (WRMSR, value_of(msrs.MTRR_CAP, 0)),
    (WRMSR, value_of(msrs.EFER, EFER_NOW | 1 << 5)),
    (WRMSR, value_of(msrs.EFER, EFER_NOW & ~msrs.EFER_LME)),
    (CR0, {"rax": CR0_NOW | 1 << 63}),
    (CR0, {"rax": CR0_NOW & ~1}),
    (CR0, {"rax": CR0_NOW | 1 << 29}),
    (CR0, {"rax": CR0_NOW & ~(1 << 31)}),
    (CR0_R12, {"r12": CR0_NOW & ~1}),
    (CR3, {"rax": 1 << 52}),
    (CR4, {"rax": CR4_NOW | 1 << 31}),
    (CR4, {"rax": CR4_NOW | 1 << 11}),
    (CR4, {"rax": CR4_NOW & ~CR4_PAE}),
    (CR4_R9, {"r9": CR4_NOW | 1 << 63}),
    (CR8, {"rax": 16}),
)
ONLY_INTEL_REFUSES: Final = (
    (WRMSR, value_of(msrs.SYSENTER_EIP, NON_CANONICAL)),
    (WRMSR, value_of(msrs.SYSENTER_ESP, NON_CANONICAL)),
    (WRMSR, value_of(msrs.FMASK, 1 << 32)),
    (WRMSR, value_of(msrs.TSC_AUX, 1 << 32)),
    (CR4, {"rax": CR4_NOW | CR4_SMAP}),  # a Haswell has none
    (RDMSR, {"rcx": 0xC001_0015}),
)
ONLY_AMD_REFUSES: Final = (
    (RDMSR, {"rcx": 0x198}),
    (WRMSR, value_of(msrs.MISC_ENABLE, 0)),
)


def is_refused(made: str, vendor: str, registers: dict[str, int]) -> bool:
    guest = in_ring_0(made, registers, vendor)
    entry = guest.entry
    if entry.vector == BP:
        assert entry.from_rip == KERNEL + len(made) // 2
        return False
    assert (entry.vector, entry.error_code, entry.from_cpl) == (GP, 0, 0)
    assert entry.from_rip == KERNEL
    assert guest.machine.counter.kernel == 0
    return True


@native
@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize(("made", "registers"), REFUSED)
def test_what_the_manual_refuses_is_refused_at_the_instruction(
    made: str, registers: dict[str, int], vendor: str
) -> None:
    assert is_refused(made, vendor, registers)


@native
@pytest.mark.parametrize(("made", "registers"), ONLY_INTEL_REFUSES)
def test_what_only_intel_refuses(made: str, registers: dict[str, int]) -> None:
    assert is_refused(made, "intel", registers)
    assert not is_refused(made, "amd", registers)


@native
@pytest.mark.parametrize(("made", "registers"), ONLY_AMD_REFUSES)
def test_what_only_amd_refuses(made: str, registers: dict[str, int]) -> None:
    assert not is_refused(made, "intel", registers)
    assert is_refused(made, "amd", registers)


@native
def test_a_refused_write_leaves_the_register_as_it_was() -> None:
    guest = in_ring_0(WRMSR, value_of(msrs.LSTAR, NON_CANONICAL))
    assert guest.engine.read_msr(msrs.LSTAR) != NON_CANONICAL
    assert in_ring_0(CR4, {"rax": CR4_NOW | 1 << 31}).state.control(4) & 1 << 31 == 0


@native
@pytest.mark.parametrize(
    ("made", "number", "value"),
    [
        (CR0, 0, CR0_NOW & ~(1 << 16)),
        (CR0_R12, 0, CR0_NOW | 3 << 29),
        (CR4, 4, CR4_NOW | CR4_SMEP),
        (CR4_R9, 4, CR4_NOW | 1 << 7),
    ],
)
def test_a_value_that_is_allowed_is_written(made: str, number: int, value: int) -> None:
    guest = in_ring_0(made, {"rax": value, "r9": value, "r12": value})
    assert guest.entry.vector == BP
    assert guest.state.control(number) & 0xFFFF_FFFF == value


@native
@pytest.mark.parametrize("number", [msrs.SYSENTER_ESP, msrs.SYSENTER_EIP, msrs.FMASK, msrs.TSC_AUX])
def test_amd_drops_the_upper_half_of_these(number: int) -> None:
    guest = in_ring_0(WRMSR, value_of(number, 0x1234_5678_9ABC_DEF0), "amd")
    assert guest.entry.vector == BP
    assert guest.engine.read_msr(number) == 0x9ABC_DEF0
    assert guest.machine.counter.kernel == 2


@native
@pytest.mark.parametrize("text", ["rdmsr", "wrmsr"])
@pytest.mark.parametrize("number", [msrs.LSTAR, UNKNOWN])
def test_ring_3_is_refused_whatever_the_register(text: str, number: int) -> None:
    guest = Guest(supervise_kernel=True)
    guest.cross(code(text), rcx=number)
    assert (guest.entry.vector, guest.entry.error_code) == (GP, 0)
    assert guest.entry.from_rip == CODE


@native
@pytest.mark.parametrize("made", ["0f22c8", "0f22e8"])  # mov cr1, rax; mov cr5, rax
def test_a_control_register_that_is_not_there_is_the_engines_matter(made: str) -> None:
    assert in_ring_0(made, {}).entry.vector in (GP, UD)


# ---- without supervision


# What the engine does take, but cannot go on with, or refuses by itself.
NOT_TAKEN: Final = (
    (CR0, {"rax": CR0_NOW & ~(1 << 31)}),
    (CR3, {"rax": 1 << 52}),
    (CR4, {"rax": CR4_NOW & ~CR4_PAE}),
)


@pytest.mark.parametrize(("made", "registers"), [row for row in REFUSED if row not in NOT_TAKEN])
def test_without_supervision_it_is_taken(made: str, registers: dict[str, int]) -> None:
    guest = in_ring_0(made, registers, supervised=False)
    assert (guest.entry.vector, guest.entry.from_rip) == (BP, KERNEL + len(made) // 2)


def test_without_supervision_an_msr_that_does_not_exist_reads_as_0() -> None:
    seen = in_ring_0(RDMSR, {"rcx": UNKNOWN, "rax": 7, "rdx": 7}, supervised=False).seen()
    assert (seen.gpr("rax"), seen.gpr("rdx")) == (0, 0)


def test_without_supervision_a_non_canonical_address_is_kept() -> None:
    guest = in_ring_0(WRMSR, value_of(msrs.LSTAR, NON_CANONICAL), supervised=False)
    assert guest.engine.read_msr(msrs.LSTAR) == NON_CANONICAL


def test_without_supervision_reserved_bits_of_efer_are_dropped() -> None:
    guest = in_ring_0(WRMSR, value_of(msrs.EFER, EFER_NOW | 1 << 5), supervised=False)
    assert guest.state.words[at.EFER >> 3] == EFER_NOW


@pytest.mark.parametrize(
    ("made", "number", "value"), [(CR0, 0, CR0_NOW | 1 << 29), (CR4, 4, CR4_NOW | 1 << 31)]
)
def test_without_supervision_reserved_bits_of_control_registers_are_kept(
    made: str, number: int, value: int
) -> None:
    guest = in_ring_0(made, {"rax": value}, supervised=False)
    assert guest.state.control(number) == value


# ---- the table and the engine

SAMPLE: Final = 0x0000_0504_0106_0400  # what every rule but read-only takes
PARTIAL: Final = {msrs.SYSENTER_CS: 0x0400, msrs.MTRR_DEF_TYPE: 0x806, msrs.EFER: EFER_NOW}
PARTIAL_32: Final = {msrs.FMASK: 0x0106_0400, msrs.TSC_AUX: 0x0106_0400}
RANGES: Final = {
    number: 0x1234_5000 | (6 if number % 2 == 0 else 0x800) for number in range(0x200, 0x210)
}
KEPT: Final = [row for row in msr_table.TABLE if not row.here.endswith("nothing")]


@native
@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("row", KEPT, ids=lambda row: row.name)
def test_what_was_written_is_read(row: msr_table.Msr, vendor: str) -> None:
    rule = row.rule(vendor)
    special = {0x17B: (1 << 64) - 1, 0x400: (1 << 64) - 1}
    value = (PARTIAL | PARTIAL_32 | RANGES | special).get(row.number, SAMPLE)
    guest = Guest(vendor, supervise_kernel=True)
    guest.write(KERNEL, bytes.fromhex(WRMSR + RDMSR) + b"\xcc")
    guest.put_kernel(KERNEL, **value_of(row.number, value))
    seen = guest.run()
    if rule is None or not rule.writable:
        assert guest.entry.vector == GP
    else:
        assert guest.entry.vector == BP
        assert seen.gpr("rdx") << 32 | seen.gpr("rax") == value & ~rule.lost
