/* Memory under limits and across fork: RLIMIT_AS, DATA and STACK, guard pages, what a child shares. */
#include "claims.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define P 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf out;
static volatile int caught, code;

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught = signal;
	code = info->si_code;
	siglongjmp(out, 1);
}

/* Which signal, and which si_code, an access ends in; 0: none. */
static int touch(volatile char *at, int store)
{
	caught = code = 0;
	if (!sigsetjmp(out, 1)) {
		if (store)
			*at = 1;
		else
			(void)*at;
	}
	return caught * 100 + code;
}

#define READS(at) printf("read %s: %d\n", #at, touch((char *)(at), 0))
#define STORES(at) printf("store %s: %d\n", #at, touch((char *)(at), 1))

static void limit(int which, unsigned long bytes)
{
	struct rlimit both;
	getrlimit(which, &both);
	both.rlim_cur = bytes;
	CALL(setrlimit(which, &both));
}

/* What `body` prints is a child's; how it ends is told. */
#define CHILD(body) do { \
	int status; \
	fflush(stdout); \
	pid_t child = fork(); \
	if (!child) { body; fflush(stdout); _exit(0); } \
	waitpid(child, &status, 0); \
	printf("child: %#x\n", status); \
} while (0)

static void guards(void)
{
	char *p = mmap(NULL, 8 * P, RW, ANON, -1, 0);
	memset(p, 7, 8 * P);
	CALL(mprotect(p + 2 * P, P, PROT_NONE));
	READS(p + 2 * P);
	STORES(p + 2 * P);
	READS(p + 2 * P - 1);
	CALL(mprotect(p + 2 * P, P, PROT_READ));
	READS(p + 2 * P);
	STORES(p + 2 * P);
	CLAIM(p[2 * P] == 7);
	CALL(mprotect(p + 2 * P, P, RW));
	STORES(p + 2 * P);
	CALL(munmap(p + 4 * P, P));
	READS(p + 4 * P);
	STORES(p + 5 * P);
	POINTER(mmap(p + 4 * P, P, PROT_READ, ANON | MAP_FIXED, -1, 0));
	READS(p + 4 * P);
	STORES(p + 4 * P);
	POINTER(mmap(p, 8 * P, PROT_READ, ANON | MAP_FIXED, -1, 0));
	CLAIM(p[0] == 0 && p[8 * P - 1] == 0);
	STORES(p + 7 * P);
	CALL(mprotect(p + 7 * P, 2 * P, PROT_READ) == 0 || errno == ENOMEM);
	CALL(munmap(p, 8 * P));
	READS(p);
	CALL(mprotect(p, P, RW));
	READS(8);
	STORES(P);
}

static void address_space(void)
{
	char *p = mmap(NULL, 4 * P, RW, ANON, -1, 0);
	limit(RLIMIT_AS, 64 * P);
	POINTER(mmap(NULL, 1L << 28, PROT_NONE, ANON, -1, 0));
	POINTER(mmap(NULL, 1L << 28, RW, ANON | MAP_NORESERVE, -1, 0));
	POINTER(mmap(NULL, 1L << 28, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	POINTER(mremap(p, 4 * P, 1L << 28, MREMAP_MAYMOVE));
	CALL(munmap(p, 2 * P));
	STORES(p + 2 * P);
	CALL(mprotect(p + 2 * P, P, PROT_READ));
	CLAIM(sbrk(1L << 26) == (void *)-1);
}

static void data(void)
{
	char *end = sbrk(0);
	limit(RLIMIT_DATA, 0);
	CLAIM(sbrk(64 * P) == (void *)-1);
	CLAIM(sbrk(0) == end);
	POINTER(mmap(NULL, 64 * P, PROT_READ, ANON, -1, 0));
	POINTER(mmap(NULL, 64 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	POINTER(mmap(NULL, 64 * P, RW, ANON, -1, 0));
}

static int deep(int frames)
{
	volatile char frame[16 * P];
	frame[0] = frames;
	return frames ? deep(frames - 1) + frame[0] : 0;
}

static void stack(void)
{
	static char other[64 << 10];
	stack_t alternate = {.ss_sp = other, .ss_size = sizeof other};
	CALL(sigaltstack(&alternate, NULL));
	CLAIM(deep(20) > 0);
	limit(RLIMIT_STACK, 2 << 20);
	caught = code = 0;
	if (!sigsetjmp(out, 1))
		deep(1000);
	printf("deep: %d %d\n", caught, code);
	CLAIM(deep(20) > 0);
}

static void locking(void)
{
	unsigned char resident[4];
	char *p = mmap(NULL, 4 * P, RW, ANON, -1, 0);
	CALL(mincore(p, 4 * P, resident));
	CLAIM(!(resident[0] & 1) && !(resident[3] & 1));
	CALL(mlock(p + P, P));
	CALL(mincore(p, 4 * P, resident));
	CLAIM(!(resident[0] & 1) && resident[1] & 1 && !(resident[2] & 1));
	CALL(madvise(p + P, P, MADV_DONTNEED));
	CALL(munlock(p + P, P));
	CALL(madvise(p + P, P, MADV_DONTNEED));
	CALL(mincore(p + P, P, resident));
	CLAIM(!(resident[0] & 1));
	CALL(munmap(p + 2 * P, P));
	CALL(mlock(p, 4 * P));
	CALL(munlock(p, 4 * P));
	CALL(mincore(p, 4 * P, resident));
	p = mmap(NULL, 4 * P, RW, ANON | MAP_POPULATE, -1, 0);
	CALL(mincore(p, 4 * P, resident));
	CLAIM(resident[0] & resident[1] & resident[2] & resident[3] & 1);
	CALL(madvise(p, 4 * P, MADV_DONTNEED));
	p = mmap(NULL, 4 * P, RW, ANON | MAP_LOCKED, -1, 0);
	CALL(madvise(p, 4 * P, MADV_DONTNEED));
	CALL(madvise(p, 4 * P, 24 /* MADV_DONTNEED_LOCKED */));
	CALL(mlock2(p, 2 * P, 2));
	CHILD(CALL(madvise(p, 4 * P, MADV_DONTNEED)));
	CALL(munlockall());
	CALL(madvise(p, 4 * P, MADV_DONTNEED));
}

static void across_fork(void)
{
	char *shared = mmap(NULL, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *private = mmap(NULL, 4 * P, RW, ANON, -1, 0);
	strcpy(shared, "parent");
	strcpy(private, "parent");
	strcpy(private + P, "kept");
	CHILD(
		strcpy(shared, "child");
		strcpy(private, "child");
		CALL(madvise(private + P, P, MADV_DONTNEED));
		CLAIM(private[P] == 0);
		CALL(munmap(shared + P, P));
		CALL(mprotect(private + 2 * P, P, PROT_NONE));
		strcpy(shared + 2 * P, "new page"));
	CLAIM(!strcmp(shared, "child"));
	CLAIM(!strcmp(private, "parent"));
	CLAIM(!strcmp(private + P, "kept"));
	CLAIM(!strcmp(shared + 2 * P, "new page"));
	STORES(shared + P);
	STORES(private + 2 * P);
	CHILD(
		char *moved = mremap(shared, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, private);
		CLAIM(moved == private);
		strcpy(moved, "moved"));
	CLAIM(!strcmp(shared, "moved"));
	CHILD(CALL(mprotect(shared, P, PROT_READ)); STORES(shared));
	STORES(shared);
	CALL(madvise(private + 3 * P, P, MADV_WIPEONFORK));
	private[3 * P] = 5;
	CHILD(CLAIM(private[3 * P] == 0));
	CLAIM(private[3 * P] == 5);
	CALL(madvise(private + 3 * P, P, MADV_KEEPONFORK));
	CHILD(CLAIM(private[3 * P] == 5));
	CALL(madvise(private + 3 * P, P, MADV_DONTFORK));
	CHILD(READS(private + 3 * P));
	READS(private + 3 * P);
	CALL(madvise(private + 3 * P, P, MADV_DOFORK));
	CHILD(READS(private + 3 * P));
	CALL(madvise(shared, P, MADV_WIPEONFORK));
	CALL(madvise(shared, P, MADV_DONTNEED));
	CLAIM(shared[0] != 0);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	guards();
	locking();
	across_fork();
	CHILD(address_space());
	CHILD(data());
	CHILD(stack());
	return 0;
}
