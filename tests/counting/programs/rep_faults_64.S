/*
 * `rep` over pages that do not exist yet: each fault interrupts it, the kernel brings the page, and
 * it goes on where it was. It still is one instruction.
 * retired: 4 + 4 + 3 + 4 + 3 + 3
 */
#include "common.inc"
.globl _start
_start:
    lea filled+1000(%rip), %rdi
    mov $0x11, %eax
    mov $10000, %ecx
    rep stosb                       /* a write fault on each of three pages */

    lea read(%rip), %rsi            /* read faults on the source, write faults on the target */
    lea target+4000(%rip), %rdi
    mov $3000, %ecx
    rep movsb

    lea straddled+4093(%rip), %rdi  /* the first element lies on two new pages */
    mov $600, %ecx
    rep stosq

    lea searched+1(%rip), %rdi
    xor %eax, %eax
    mov $9000, %ecx
    repe scasb                      /* zeros all the way */

    lea left(%rip), %rsi
    lea right(%rip), %rdi
    repe cmpsb                      /* RCX = 0: touches nothing */
    exit %ecx
.bss
.balign 4096
filled:     .skip 12288
read:       .skip 4096
target:     .skip 8192
straddled:  .skip 12288
searched:   .skip 12288
left:       .skip 4096
right:      .skip 4096
