/*
 * oracle: runs snippets of ring-3 code on the processor of this host, and says how each ended.
 *
 * It reads lines: four addresses of pages (code, data, read-only, stack); the data page and the
 * FXSAVE image at the start, in hexadecimal; then for each snippet its bits, its code and the 16
 * general registers. For each it prints one line of JSON: the signal with si_code and si_addr,
 * the registers, RIP and RFLAGS, the selectors, the FXSAVE image, and the pages of data and stack.
 *
 * A snippet runs in a process of its own, which is stopped before the signal is delivered: nothing
 * but the snippet touches its stack. A system call in a snippet is carried out, so none may be there.
 *
 * Manuals: ptrace(2), sigaction(2) for si_code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, USER32_CS = 0x23, USER_DS = 0x2b, USER_CS = 0x33, SECONDS = 2 };

struct start {
    uint64_t code_at, data_at, read_only_at, stack_at;
    uint8_t data[PAGE];
    struct user_fpregs_struct fpu;
};

struct snippet {
    int bits;
    uint8_t code[PAGE];
    unsigned long long registers[16];
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- reading ------------------------------------------------------------------------------------ */

static bool read_bytes(uint8_t *bytes, size_t room)
{
    char text[2 * PAGE + 1];
    unsigned value;

    if (scanf("%8192s", text) != 1)
        return false;
    for (size_t i = 0; i < room && text[2 * i]; i++) {
        if (sscanf(text + 2 * i, "%2x", &value) != 1)
            give_up("not hexadecimal");
        bytes[i] = value;
    }
    return true;
}

static void read_start(struct start *start)
{
    if (scanf("%" SCNx64 "%" SCNx64 "%" SCNx64 "%" SCNx64, &start->code_at, &start->data_at,
              &start->read_only_at, &start->stack_at) != 4)
        give_up("no addresses");
    if (!read_bytes(start->data, sizeof start->data) ||
        !read_bytes((uint8_t *)&start->fpu, sizeof start->fpu))
        give_up("no data page or no FXSAVE image");
}

static bool read_snippet(struct snippet *snippet)
{
    memset(snippet->code, 0xcc, sizeof snippet->code); /* INT3 stands behind the snippet */
    if (scanf("%d", &snippet->bits) != 1)
        return false;
    if (!read_bytes(snippet->code, sizeof snippet->code))
        give_up("no code");
    for (int i = 0; i < 16; i++)
        if (scanf("%llx", &snippet->registers[i]) != 1)
            give_up("no registers");
    return true;
}

/* --- the process of a snippet ------------------------------------------------------------------- */

static void map(uint64_t address, const uint8_t *content, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void *page = mmap((void *)address, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (page != (void *)address)
        give_up("mmap");
    memset(page, 0, PAGE);
    if (content)
        memcpy(page, content, PAGE);
    if (mprotect(page, PAGE, protection))
        give_up("mprotect");
}

static _Noreturn void be_traced(const struct start *start, const struct snippet *snippet)
{
    struct rlimit limit = {SECONDS, SECONDS};

    map(start->code_at, snippet->code, PROT_READ | PROT_EXEC);
    map(start->data_at, start->data, PROT_READ | PROT_WRITE);
    map(start->read_only_at, start->data, PROT_READ);
    map(start->stack_at, NULL, PROT_READ | PROT_WRITE);
    setrlimit(RLIMIT_CPU, &limit);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        give_up("PTRACE_TRACEME");
    raise(SIGSTOP);
    _exit(1);
}

static void wait_for_stop(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        give_up("a snippet's process is gone");
}

static void set_registers(pid_t pid, const struct start *start, const struct snippet *snippet)
{
    const unsigned long long *gpr = snippet->registers;
    bool long_mode = snippet->bits == 64;
    struct user_regs_struct regs = {
        .rax = gpr[0], .rcx = gpr[1], .rdx = gpr[2],  .rbx = gpr[3],  .rsp = gpr[4],  .rbp = gpr[5],
        .rsi = gpr[6], .rdi = gpr[7], .r8 = gpr[8],   .r9 = gpr[9],   .r10 = gpr[10], .r11 = gpr[11],
        .r12 = gpr[12], .r13 = gpr[13], .r14 = gpr[14], .r15 = gpr[15],
        .rip = start->code_at, .eflags = 0x202, .orig_rax = -1,
        .cs = long_mode ? USER_CS : USER32_CS, .ss = USER_DS,
        .ds = long_mode ? 0 : USER_DS, .es = long_mode ? 0 : USER_DS,
    };

    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0)
        give_up("PTRACE_SETREGS");
    if (ptrace(PTRACE_SETFPREGS, pid, NULL, &start->fpu) < 0)
        give_up("PTRACE_SETFPREGS");
}

/* --- printing ------------------------------------------------------------------------------------ */

static void print_bytes(const char *name, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;

    printf(", \"%s\": \"", name);
    for (size_t i = 0; i < size; i++)
        printf("%02x", byte[i]);
    putchar('"');
}

static void print_page(const char *name, pid_t pid, uint64_t address)
{
    uint8_t page[PAGE];
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int memory = open(path, O_RDONLY);
    if (memory < 0 || pread(memory, page, PAGE, address) != PAGE)
        give_up(path);
    close(memory);
    print_bytes(name, page, PAGE);
}

static void print_registers(pid_t pid)
{
    struct user_regs_struct r;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
        give_up("PTRACE_GETREGS");
    unsigned long long values[] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi,   r.rdi, r.r8,
                                   r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip, r.eflags};
    printf(", \"registers\": [");
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        printf("%s%llu", i ? ", " : "", values[i]);
    printf("], \"selectors\": [%llu, %llu, %llu, %llu, %llu, %llu]", r.es, r.cs, r.ss, r.ds, r.fs,
           r.gs);
}

static void print_end(pid_t pid, const struct start *start)
{
    siginfo_t info;
    struct user_fpregs_struct fpu;

    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) < 0)
        give_up("PTRACE_GETSIGINFO");
    printf("{\"signal\": %d, \"code\": %d, \"address\": %" PRIu64, info.si_signo, info.si_code,
           (uint64_t)info.si_addr);
    print_registers(pid);
    if (ptrace(PTRACE_GETFPREGS, pid, NULL, &fpu) < 0)
        give_up("PTRACE_GETFPREGS");
    print_bytes("fpu", &fpu, sizeof fpu);
    print_page("data", pid, start->data_at);
    print_page("stack", pid, start->stack_at);
    puts("}");
}

static void run(const struct start *start, const struct snippet *snippet)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0)
        be_traced(start, snippet);
    wait_for_stop(pid);
    set_registers(pid, start, snippet);
    if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
        give_up("PTRACE_CONT");
    wait_for_stop(pid);
    print_end(pid, start);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    static struct start start;
    static struct snippet snippet;

    read_start(&start);
    while (read_snippet(&snippet))
        run(&start, &snippet);
    return 0;
}
