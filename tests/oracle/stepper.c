/*
 * stepper: counts the user instructions that a program retires on the processor of this host.
 *
 *     stepper [-o FILE] [-t FILE] [-m LIMIT] PROGRAM [ARGUMENT...]
 *
 * It prints one line of JSON: the count, and how the program ended. -t writes the address of every
 * retired instruction, one a line, in hexadecimal; -m gives up after LIMIT steps.
 *
 * What it knows: what one PTRACE_SINGLESTEP means on x86, and where that is not one instruction:
 *   - the processor's trap flag stops a `rep` string instruction after every iteration;
 *   - a load of SS holds the trap back, so that one step covers the following instruction as well;
 *   - a fault that the kernel resolves (a page on demand) shows no stop at all;
 *   - an AMD processor has no SYSENTER in long mode, so there it is carried out as Linux does it.
 * What it does not know: signal handlers, ICEBP and SS loaded from memory, at which it gives up;
 * threads, fork and exec, which nobody may ask of it. A program that looks at its own trap flag
 * (PUSHF, R11 after SYSCALL) sees it set.
 *
 * Manuals: SDM 3B, "Debug, Branch Profile, TSC" (single-step exception); ptrace(2); vdso(7).
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER_CS = 0x33, INSTRUCTION_MAX = 15 };

/* What a single step does with an instruction. */
enum kind {
    ORDINARY,    /* one step, one instruction */
    REP_STRING,  /* one step an iteration */
    LOADS_SS,    /* the step goes on to the end of the next instruction */
    TRAPS,       /* INT3, INT n, INTO: retired when RIP has moved past them, whatever follows */
    SYSENTER,
    UNHANDLED,
};

struct decoded {
    enum kind kind;
    unsigned length; /* known for LOADS_SS only */
};

struct tracee {
    pid_t pid;
    int memory; /* /proc/PID/mem */
};

/* The instruction that the next step starts with. */
struct start {
    struct user_regs_struct regs;
    struct decoded instruction;
};

struct tally {
    uint64_t user;
    FILE *trace;
};

static struct tracee tracee = {-1, -1};

static _Noreturn void give_up(const char *format, ...)
{
    va_list arguments;

    fputs("stepper: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (tracee.pid > 0)
        kill(tracee.pid, SIGKILL);
    exit(125);
}

/* --- decoding: only as much as a step's meaning depends on ------------------------------------ */

static bool is_legacy_prefix(uint8_t byte)
{
    return byte != 0 && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte) != NULL;
}

static bool is_string_opcode(uint8_t opcode)
{
    return (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf);
}

static struct decoded decode(const uint8_t *byte, bool long_mode)
{
    unsigned i = 0;
    bool rep = false;

    for (; i < INSTRUCTION_MAX && is_legacy_prefix(byte[i]); i++)
        rep |= byte[i] == 0xf2 || byte[i] == 0xf3;
    if (long_mode && (byte[i] & 0xf0) == 0x40) /* REX */
        i++;

    uint8_t opcode = byte[i], next = byte[i + 1];
    if (rep && is_string_opcode(opcode))
        return (struct decoded){REP_STRING, 0};
    if (opcode == 0x8e && (next >> 3 & 7) == 2) /* MOV SS; only the register form has this length */
        return next >= 0xc0 ? (struct decoded){LOADS_SS, i + 2} : (struct decoded){UNHANDLED, 0};
    if (opcode == 0x17 && !long_mode) /* POP SS */
        return (struct decoded){LOADS_SS, i + 1};
    if (opcode == 0xcc || opcode == 0xcd || opcode == 0xce)
        return (struct decoded){TRAPS, 0};
    if (opcode == 0xf1) /* ICEBP looks like a step */
        return (struct decoded){UNHANDLED, 0};
    if (opcode == 0x0f && next == 0x34)
        return (struct decoded){SYSENTER, 0};
    return (struct decoded){ORDINARY, 0};
}

/* --- the tracee ------------------------------------------------------------------------------- */

static _Noreturn void become_tracee(char **argv)
{
    char *no_environment[] = {NULL};

    personality(ADDR_NO_RANDOMIZE);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
        execve(argv[0], argv, no_environment);
    fprintf(stderr, "stepper: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Starts the program; it stands before its first instruction. */
static void start_program(char **argv)
{
    char path[64];
    int status;

    tracee.pid = fork();
    if (tracee.pid < 0)
        give_up("fork: %s", strerror(errno));
    if (tracee.pid == 0)
        become_tracee(argv);
    if (waitpid(tracee.pid, &status, 0) < 0 || !WIFSTOPPED(status))
        exit(127); /* the child has said why */
    if (ptrace(PTRACE_SETOPTIONS, tracee.pid, NULL, PTRACE_O_EXITKILL) < 0)
        give_up("ptrace: %s", strerror(errno));
    snprintf(path, sizeof path, "/proc/%d/mem", (int)tracee.pid);
    tracee.memory = open(path, O_RDONLY);
    if (tracee.memory < 0)
        give_up("%s: %s", path, strerror(errno));
}

static struct user_regs_struct registers(void)
{
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, tracee.pid, NULL, &regs) < 0)
        give_up("PTRACE_GETREGS: %s", strerror(errno));
    return regs;
}

static void set_registers(struct user_regs_struct regs)
{
    if (ptrace(PTRACE_SETREGS, tracee.pid, NULL, &regs) < 0)
        give_up("PTRACE_SETREGS: %s", strerror(errno));
}

/* Bytes that are not mapped read as 0. */
static void peek(uint64_t address, void *buffer, size_t size)
{
    memset(buffer, 0, size);
    if (pread(tracee.memory, buffer, size, (off_t)address) < 0 && errno != EIO)
        give_up("reading %#" PRIx64 ": %s", address, strerror(errno));
}

static struct start look(void)
{
    struct start start = {.regs = registers()};
    uint8_t code[INSTRUCTION_MAX + 2];

    peek(start.regs.rip, code, sizeof code);
    start.instruction = decode(code, start.regs.cs == USER_CS);
    return start;
}

/* Runs until the step's trap, a signal or the end; returns waitpid's status. */
static int step(void)
{
    int status;

    if (ptrace(PTRACE_SINGLESTEP, tracee.pid, NULL, NULL) < 0)
        give_up("PTRACE_SINGLESTEP: %s", strerror(errno));
    if (waitpid(tracee.pid, &status, 0) < 0)
        give_up("waitpid: %s", strerror(errno));
    return status;
}

/* The trap flag's own SIGTRAP (or the kernel's in its place, after a system call), not INT3's. */
static bool is_step_trap(int status)
{
    siginfo_t info;

    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
        return false;
    if (ptrace(PTRACE_GETSIGINFO, tracee.pid, NULL, &info) < 0)
        give_up("PTRACE_GETSIGINFO: %s", strerror(errno));
    return info.si_code == TRAP_TRACE || info.si_code == TRAP_BRKPT;
}

/* --- counting --------------------------------------------------------------------------------- */

static void count(struct tally *tally, uint64_t rip)
{
    tally->user++;
    if (tally->trace)
        fprintf(tally->trace, "%" PRIx64 "\n", rip);
}

static void count_step(struct tally *tally, const struct start *start, uint64_t rip_after)
{
    uint64_t rip = start->regs.rip, following = rip + start->instruction.length;

    switch (start->instruction.kind) {
    case REP_STRING: /* nothing but its last iteration moves RIP */
        if (rip_after != rip)
            count(tally, rip);
        break;
    case LOADS_SS:
        count(tally, rip);
        if (rip_after != following)
            count(tally, following);
        break;
    default:
        count(tally, rip);
    }
}

/* A signal instead of the step's trap: a fault, which does not retire, or another kind of trap. */
static void count_before_signal(struct tally *tally, const struct start *start)
{
    uint64_t rip = start->regs.rip, rip_now = registers().rip;
    bool first_of_two = start->instruction.kind == LOADS_SS;

    if ((start->instruction.kind == TRAPS || first_of_two) && rip_now != rip)
        count(tally, rip);
}

static int deliver(int signal)
{
    int status;

    if (ptrace(PTRACE_CONT, tracee.pid, NULL, (long)signal) < 0)
        give_up("PTRACE_CONT: %s", strerror(errno));
    if (waitpid(tracee.pid, &status, 0) < 0 || !WIFSIGNALED(status))
        give_up("the program handles signal %d", signal);
    return status;
}

/* --- SYSENTER where the processor refuses it -------------------------------------------------- */

static uint32_t kernel_vsyscall(void)
{
    char path[64];
    uint32_t entry[2] = {AT_NULL, 0};

    snprintf(path, sizeof path, "/proc/%d/auxv", (int)tracee.pid);
    FILE *auxv = fopen(path, "rb");
    if (!auxv)
        give_up("%s: %s", path, strerror(errno));
    while (fread(entry, sizeof entry, 1, auxv) == 1 && entry[0] != AT_SYSINFO)
        continue;
    fclose(auxv);
    if (entry[0] != AT_SYSINFO)
        give_up("sysenter, but the kernel gives 32-bit programs no vDSO");
    return entry[1];
}

/* The vDSO's own `int $0x80`; right behind it is where Linux returns to from SYSENTER. */
static uint32_t int80_before_landing_pad(void)
{
    uint8_t code[64];
    uint32_t entry = kernel_vsyscall();

    peek(entry, code, sizeof code);
    for (unsigned i = 0; i + 1 < sizeof code; i++)
        if (code[i] == 0xcd && code[i + 1] == 0x80)
            return entry + i;
    give_up("no int $0x80 in the vDSO's system call");
}

/* As Linux on an Intel processor: ESP = EBP, EBP = the word there, back in the vDSO. */
static int carry_out_sysenter(struct start *start)
{
    struct user_regs_struct regs = start->regs;
    uint32_t user_ebp;

    peek(regs.rbp, &user_ebp, sizeof user_ebp);
    regs.rsp = regs.rbp;
    regs.rbp = user_ebp;
    regs.rip = int80_before_landing_pad();
    set_registers(regs);
    return step();
}

static bool refused_sysenter(const struct start *start, int status)
{
    return start->instruction.kind == SYSENTER && start->regs.cs != USER_CS &&
           WIFSTOPPED(status) && WSTOPSIG(status) == SIGILL;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* One step, counted. True as long as the program lives; else *status says how it ended. */
static bool advance(struct tally *tally, int *status)
{
    struct start start = look();

    if (start.instruction.kind == UNHANDLED)
        give_up("the instruction at %#llx cannot be stepped", start.regs.rip);
    *status = step();
    if (refused_sysenter(&start, *status))
        *status = carry_out_sysenter(&start);

    if (is_step_trap(*status)) {
        count_step(tally, &start, registers().rip);
        return true;
    }
    if (WIFSTOPPED(*status)) {
        count_before_signal(tally, &start);
        *status = deliver(WSTOPSIG(*status));
    } else {
        count(tally, start.regs.rip); /* the system call that ended the program */
    }
    return false;
}

static int run(struct tally *tally, uint64_t limit)
{
    int status;

    for (uint64_t steps = 0; advance(tally, &status); steps++)
        if (steps == limit)
            give_up("not finished after %" PRIu64 " steps", limit);
    return status;
}

static void report(FILE *out, const struct tally *tally, int status)
{
    fprintf(out, "{\"user\": %" PRIu64 ", ", tally->user);
    if (WIFEXITED(status))
        fprintf(out, "\"exit_status\": %d, \"signal\": null}\n", WEXITSTATUS(status));
    else
        fprintf(out, "\"exit_status\": null, \"signal\": %d}\n", WTERMSIG(status));
}

static FILE *open_for_writing(const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        give_up("%s: %s", path, strerror(errno));
    return file;
}

int main(int argc, char **argv)
{
    struct tally tally = {0, NULL};
    FILE *out = stderr;
    uint64_t limit = 100000000;

    for (int option; (option = getopt(argc, argv, "+o:t:m:")) != -1;) {
        switch (option) {
        case 'o': out = open_for_writing(optarg); break;
        case 't': tally.trace = open_for_writing(optarg); break;
        case 'm': limit = strtoull(optarg, NULL, 0); break;
        default: return 2;
        }
    }
    if (optind == argc) {
        fputs("usage: stepper [-o FILE] [-t FILE] [-m LIMIT] PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    start_program(argv + optind);
    report(out, &tally, run(&tally, limit));
    return 0;
}
