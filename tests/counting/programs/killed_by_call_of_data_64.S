/*
 * A call into a page that is not executable: the call retires, with its push; the fetch faults.
 * retired: 3
 */
#include "common.inc"
.globl _start
_start:
    nop
    lea data(%rip), %rax
    call *%rax
    exit $0
.data
data: ret
