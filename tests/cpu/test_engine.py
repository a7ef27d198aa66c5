"""What this project relies on in Unicorn, proved again one by one.

When Unicorn moves, these tests tell what broke. Hooks stand in test_callbacks.py, page tables in
test_engine_memory.py, translated blocks in test_engine_blocks.py.
"""

from __future__ import annotations

from typing import Final

import pytest

from emu.cpu import state as at
from emu.cpu.callbacks import FLAGS
from emu.cpu.engine import MODELS, Engine
from emu.errors import EngineError, UsageError
from emu.memory.physical import MINIMUM_SIZE, PhysicalMemory
from emu.x86 import flags, msrs
from emu.x86.registers import GDTR, RAX
from emu.x86.vectors import BP, DE, DF, GP, OF
from tests.cpu.bare_engine import CODE, INVALID, Bare, Report


@pytest.fixture
def bare() -> Bare:
    return Bare()


# ---- the state block


def test_the_block_holds_the_exception_fields_at_its_end() -> None:
    from_the_end = [at.SIZE - offset for offset in (at.ERROR_CODE, at.IS_INT, at.OLD_EXCEPTION)]
    assert from_the_end == [184, 180, 72]


def test_what_is_stored_in_the_block_is_read_by_the_engines_own_calls(bare: Bare) -> None:
    marks = [0x1111_0000_0000_0000 + n for n in range(17)]
    bare.state.load()
    for number, mark in enumerate(marks):
        bare.state.words[number] = mark
    bare.state.store()
    assert bare.engine.read_registers() == marks


@pytest.mark.parametrize(
    ("number", "offset"),
    [
        (msrs.STAR, at.STAR),
        (msrs.LSTAR, at.LSTAR),
        (msrs.CSTAR, at.CSTAR),
        (msrs.FMASK, at.FMASK),
        (msrs.KERNEL_GS_BASE, at.KERNEL_GS_BASE),
        (msrs.SYSENTER_CS, at.SYSENTER_CS),
        (msrs.SYSENTER_ESP, at.SYSENTER_ESP),
        (msrs.SYSENTER_EIP, at.SYSENTER_EIP),
        (msrs.TSC_AUX, at.TSC_AUX),
    ],
)
def test_an_msr_stands_in_the_block_at_its_offset(bare: Bare, number: int, offset: int) -> None:
    bare.engine.write_msr(number, 0x7654)
    bare.state.load()
    assert bare.state.words[offset >> 3] == 0x7654
    bare.state.words[offset >> 3] = 0x4321
    bare.state.store()
    assert bare.engine.read_msr(number) == 0x4321


def test_a_table_register_stands_in_the_block(bare: Bare) -> None:
    bare.engine.write_gdtr(0x12_3000, 0x7F)
    bare.state.load()
    assert bare.state.segment(GDTR)[1:3] == (0x12_3000, 0x7F)


def test_in_a_callback_the_block_lacks_the_status_flags_and_a_cell_has_them(bare: Bare) -> None:
    found = []

    def look() -> None:
        found.append((bare.state.words[at.RFLAGS >> 3], bare.engine.cells[FLAGS]))
        bare.engine.stop()

    bare.on_report = look
    bare.run("xor eax, eax")
    assert [(lazy & flags.STATUS, whole & flags.STATUS) for lazy, whole in found] == [(0, 0x44)]


def test_between_two_runs_the_engine_evaluates_the_flags(bare: Bare) -> None:
    bare.run("xor eax, eax")
    assert bare.engine.flags() & flags.STATUS == flags.ZF | flags.PF


@pytest.mark.parametrize("value", [0x2, 0x8D7, 0x402, 0x246, 0x4_0202, 0x20_0202, 0x3202])
def test_flags_that_are_set_through_the_block_are_the_engines(bare: Bare, value: int) -> None:
    bare.state.load()
    bare.state.set_flags(value)
    bare.state.store()
    assert bare.engine.flags() == value


STORE_DOWN: Final = "rep stosb byte ptr [rdi], al"


def test_flags_that_a_callback_sets_are_those_of_the_next_instruction(bare: Bare) -> None:
    def set_df() -> None:
        if len(bare.reports) > 1:
            bare.engine.stop()
        else:
            bare.state.set_flags(flags.DF)

    bare.on_report = set_df
    bare.run(f"int 0x80; {STORE_DOWN}", r0=0xAA, r1=2, r7=0x2001)
    assert bytes(bare.physical.view[0x1FFF:0x2003]) == bytes.fromhex("00aaaa00")


def test_flags_that_are_set_between_two_runs_are_those_of_the_next_instruction(
    bare: Bare,
) -> None:
    bare.write(f"{STORE_DOWN}; ud2")
    bare.put(r0=0xAA, r1=2, r7=0x2001)
    bare.state.set_flags(flags.DF)
    bare.state.store()
    bare.engine.run()
    assert bytes(bare.physical.view[0x1FFF:0x2003]) == bytes.fromhex("00aaaa00")


# ---- rings


def test_a_privileged_instruction_runs_at_cpl_0(bare: Bare) -> None:
    assert [report.what for report in bare.run("cli")] == [INVALID]


PRIVILEGED: Final = (
    *("cli", "sti", "hlt", "clts", "invd", "wbinvd", "rdmsr", "wrmsr", "sysexit", "lmsw ax"),
    *("lldt ax", "ltr ax", "swapgs", "sysretq", "mov cr3, rax", "mov rax, cr0", "mov dr7, rax"),
    *("mov rax, dr7", "lgdt [rsp]", "lidt [rsp]", "invlpg byte ptr [rsp]"),
)


@pytest.mark.parametrize("instruction", PRIVILEGED)
def test_a_privileged_instruction_faults_where_the_block_said_cpl_3(
    bare: Bare, instruction: str
) -> None:
    assert bare.run(instruction, cpl=3, r4=0x2000) == [Report(GP, CODE, 0, is_int=False)]


def test_the_ring_may_be_changed_while_an_exception_is_reported(bare: Bare) -> None:
    def to_ring_0() -> None:
        if len(bare.reports) > 1:
            bare.engine.stop()
            return
        bare.state.enter_flat_ring0(0x10, CODE, 0)
        bare.state.forget_exception()

    bare.on_report = to_ring_0
    assert [report.what for report in bare.run("cli; cli", cpl=3)] == [GP, INVALID]
    assert bare.state.cpl == 0


def test_code_of_32_bits_runs_once_the_block_says_so(bare: Bare) -> None:
    # 40 is INC EAX there and a prefix in 64-bit mode.
    bare.run("inc eax; inc eax", cpl=3, long=False, r0=7)
    bare.state.load()
    assert bare.state.words[RAX] == 9


# ---- exceptions


@pytest.mark.parametrize(
    ("instruction", "report"),
    [
        ("int 0x80", Report(0x80, CODE + 2, 0, is_int=True)),
        ("int3", Report(BP, CODE + 1, 0, is_int=True)),
        ("int 3", Report(BP, CODE + 2, 0, is_int=True)),
        ("int 4", Report(OF, CODE + 2, 0, is_int=True)),
        ("int 0xe", Report(0xE, CODE + 2, 0, is_int=True)),
        ("div ecx", Report(DE, CODE, 0, is_int=False)),
        ("mov ds, eax", Report(GP, CODE, 0x1230, is_int=False)),
        ("ud2", Report(INVALID, CODE, 0, is_int=False)),
        ("vmcall", Report(INVALID, CODE, 0, is_int=False)),
    ],
)
def test_rip_stands_behind_int_n_and_on_a_fault(
    bare: Bare, instruction: str, report: Report
) -> None:
    assert bare.run(instruction, cpl=3, r0=0x1233) == [report]


def test_an_exception_changes_neither_ring_nor_stack_by_itself(bare: Bare) -> None:
    bare.run("int 0x80", cpl=3, r4=0x2000)
    bare.state.load()
    assert (bare.state.cpl, bare.state.words[4], bare.state.rip) == (3, 0x2000, CODE + 2)


def faults_until(bare: Bare, count: int, forget: bool) -> list[int | str]:
    def next_one() -> None:
        if forget:
            bare.state.forget_exception()
        if len(bare.reports) >= count:
            bare.engine.stop()

    bare.on_report = next_one
    return [report.what for report in bare.run("div ecx")]


def test_a_second_fault_is_a_false_double_fault_and_the_third_ends_the_run(bare: Bare) -> None:
    assert faults_until(bare, 5, forget=False) == [DE, DF]


def test_a_forgotten_exception_makes_no_double_fault(bare: Bare) -> None:
    assert faults_until(bare, 5, forget=True) == [DE] * 5


def test_an_invalid_instruction_that_nobody_takes_ends_the_run_with_an_error(bare: Bare) -> None:
    bare.engine.hook_invalid(lambda: False)
    bare.write("nop; ud2")
    bare.put()
    with pytest.raises(EngineError, match=f"the engine stopped at {CODE + 1:#x}"):
        bare.engine.run()


def test_hlt_at_cpl_0_ends_the_run_without_a_report(bare: Bare) -> None:
    assert bare.run("hlt") == []
    assert bare.engine.rip() == CODE + 1


def steps(bare: Bare, text: str, count: int) -> list[tuple[int | str, int]]:
    """What the first `count` instructions of `text` report when TF is set."""

    def step() -> None:
        if len(bare.reports) == count:
            bare.engine.stop()

    bare.on_report = step
    bare.write(text)
    bare.put()
    bare.state.set_flags(flags.TF)
    bare.state.store()
    bare.engine.run()
    return [(report.what, report.rip - CODE) for report in bare.reports]


def test_the_trap_flag_reports_vector_1_behind_each_instruction(bare: Bare) -> None:
    assert steps(bare, "nop; inc eax; cld; nop", 3) == [(1, 1), (1, 3), (1, 4)]


@pytest.mark.xfail(reason="PAUSE leaves the engine's loop before it looks at the trap flag")
def test_the_trap_flag_reports_vector_1_behind_pause(bare: Bare) -> None:
    assert steps(bare, "pause; nop", 1) == [(1, 2)]


# ---- models


def test_a_model_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"no CPU model 'z80'; known: .*haswell.*epyc"):
        Engine(PhysicalMemory(MINIMUM_SIZE), "z80")


def test_models_are_named_in_small_letters() -> None:
    assert {"haswell", "epyc", "skylake-client"} <= MODELS.keys()
    assert all(name == name.lower() and "_" not in name for name in MODELS)
