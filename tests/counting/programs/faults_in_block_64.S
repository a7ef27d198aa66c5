/*
 * One block whose instructions touch new pages: each faults once, or twice, and retires once.
 * retired: 19 + 3
 */
#include "common.inc"
.globl _start
_start:
    mov $1, %eax                    /* 1 */
    mov loaded(%rip), %ebx          /* 2: a load, the zero page */
    mov %eax, loaded(%rip)          /* 3: a store to the same page: copy on write */
    mov %eax, stored(%rip)          /* 4: a store */
    nop                             /* 5 */
    add %eax, modified(%rip)        /* 6: read, modify, write */
    xchg %eax, exchanged(%rip)      /* 7: with an implied LOCK */
    mov $5, %ecx                    /* 8 */
    lock cmpxchg %ecx, compared(%rip)   /* 9 */
    mov %rcx, straddled+4092(%rip)  /* 10: a store on two new pages */
    mov half_loaded+4092(%rip), %rdx    /* 11: a load from two new pages */
    movups %xmm0, vector+4088(%rip) /* 12 */
    push pushed(%rip)               /* 13: a load from a new page, a store on the stack */
    pop popped(%rip)                /* 14: the other way round */
    lea target(%rip), %rdi          /* 15 */
    lea source(%rip), %rsi          /* 16 */
    movsq                           /* 17 */
    incb loaded(%rip)               /* 18: no fault any more */
    movzbl loaded(%rip), %eax       /* 19 */
    exit %eax                       /* 2 */
.bss
.balign 4096
loaded:     .skip 4096
stored:     .skip 4096
modified:   .skip 4096
exchanged:  .skip 4096
compared:   .skip 4096
straddled:  .skip 8192
half_loaded: .skip 8192
vector:     .skip 8192
pushed:     .skip 4096
popped:     .skip 4096
target:     .skip 4096
source:     .skip 4096
