/* What the C guests share: a start without libc, numbers from the command line, exit.
 * Where nobody answers `exit`, the HLT behind it ends the guest.
 *
 * x86-64 only. A guest prints nothing: what it computed ends in its exit status, so that no
 * compiler may leave the work out.
 */
#define NR_EXIT 60

typedef unsigned char byte;
typedef unsigned int word;
typedef unsigned long number;

/* The kernel starts a program with argc and argv on an aligned stack; a C function may begin
 * only where a CALL put a return address there. */
__asm__(".globl _start\n"
        "_start: xor %ebp, %ebp\n"
        "mov %rsp, %rdi\n"
        "call run\n");

static inline _Noreturn void leave(number status)
{
    __asm__ volatile("syscall; hlt" : : "a"(NR_EXIT), "D"(status & 0x7f) : "rcx", "r11", "memory");
    __builtin_unreachable();
}

/* Argument `index` of the program whose first stack is `stack`, as a decimal number. */
static inline number argument(const number *stack, number index, number otherwise)
{
    if (stack[0] <= index)
        return otherwise;
    number value = 0;
    for (const char *digit = (const char *)stack[1 + index]; *digit; digit++)
        value = 10 * value + (number)(*digit - '0');
    return value;
}
