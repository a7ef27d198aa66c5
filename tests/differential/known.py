"""Where the machine ends otherwise than the recorded processor: which snippets, and why.

Rows are patterns of names (`*` stands for anything) with a reason; each named snippet must differ
still, so whoever mends one strikes it out. What no row names must be equal.
The manuals' titles stand in the modules of the snippets.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

ENGINE: Final = "engine"  # it does otherwise than the manual
# The record is of a guest. That its hypervisor answered is inferred from the manual, not proved.
HYPERVISOR: Final = "recorded under a hypervisor"
KERNEL: Final = "kernel"  # Linux does more than ours
OPEN: Final = "left open by the manual"

KNOWN_DIFFERENCES: Final = {
    "bs[fr]_of_0_in_64": (
        OPEN,
        "the destination for a source of 0; the engine clears the high half",
    ),
    "enter_below_the_stack_in_32": (ENGINE, "ENTER does not probe where the new ESP points to"),
    "noncanonical_call_only_64": (ENGINE, "the return address stays below RSP, in memory"),
    "*_null_[def]s_only_32": (ENGINE, "a null segment is noticed only where the page is not there"),
    "write_to_cs_only_32": (ENGINE, "the type of a segment is not checked at a store"),
    "forbidden_insb_*": (ENGINE, "INSB stores a byte before its port is refused"),
    "forbidden_vmmcall_*": (HYPERVISOR, "VMMCALL is answered"),
    "forbidden_vmcall_*": (HYPERVISOR, "#GP, where a processor of AMD raises #UD"),
    "forbidden_skinit_*": (HYPERVISOR, "SVM is enabled there, so #GP comes before #UD"),
    "forbidden_vmrun_*": (HYPERVISOR, "SVM is enabled there, so #GP comes before #UD"),
    "forbidden_clgi_*": (HYPERVISOR, "SVM is enabled there, so #GP comes before #UD"),
    "forbidden_rdpmc_*": (ENGINE, "RDPMC is #UD, not #GP"),
    "forbidden_mov_ax__cr1_*": (ENGINE, "a control register that is not there: #GP, not #UD"),
    "forbidden_mov_cr5__ax_*": (ENGINE, "a control register that is not there: #GP, not #UD"),
    "opcode_0f20c8_*": (ENGINE, "a control register that is not there: #GP, not #UD"),
    "opcode_c[67]f8_*": (ENGINE, "XABORT and XBEGIN without TSX are taken for MOV"),
    "opcode_ff38_*": (ENGINE, "FF /7 reads its operand before it is #UD"),
    "opcode_0fae38_*": (ENGINE, "CLFLUSH asks no right of its operand"),
    "clflush_unmapped_*": (ENGINE, "CLFLUSH asks no right of its operand"),
    "opcode_dfe8_*": (ENGINE, "x87: no stack underflow is noticed"),
    "opcode_f1_*": (HYPERVISOR, "RIP was that of INT1, where a processor has it behind"),
    "icebp_only_32": (HYPERVISOR, "RIP was that of INT1, where a processor has it behind"),
    "lar_2[38ab]_*": (OPEN, "bits 19:16 of what LAR gives: 0 here, the limit's there"),
    "lar_33_*": (OPEN, "bits 19:16 of what LAR gives: 0 here, the limit's there"),
    "sgdt_*": (KERNEL, "Linux with UMIP answers with numbers of its own"),
    "smsw_*": (KERNEL, "Linux with UMIP answers, in other widths"),
    "sldt_in_64": (KERNEL, "Linux with UMIP answers, in other widths"),
    "str_in_64": (KERNEL, "Linux with UMIP answers, in other widths"),
    "movaps_*misaligned_*": (ENGINE, "SSE operands need not be aligned"),
    "addps_misaligned_*": (ENGINE, "SSE operands need not be aligned"),
    "movntdq_misaligned_*": (ENGINE, "SSE operands need not be aligned"),
    "movups_past_the_page_*": (ENGINE, "the half before the page's end is loaded"),
    "movups_into_nothing_*": (ENGINE, "the half before the page's end is stored"),
    "mmx_*": (ENGINE, "MMX does not set the exponent of its x87 register"),
    "x87_fadd_*": (ENGINE, "x87: precision is not noted in FSW"),
    "x87_frndint_*": (ENGINE, "x87: precision is not noted in FSW"),
    "x87_fldcw_round_*": (ENGINE, "x87: precision is not noted in FSW"),
    "x87_fstp_single_*": (ENGINE, "x87: precision is not noted in FSW"),
    "x87_fsqrt_minus_*": (ENGINE, "x87: no invalid operation is noted in FSW"),
    "x87_fucomi_nan_*": (ENGINE, "x87: no invalid operation is noted in FSW"),
    "x87_*flow_of_the_stack_*": (ENGINE, "x87: its stack neither over- nor underflows"),
    "x87_mf_*": (ENGINE, "x87: an unmasked exception changes its operands, or is not raised"),
    "x87_fprem_*": (ENGINE, "x87: FPREM keeps 53 bits of precision"),
}


def reason(name: str) -> str | None:
    """Why the snippet `name` ends otherwise, or None."""
    for pattern, (whose, why) in KNOWN_DIFFERENCES.items():
        if fnmatchcase(name, pattern):
            return f"{whose}: {why}"
    return None
