/*
 * The stack pointer stands at the very start of a new page, so that the push of a CALL, PUSH or
 * ENTER faults and the instruction is done again from its beginning.
 * retired: 4 + 2 + 2 + 3 + 2 + 3
 */
#include "common.inc"
.globl _start
_start:
    lea first+4096(%rip), %rsp
    call function                   /* and its RET */
    nop

    lea second+4096(%rip), %rsp
    push %rax

    lea third+4096(%rip), %rsp
    pushq pushed(%rip)              /* the load faults, then the push */

    lea fourth+4096(%rip), %rsp
    enter $64, $0
    leave

    lea fifth(%rip), %rsp
    ret                             /* pops a return address of a page from the file */
returned:
    exit $0
function:
    ret
.data
.balign 4096
fifth:  .quad returned
.bss
.balign 4096
pushed: .skip 4096
first:  .skip 4096
second: .skip 4096
third:  .skip 4096
fourth: .skip 4096
