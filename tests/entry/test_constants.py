"""What assembly and Python share is written once, and stands where Linux has it."""

from __future__ import annotations

import re
from typing import Final

import pytest

from emu.x86 import flags
from kernel_stub import errno, layout
from kernel_stub.entry import build, constants

INCLUDED: Final = {
    name: int(value, 16)
    for name, value in re.findall(
        r"\.set (\w+), (0x[0-9a-f]+)", (build.HERE / "offsets.inc").read_text("utf-8")
    )
}

# Linux, asm/ptrace.h: struct pt_regs of x86_64, from its start.
LINUX: Final = {
    "r15": 0,
    "r14": 8,
    "r13": 16,
    "r12": 24,
    "rbp": 32,
    "rbx": 40,
    "r11": 48,
    "r10": 56,
    "r9": 64,
    "r8": 72,
    "rax": 80,
    "rcx": 88,
    "rdx": 96,
    "rsi": 104,
    "rdi": 112,
    "orig_rax": 120,
    "rip": 128,
    "cs": 136,
    "rflags": 144,
    "rsp": 152,
    "ss": 160,
}


def test_pt_regs_is_laid_out_as_linuxs() -> None:
    assert constants.PT_OFFSET == LINUX
    assert constants.PT_REGS_STRUCT.size == 168


@pytest.mark.parametrize("name", LINUX)
def test_an_offset_of_pt_regs_is_the_assemblys(name: str) -> None:
    assert INCLUDED[f"PT_{name.upper()}"] == LINUX[name]


@pytest.mark.parametrize(
    "name", [name for name in vars(constants) if name.startswith(("HANDOVER_", "CPU_"))]
)
def test_a_constant_of_python_is_the_assemblys(name: str) -> None:
    assert INCLUDED[name] == getattr(constants, name)


@pytest.mark.parametrize("name", ["USER32_CS", "USER_DS", "USER_CS"])
def test_a_selector_is_the_assemblys(name: str) -> None:
    assert INCLUDED[name] == getattr(layout, name)


@pytest.mark.parametrize("name", ["TF", "IF", "RF", "NT"])
def test_a_flag_is_the_assemblys(name: str) -> None:
    assert INCLUDED[f"FLAG_{name}"] == getattr(flags, name)


def test_nothing_else_is_included() -> None:
    prefixes = ("PT_", "HANDOVER_", "CPU_", "ESPFIX_", "FLAG_")
    others = [name for name in INCLUDED if not name.startswith(prefixes)]
    assert others == ["ENOSYS", "SELECTOR_IN_LDT", "USER32_CS", "USER_DS", "USER_CS"]


def test_enosys_is_the_kernels() -> None:
    assert INCLUDED["ENOSYS"] == errno.ENOSYS


def test_every_handover_has_a_number_of_its_own_below_the_exceptions() -> None:
    numbers = [value for name, value in INCLUDED.items() if name.startswith("HANDOVER_")]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) == constants.HANDOVER_EXCEPTION
