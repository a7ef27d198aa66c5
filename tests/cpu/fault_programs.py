"""How each golden fault is brought about: the instruction's bytes and the registers before it.

Addresses, flags and what the processor then did stand in the golden file. Sources of the programs
that were captured are not needed: one instruction makes each fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

ONES: Final = (1 << 64) - 1
STACK: Final = 0x7FFF_FFFF_EE10
FRAME: Final = STACK - 40  # where an IRET finds its frame
USER_SS, USER_CS = 0x2B, 0x33


NO_REGISTERS: Final[Mapping[str, int]] = MappingProxyType({})


class Program(NamedTuple):
    """One instruction and what it needs. `stack` lies at RSP, lowest address first.

    `before` is code that runs first, up to the instruction.
    """

    instruction: str
    registers: Mapping[str, int] = NO_REGISTERS
    stack: tuple[int, ...] = ()
    null_ds: bool = False
    before: str = ""


# ldmxcsr (%rsp); cvtsi2ss %eax,%xmm0; xorps %xmm1,%xmm1: 1 divided by 0, which is not masked
DIVIDE_BY_ZERO: Final = "0fae1424f30f2ac00f57c9"


def iret(cs: int = USER_CS, ss: int = USER_SS, rip: int = 0) -> Program:
    """IRETQ with a frame that is bad in one place."""
    frame = (rip, cs, 0x202, STACK, ss)
    return Program("48cf", {"rsp": FRAME}, frame)


PROGRAMS: Final = {
    "c_pf_read_unmapped": Program("8b03", {"rbx": 0xDEAD000}),
    "c_of_into": Program("ce"),
    "c_gp_int_0x81": Program("cd81"),
    "c_de_aam0": Program("d400"),
    "c_gp_hlt": Program("f4"),
    "c_gp_null_ds": Program("8b01", {"rcx": 0x2020202}, null_ds=True),
    "c_bp_int3": Program("cc"),
    "c_ud_ud2": Program("0f0b"),
    "c_gp_lcall_kernel_cs": Program("9a000000001000"),
    "c_sysexit_cpl3": Program("0f35"),
    "c_gp_cli": Program("fa"),
    "c_db_tf": Program("90"),
    "c_read_limit": Program("8b03", {"rbx": 0xFFFF_FFFF}),
    "pf_read_unmapped": Program("488b03", {"rbx": 0xDEAD000}),
    "pf_write_unmapped": Program("488903", {"rbx": 0xDEAD008}),
    "pf_exec_unmapped": Program("ffe3", {"rbx": 0xDEAD000}),
    "pf_read_kernel": Program("488b03", {"rbx": 0xFFFF_FFFF_8100_0000}),
    "gp_int_0x20": Program("cd20"),
    "gp_int_0x81": Program("cd81"),
    "ud_ud2": Program("0f0b"),
    "de_div0": Program("f7f1", {"rcx": 0}),
    "bp_int3": Program("cc"),
    "bp_cd03": Program("cd03"),
    "of_int4": Program("cd04"),
    "db_tf": Program("90"),
    "gp_noncanon_read": Program("488b18", {"rax": 1 << 63}),
    "ss_noncanon_push": Program("50", {"rsp": 1 << 63}),
    "gp_hlt": Program("f4"),
    "gp_cli": Program("fa"),
    "gp_mov_cr3": Program("0f22d8"),
    "gp_lgdt": Program("0f011424"),
    "gp_load_ds_kernel_cs": Program("8ed8", {"rax": 0x10}),
    "gp_load_ds_empty": Program("8ed8", {"rax": 0x63}),
    "gp_iret_cs_null": iret(cs=0),
    "gp_iret_cs_kernel": iret(cs=0x10),
    "gp_iret_ss_kernel": iret(ss=0x18),
    "gp_ljmp_kernel_cs": Program("ff6c2404", stack=(0, 0x10)),
    "ac_misaligned": Program("488b03", {"rbx": STACK + 1}),
    "ud_lock": Program("f089c0"),
    "gp_sysretq": Program("480f07"),
    "gp_swapgs": Program("0f01f8"),
    "de_idiv_overflow": Program("f7f9", {"rax": 1 << 31, "rdx": 0x7FFF_FFFF, "rcx": 0xFFFF_FFFF}),
    "gp_clts": Program("0f06"),
    "gp_iret_nt": iret(),
    "xm_divss": Program("f30f5ec1", {"rax": 1}, (0x1D80,), before=DIVIDE_BY_ZERO),
    "gp_int_0x08": Program("cd08"),
    "gp_load_ss_rpl0": Program("8ed0", {"rax": 0x28}),
    "gp_ltr": Program("0f00d8", {"rax": 0x40}),
    "gp_invd": Program("0f08"),
    "pf_vsyscall_read": Program("488b18", {"rax": 0xFFFF_FFFF_FF60_0000}),
}
