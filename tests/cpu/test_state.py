"""The state block: what is set is what the engine has, the hidden flags included."""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import state as at
from emu.cpu.state import CpuState, Segment
from emu.x86 import flags
from emu.x86.registers import CS, DS, ES, FS, GDTR, GS, IDTR, LDTR, SS, TR
from tests.cpu.bare_engine import RING3_CODE, RING3_CODE_32, RING3_DATA, Bare

LMA: Final = at.HIDDEN_LMA
SIXTEEN_BIT: Final = Segment(0x08, 0x1000, 0xFFFF, 0x0000_9B00)
BASED: Final = Segment(0x2B, 0x1_0000, 0xFFFF_FFFF, 0x00CF_F300)


@pytest.fixture
def bare() -> Bare:
    return Bare()


@pytest.fixture
def state(bare: Bare) -> CpuState:
    bare.state.load()
    return bare.state


def reloaded(state: CpuState) -> CpuState:
    """The state after a round through the engine."""
    state.store()
    state.raw[:] = bytes(len(state.raw))
    state.load()
    return state


@pytest.mark.parametrize("number", [ES, CS, SS, DS, FS, GS, LDTR, TR, GDTR, IDTR])
def test_every_segment_and_table_register_survives_the_engine(state: CpuState, number: int) -> None:
    segment = Segment(0x50 + 8 * number, 0x1234_5678_9000 + number, 0x5_4321, 0x00CF_F300)
    state.set_segment(number, segment)
    assert reloaded(state).segment(number) == segment


@pytest.mark.parametrize("number", range(16))
def test_every_general_register_survives_the_engine(state: CpuState, number: int) -> None:
    state.words[number] = 0xFEDC_BA98_7654_3210 - number
    assert reloaded(state).words[number] == 0xFEDC_BA98_7654_3210 - number


def test_rip_cr2_and_the_bases_survive_the_engine(state: CpuState) -> None:
    state.rip, state.fs_base, state.kernel_gs_base = 0x1111, 0x2222, 0x3333
    state.set_cr2(0x4444)
    after = reloaded(state)
    assert (after.rip, after.fs_base, after.kernel_gs_base) == (0x1111, 0x2222, 0x3333)
    assert after.control(2) == 0x4444


def test_the_base_of_fs_is_that_of_its_cache(state: CpuState) -> None:
    state.fs_base = 0x7777_0000
    assert state.segment(FS).base == 0x7777_0000


# CS, SS, CPL: the hidden flags that follow, beside LMA
FOLLOW: Final = (
    (RING3_CODE, RING3_DATA, 3, 3 | at.HIDDEN_CS64 | at.HIDDEN_CS32 | at.HIDDEN_SS32),
    (RING3_CODE_32, RING3_DATA, 3, 3 | at.HIDDEN_CS32 | at.HIDDEN_SS32),
    (RING3_CODE_32, BASED, 3, 3 | at.HIDDEN_CS32 | at.HIDDEN_SS32 | at.HIDDEN_ADDSEG),
    (SIXTEEN_BIT, Segment(0x10, 0, 0xFFFF, 0x9300), 0, at.HIDDEN_ADDSEG),
    (RING3_CODE, Segment(0, 0, 0, 0), 0, at.HIDDEN_CS64 | at.HIDDEN_CS32 | at.HIDDEN_SS32),
)


@pytest.mark.parametrize(("cs", "ss", "cpl", "hidden"), FOLLOW)
def test_the_hidden_flags_follow_the_segments(
    state: CpuState, cs: Segment, ss: Segment, cpl: int, hidden: int
) -> None:
    before = state.dwords[at.HIDDEN_FLAGS >> 2]
    state.set_cs_ss(cs, ss, cpl)
    assert (state.segment(CS), state.segment(SS), state.cpl) == (cs, ss, cpl)
    of_segments = at.HIDDEN_CS64 | at.HIDDEN_CS32 | at.HIDDEN_SS32 | at.HIDDEN_ADDSEG | 3
    assert state.dwords[at.HIDDEN_FLAGS >> 2] == before & ~of_segments | hidden


@pytest.mark.parametrize(("code", "long"), [(RING3_CODE, True), (RING3_CODE_32, False)])
def test_the_mode_is_that_of_the_code_segment(state: CpuState, code: Segment, long: bool) -> None:
    state.set_cs_ss(code, RING3_DATA, 3)
    assert state.in_64bit_mode is long


def test_other_hidden_flags_are_left_alone(state: CpuState) -> None:
    assert state.dwords[at.HIDDEN_FLAGS >> 2] & LMA
    state.set_cs_ss(RING3_CODE_32, RING3_DATA, 3)
    assert state.dwords[at.HIDDEN_FLAGS >> 2] & LMA


def test_entering_flat_ring_0_makes_cs_and_ss_from_the_selector_alone(state: CpuState) -> None:
    state.set_cs_ss(RING3_CODE_32, RING3_DATA, 3)
    state.enter_flat_ring0(0x10, 0xFFFF_8000_0000_1000, flags.ZF | flags.DF)
    assert state.segment(CS) == Segment(0x10, 0, 0xFFFF_FFFF, 0x00A0_9B00)
    assert state.segment(SS) == Segment(0x18, 0, 0xFFFF_FFFF, 0x00C0_9300)
    assert (state.cpl, state.in_64bit_mode) == (0, True)
    assert state.rip == 0xFFFF_8000_0000_1000


@pytest.mark.parametrize("selector", [0x10, 0x50])
def test_another_selector_makes_other_segments(state: CpuState, selector: int) -> None:
    state.enter_flat_ring0(0x10, 0, 0)
    state.enter_flat_ring0(selector, 0, 0)
    assert (state.segment(CS).selector, state.segment(SS).selector) == (selector, selector + 8)


@pytest.mark.parametrize("bit", [*flags.NAMES.values(), flags.IOPL])
def test_every_flag_can_be_set_and_cleared(bare: Bare, state: CpuState, bit: int) -> None:
    state.set_flags(bit)
    state.store()
    assert bare.engine.flags() == bit | flags.FIXED
    state.load()
    state.set_flags(0)
    state.store()
    assert bare.engine.flags() == flags.FIXED


def test_setting_flags_leaves_rip_and_the_hidden_flags_alone(state: CpuState) -> None:
    state.rip = 0x1234
    hidden = state.dwords[at.HIDDEN_FLAGS >> 2]
    state.set_flags(0xAD7)
    assert (state.rip, state.dwords[at.HIDDEN_FLAGS >> 2]) == (0x1234, hidden)


def test_a_forgotten_exception_is_none(state: CpuState) -> None:
    state.dwords[at.OLD_EXCEPTION >> 2] = 13
    state.forget_exception()
    assert state.dwords[at.OLD_EXCEPTION >> 2] == 0xFFFF_FFFF


def test_parts_of_a_register_can_be_read_alone(state: CpuState) -> None:
    state.set_segment(IDTR, Segment(0, 0xFFFF_FE00_0000_0000, 0xFFF, 0))
    state.set_segment(SS, RING3_DATA)
    assert state.table(IDTR) == (0xFFFF_FE00_0000_0000, 0xFFF)
    assert state.selector(SS) == RING3_DATA.selector


def test_a_jump_sets_rip_and_flags_together(bare: Bare, state: CpuState) -> None:
    state.jump(0x1234, flags.ZF | flags.AC)
    state.store()
    assert bare.engine.rip() == 0x1234
    assert bare.engine.flags() == flags.ZF | flags.AC | flags.FIXED
