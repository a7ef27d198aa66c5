"""Snippets that touch memory: strings, stacks, jumps, and addresses that are refused.

Each of `TEXTS` runs in 64-bit and in 32-bit code: `{a}` is `r` or `e`, so `%{a}si` is a pointer.
SDM 2, the pages of the instructions; SDM 3A, "Page-Fault Exceptions", "Canonical Addressing".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.differential.snippet import Snippet

STRINGS: Final = tuple("movsb movsw movsl stosb stosl lodsb lodsw scasb scasl cmpsb cmpsl".split())
TEXTS: Final = {
    "push_and_pop": "push %{a}ax; push $-5; pop %{a}dx; pop %{a}bx",
    "push_16": "pushw $0x1234; push %ax; pop %dx",
    "push_memory": "push (%{a}bx); pop 8(%{a}bx)",
    "push_sp": "push %{a}sp; pop %{a}ax",
    "pop_sp": "push %{a}bx; pop %{a}sp",
    "pop_to_memory_by_sp": "push $77; pop 8(%{a}sp)",
    "enter_0": "enter $16, $0",
    "enter_1": "enter $32, $1",
    "enter_3": "enter $8, $3",
    "leave": "leave",
    "enter_leave": "enter $8, $0; leave",
    "call_and_return": "call 1f; jmp 2f; 1: ret; 2: nop",
    "return_and_drop": "push $1; call 1f; jmp 2f; 1: ret ${word}; 2: nop",
    "call_register": "lea 1(%{a}bx), %{a}dx; mov $@(1f), %eax; call *%{a}ax; nop; 1: nop",
    "jump_register": "mov $@(1f), %eax; jmp *%{a}ax; ud2; 1: nop",
    "jump_memory": "movl $@(1f), (%{a}bx); movl $0, 4(%{a}bx); jmp *(%{a}bx); ud2; 1: nop",
    "loop": "1: inc %eax; loop 1b",
    "loope": "1: cmp %eax, %eax; loope 1b",
    "loopne": "xor %eax, %eax; 1: inc %eax; cmp $3, %eax; loopne 1b",
    "jump_if_cx": "xor %ecx, %ecx; j{a}cxz 1f; ud2; 1: nop",
    "far_return_to_own": "push ${cs}; push $@(1f); {lret}; ud2; 1: nop",
    "far_jump_by_memory": "movl $@(1f), (%{a}bx); movw ${cs}, 4(%{a}bx); "
    "ljmpl *(%{a}bx); ud2; 1: nop",
    "far_call_by_memory": "movl $@(1f), (%{a}bx); movw ${cs}, 4(%{a}bx); "
    "lcalll *(%{a}bx); ud2; 1: nop",
    "far_jump_to_kernel": "movl $@(1f), (%{a}bx); movw $0x10, 4(%{a}bx); ljmpl *(%{a}bx); 1: nop",
    "far_jump_to_data": "movl $@(1f), (%{a}bx); movw $0x2b, 4(%{a}bx); ljmpl *(%{a}bx); 1: nop",
    "far_jump_to_null": "movl $@(1f), (%{a}bx); movw $0, 4(%{a}bx); ljmpl *(%{a}bx); 1: nop",
    "far_jump_to_tss": "movl $@(1f), (%{a}bx); movw $0x40, 4(%{a}bx); ljmpl *(%{a}bx); 1: nop",
    "far_jump_beyond": "movl $@(1f), (%{a}bx); movw $0x3fb, 4(%{a}bx); ljmpl *(%{a}bx); 1: nop",
    "far_return_to_kernel": "push $0x10; push $@(1f); {lret}; 1: nop",
    "far_return_to_null": "push $0; push $@(1f); {lret}; 1: nop",
    "far_return_to_rpl_0": "push $0x30; push $@(1f); {lret}; 1: nop",
    "iret_to_own": "{iret_frame}; {iret}; ud2; 1: nop",
    "read_unmapped": "mov 0xdead000, %eax",
    "write_unmapped": "movl $1, 0xdead004",
    "read_null": "xor %eax, %eax; mov 8(%{a}ax), %edx",
    "write_read_only": "movl $1, R",
    "add_read_only": "addl $1, R+4",
    "read_read_only": "mov R, %eax",
    "write_code": "movb $0x90, @(1f); 1: nop",
    "jump_to_data": "mov $D, %eax; jmp *%{a}ax",
    "jump_to_unmapped": "mov $0xdead000, %eax; jmp *%{a}ax",
    "call_to_unmapped": "mov $0xdead000, %eax; call *%{a}ax",
    "jump_to_null": "xor %eax, %eax; jmp *%{a}ax",
    "return_to_data": "push $D; ret",
    "read_past_the_page": "mov D+4094, %eax",
    "write_past_the_page": "movl $-1, D+4094",
    "read_before_the_page": "mov D-1, %eax",
    "push_below_the_stack": "mov $K, %esp; push %{a}ax",
    "pop_above_the_stack": "mov $K+4096, %esp; pop %{a}ax",
    "call_below_the_stack": "mov $K, %esp; call 1f; 1: nop",
    "enter_below_the_stack": "mov $K+4, %esp; enter $8, $0",
    "xchg_unmapped": "xchg %eax, 0xdead000",
    "cmpxchg_read_only": "cmpxchg %ecx, R",
    "cmpxchg_equal_read_only": "mov R, %eax; cmpxchg %ecx, R",
    "rep_stos_into_nothing": "mov $D+4090, %edi; mov $16, %ecx; rep stosb",
    "rep_stosl_into_nothing": "mov $D+4090, %edi; mov $16, %ecx; rep stosl",
    "rep_movs_from_nothing": "mov $D+4090, %esi; mov $16, %ecx; rep movsb",
    "rep_movs_down_into_nothing": "std; mov $D+4, %edi; mov $16, %ecx; rep movsb",
    "rep_of_none_at_null": "xor %ecx, %ecx; xor %edi, %edi; rep stosb",
    "setcc_unmapped": "sete 0xdead000",
    "div_by_unmapped": "divl 0xdead000",
    "bts_far_away": "mov $0x7fffff0, %ecx; bts %ecx, (%{a}bx)",
    "movs_unmapped_source": "mov $0xdead000, %esi; movsl",
    "movs_unmapped_target": "mov $0xdead000, %edi; movsl",
    "cmps_unmapped": "mov $0xdead000, %esi; mov $0xbeef000, %edi; cmpsl",
    "push_unmapped": "push 0xdead000",
    "pop_to_unmapped": "push $1; pop 0xdead000",
    "long_instruction": "mov $@(1f), %eax; jmp *%{a}ax; 1: .fill 14, 1, 0x2e; nop",
    "too_long_instruction": ".fill 15, 1, 0x2e; nop",
    "run_off_the_code": "mov $@(S)+4095, %eax; jmp *%{a}ax",
}
ONLY_64: Final = {
    "push_q": "movabs $0x123456789abcdef0, %rax; push %rax; pop %rdx",
    "noncanonical_read": "movabs $0x8000000000000000, %rax; mov (%rax), %rdx",
    "noncanonical_write": "movabs $0x0000800000000000, %rax; mov %rdx, (%rax)",
    "noncanonical_straddle": "movabs $0x00007ffffffffffc, %rax; mov (%rax), %rdx",
    "noncanonical_by_rsp": "movabs $0x8000000000000000, %rsp; mov (%rsp), %rdx",
    "noncanonical_by_rbp": "movabs $0x8000000000000000, %rbp; mov (%rbp), %rdx",
    "noncanonical_push": "movabs $0x8000000000000000, %rsp; push %rax",
    "noncanonical_pop": "movabs $0x8000000000000000, %rsp; pop %rax",
    "noncanonical_call_stack": "movabs $0x8000000000000000, %rsp; call 1f; 1: nop",
    "noncanonical_ret_stack": "movabs $0x8000000000000000, %rsp; ret",
    "noncanonical_jump": "movabs $0x8000000000000000, %rax; jmp *%rax",
    "noncanonical_call": "movabs $0x8000000000000000, %rax; call *%rax",
    "noncanonical_return": "movabs $0x8000000000000000, %rax; push %rax; ret",
    "noncanonical_stos": "movabs $0x8000000000000000, %rdi; stosb",
    "noncanonical_fs": "movabs $0x8000000000000000, %rax; mov %fs:(%rax), %rdx",
    "kernel_read": "mov $0xffffffff81000000, %rax; mov (%rax), %rdx",
    "kernel_write": "mov $0xffffffff81000000, %rax; mov %edx, (%rax)",
    "kernel_jump": "mov $0xffffffff81000000, %rax; jmp *%rax",
    "kernel_read_unmapped": "movabs $0xffff900000000000, %rax; mov (%rax), %rdx",
    "top_read": "movabs $0x7ffffffff000, %rax; mov (%rax), %rdx",
    "high_read": "mov $-8, %rax; mov (%rax), %edx",
    "movs_q": "rep movsq",
    "stos_q": "rep stosq",
    "address_32": "movabs $0xdead000020000008, %rsi; mov (%esi), %eax",
    "rip_relative": "mov 1f(%rip), %eax; jmp 2f; 1: .long 0x12345678; 2: nop",
    "cmpxchg16b": "mov $D+0x10, %ebx; cmpxchg16b (%rbx)",
    "cmpxchg16b_misaligned": "mov $D+8, %ebx; cmpxchg16b (%rbx)",
    "to_compat_and_back": "push $0x23; push $@(1f); lretq; .code32; 1: inc %eax; "
    "ljmp $0x33, $@(2f); .code64; 2: nop",
    "movslq": "movslq %eax, %rdx",
    "jrcxz_of_high_half": "movabs $0x100000000, %rcx; jrcxz 1f; inc %eax; 1: nop",
    "jecxz_of_high_half": "movabs $0x100000000, %rcx; jecxz 1f; inc %eax; 1: nop",
}
ONLY_32: Final = {
    "pusha": "pusha",
    "pusha_popa": "pusha; inc %eax; popa",
    "pushaw": "pushaw; popaw",
    "arpl_raises": "mov $0x20, %eax; mov $3, %edx; arpl %dx, %ax",
    "arpl_keeps": "mov $0x23, %eax; mov $1, %edx; arpl %dx, %ax",
    "bound_within": "movl $1, (%ebx); movl $9, 4(%ebx); mov $5, %eax; bound %eax, (%ebx)",
    "bound_above": "movl $1, (%ebx); movl $9, 4(%ebx); mov $10, %eax; bound %eax, (%ebx)",
    "bound_below": "movl $1, (%ebx); movl $9, 4(%ebx); mov $-1, %eax; bound %eax, (%ebx)",
    "bound_unmapped": "bound %eax, 0xdead000",
    "far_jump": "ljmp $0x23, $@(1f); ud2; 1: nop",
    "far_jump_to_64": "ljmp $0x33, $@(1f); .code64; 1: push %rax; .code32",
    "far_call": "lcall $0x23, $@(1f); ud2; 1: nop",
    "far_call_kernel": "lcall $0x10, $0",
    "far_call_gate_beyond": "lcall $0x3fb, $0",
    "read_null_ds": "xor %eax, %eax; mov %eax, %ds; mov (%ebx), %edx",
    "write_null_ds": "xor %eax, %eax; mov %eax, %ds; mov %edx, (%ebx)",
    "stos_null_es": "xor %eax, %eax; mov %eax, %es; stosb",
    "read_null_fs": "mov %fs:(%ebx), %eax",
    "read_above_the_limit": "mov $-2, %eax; mov (%eax), %edx",
    "top_read": "mov $0xfffff000, %eax; mov (%eax), %edx",
    "write_to_cs": "mov %eax, %cs:(%ebx)",
    "read_by_cs": "mov %cs:(%ebx), %eax",
    "address_16": "xor %ebx, %ebx; mov (%bx), %eax",
    "jump_16": "data16 jmp 1f; 1: nop",
    "les": "movl $5, (%ebx); movw $0x2b, 4(%ebx); les (%ebx), %eax",
    "lds_kernel": "movl $5, (%ebx); movw $0x10, 4(%ebx); lds (%ebx), %eax",
    "push_es_pop_fs": "push %es; pop %fs",
    "pop_ss": "push %ss; pop %ss",
    "salc": "stc; .byte 0xd6",
}


def strings() -> Iterator[Snippet]:
    for bits in (64, 32):
        for name in STRINGS:
            for prefix in ("", "rep"):
                for direction in ("cld", "std"):
                    if name[:4] in ("scas", "cmps"):
                        prefix = prefix and ("repne" if name.endswith("l") else "repe")
                    text = f"mov $0x0e070e07, %eax; {direction}; {prefix} {name}"
                    yield Snippet(f"{prefix or 'one'}_{name}_{direction}_in_{bits}", bits, text)


def both() -> Iterator[Snippet]:
    frame_64 = "mov %rsp, %rax; push $0x2b; push %rax; push $0x297; push $0x33; push $@(1f)"
    words = {
        64: {
            "a": "r",
            "word": "8",
            "cs": "0x33",
            "lret": "lretq",
            "iret": "iretq",
            "iret_frame": frame_64,
        },
        32: {
            "a": "e",
            "word": "4",
            "cs": "0x23",
            "lret": "lret",
            "iret": "iret",
            "iret_frame": "push $0x297; push $0x23; push $@(1f)",
        },
    }
    for bits, fields in words.items():
        for name, text in TEXTS.items():
            yield Snippet(f"{name}_in_{bits}", bits, text.format(**fields))


def one_mode() -> Iterator[Snippet]:
    for bits, table in ((64, ONLY_64), (32, ONLY_32)):
        for name, text in table.items():
            yield Snippet(f"{name}_only_{bits}", bits, text)


GROUPS: Final[tuple[Callable[[], Iterator[Snippet]], ...]] = (strings, both, one_mode)
