"""The stepper counts by the rules, also where one step of the processor is not one instruction.

Each claim is a few instructions, assembled here, and a count made by hand. (The programs of
`tests/counting`, whose sources carry their counts as well, are the longer test.)
"""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.oracle import stepper
from tests.oracle.stepper import Counted, StepperGaveUp

SIGILL, SIGTRAP, SIGFPE, SIGSEGV = 4, 5, 8, 11
EXIT_64: Final = "mov $60, %eax; xor %edi, %edi; syscall"
EXIT_32: Final = "mov $1, %eax; xor %ebx, %ebx; int $0x80"


class Claim(NamedTuple):
    bits: int
    code: str
    user: int
    status: int = 0


def alive(code: str, instructions: int) -> Claim:
    return Claim(64, f"{code}; {EXIT_64}", instructions + 3)


def alive_32(code: str, instructions: int) -> Claim:
    return Claim(32, f"{code}; {EXIT_32}", instructions + 3)


def killed(code: str, instructions: int, signal: int) -> Claim:
    return Claim(64, code, instructions, 128 + signal)


CLAIMS: Final = {
    "the_exiting_system_call_counts": alive("", 0),
    "every_system_call_counts": alive("mov $39, %eax; syscall; nop", 3),
    "int_0x80_counts_in_64_bit_code": alive("mov $20, %eax; int $0x80; nop", 3),
    "int_0x80_counts_in_32_bit_code": alive_32("mov $20, %eax; int $0x80; nop", 3),
    "sysenter_counts_and_so_does_the_landing_pad": alive_32(
        "mov $20, %eax; call 1f; jmp 2f; 1: push %ecx; push %edx; push %ebp; mov %esp, %ebp; "
        "sysenter; 2: nop",
        2 + 5 + 4 + 2,
    ),
    "a_rep_of_none_counts_once": alive("xor %ecx, %ecx; rep stosb", 2),
    "a_rep_of_five_counts_once": alive("lea -128(%rsp), %rdi; mov $5, %ecx; rep stosb", 3),
    "a_rep_with_rex_counts_once": alive("lea -128(%rsp), %rdi; mov $5, %ecx; rep stosq", 3),
    "a_rep_executed_twice_counts_twice": alive(
        "mov $2, %edx; 1: lea -128(%rsp), %rdi; mov $5, %ecx; rep stosb; dec %edx; jnz 1b", 11
    ),
    "a_jump_to_itself_counts_each_time": alive("mov $5, %ecx; 1: loop 1b", 6),
    "a_rep_prefix_on_another_instruction_changes_nothing": alive(
        "mov $3, %ecx; 1: .byte 0xf3; loop 1b; pause", 5
    ),
    "a_rep_that_is_killed_does_not_count": killed(
        "xor %edi, %edi; mov $5, %ecx; rep stosb", 2, SIGSEGV
    ),
    "the_instruction_behind_mov_ss_counts_too": alive("mov %ss, %eax; mov %eax, %ss; nop", 3),
    "a_jump_behind_mov_ss_counts_too": alive(
        "mov %ss, %eax; mov %eax, %ss; jmp 1f; nop; 1: nop", 4
    ),
    "the_instruction_behind_pop_ss_counts_too": alive_32("push %ss; pop %ss; nop", 3),
    "mov_ss_counts_when_what_follows_is_killed": killed(
        "mov %ss, %eax; mov %eax, %ss; ud2", 2, SIGILL
    ),
    "a_page_on_demand_is_no_instruction": alive("mov %eax, -65536(%rsp); nop", 2),
    "an_illegal_instruction_does_not_count": killed("nop; ud2", 1, SIGILL),
    "a_division_by_zero_does_not_count": killed("xor %ecx, %ecx; div %ecx", 1, SIGFPE),
    "a_refused_int_does_not_count": killed("nop; int $0x20", 1, SIGSEGV),
    "a_privileged_instruction_does_not_count": killed("nop; hlt", 1, SIGSEGV),
    "a_load_that_is_killed_does_not_count": killed("xor %eax, %eax; mov (%rax), %eax", 1, SIGSEGV),
    "a_jump_to_nowhere_counts": killed("xor %eax, %eax; jmp *%rax", 2, SIGSEGV),
    "int3_is_a_trap_and_counts": killed("nop; int3", 2, SIGTRAP),
    "int_3_in_two_bytes_counts": killed("nop; .byte 0xcd, 3", 2, SIGTRAP),
    "into_without_overflow_counts": alive_32("test %eax, %eax; into; nop", 3),
    "a_change_of_mode_counts_in_both": alive(
        "push $0x23; push $1f; lretq; .code32; 1: inc %eax; ljmp $0x33, $2f; .code64; 2: nop", 6
    ),
}

REFUSED: Final = {
    "icebp_looks_like_a_step": ".byte 0xf1",
    "ss_from_memory_has_no_length_here": "push $0x2b; mov (%rsp), %ss",
}


@pytest.fixture(autouse=True)
def _this_host_can_step() -> None:
    if (reason := stepper.reason_not_to_step()) is not None:
        pytest.skip(reason)


def assemble(bits: int, code: str, folder: Path) -> Path:
    source, program = folder / "claim.S", folder / "claim"
    source.write_text(f".globl _start\n_start: {code}\n")
    fixed = (f"-m{bits}", "-nostdlib", "-static", "-no-pie", "-Wl,-z,noexecstack")
    subprocess.run(["gcc", *fixed, "-o", program, source], check=True)
    return program


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))
def test_it_counts(claim: Claim, tmp_path: Path) -> None:
    program = assemble(claim.bits, claim.code, tmp_path)
    assert stepper.count(program) == Counted(claim.user, claim.status)


@pytest.mark.parametrize("code", REFUSED.values(), ids=list(REFUSED))
def test_it_refuses(code: str, tmp_path: Path) -> None:
    program = assemble(64, f"nop; {code}; {EXIT_64}", tmp_path)
    with pytest.raises(StepperGaveUp, match="cannot be stepped"):
        stepper.count(program)


def test_its_trace_has_one_address_for_each_counted_instruction(tmp_path: Path) -> None:
    code = f"mov $2, %ecx; 1: loop 1b; rep stosb; mov %ss, %eax; mov %eax, %ss; nop; {EXIT_64}"
    trace = stepper.trace(assemble(64, code, tmp_path))
    lengths = [after - before for before, after in itertools.pairwise(trace)]
    #       of: mov loop loop rep mov mov nop mov xor
    assert lengths == [5, 0, 2, 2, 2, 2, 1, 5, 2]


def test_it_gives_up_on_a_program_that_does_not_end(tmp_path: Path) -> None:
    program = assemble(64, "1: jmp 1b", tmp_path)
    with pytest.raises(StepperGaveUp, match="not finished after 1000 steps"):
        stepper.count(program, "-m", "1000")


def test_it_says_why_a_program_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(StepperGaveUp, match="No such file"):
        stepper.count(tmp_path / "missing")
