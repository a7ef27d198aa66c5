/* Resource limits: who may set which, and what each does when it is reached. */
#include "claims.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CHILD(statements) do { int status; pid_t child; fflush(stdout); \
	if (!(child = fork())) { statements; _exit(fflush(stdout)); } \
	waitpid(child, &status, 0); printf("child: %#x\n", status); } while (0)

#ifdef __i386__
#define SETUID SYS_setuid32
#else
#define SETUID SYS_setuid
#endif

static volatile int heard;

static void note(int signal)
{
	heard++;
}

static int set(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit l = { soft, hard };

	return setrlimit(resource, &l);
}

static void bounds(int resource)
{
	struct rlimit l;

	CALL(set(resource, 5, 4));
	CALL(set(resource, 3, 4));
	CALL(getrlimit(resource, &l));
	CLAIM(l.rlim_cur == 3 && l.rlim_max == 4);
	CALL(set(resource, 4, 4));
	syscall(SETUID, 7);
	CALL(set(resource, 4, 5));
	CALL(set(resource, 2, 3));
	CALL(set(resource, 3, 4));
	CALL(set(resource, 3, RLIM_INFINITY));
	CALL(prlimit(0, resource, NULL, &l));
	CLAIM(l.rlim_cur == 2 && l.rlim_max == 3);
}

/* One user's processes may be limited by another only with the right to. */
static void of_others(void)
{
	struct rlimit l = { 1, 1 }, old;
	int gate[2];
	pid_t child;
	char byte;

	pipe(gate);
	if (!(child = fork())) {
		close(gate[1]);
		read(gate[0], &byte, 1);
		getrlimit(RLIMIT_CORE, &l);
		_exit(l.rlim_max == 1 ? 3 : 4);
	}
	CALL(prlimit(child, RLIMIT_CORE, &l, &old));
	CHILD(syscall(SETUID, 7); CALL(prlimit(child, RLIMIT_CORE, NULL, &old)); CALL(prlimit(child, RLIMIT_CORE, &l, NULL)));
	CALL(prlimit(4000000, RLIMIT_CORE, NULL, &old));
	CALL(prlimit(child, 16, NULL, &old));
	close(gate[1]);
	int status;
	waitpid(child, &status, 0);
	CALL(status);
}

static void spin(void)
{
	for (;;)
		;
}

static void processor(void)
{
	CHILD(set(RLIMIT_CPU, 1, 2); signal(SIGXCPU, note); while (!heard); printf("heard\n"); fflush(stdout); spin());
}

static void files(void)
{
	char name[] = "/tmp/limits-XXXXXX", bytes[200] = "";
	int fd = mkstemp(name), pair[2];

	unlink(name);
	CHILD(set(RLIMIT_NOFILE, 5, 5); CALL(dup(0)); CALL(dup(0)); CALL(dup2(0, 5)); CALL(dup2(0, 4)); CALL(fcntl(0, F_DUPFD, 5));
	      CALL(open("/", O_RDONLY)); CALL(pipe(pair)); CALL(close(4)); CALL(open("/", O_RDONLY)));
	CHILD(set(RLIMIT_FSIZE, 100, 100); CALL(pwrite(fd, bytes, 50, 80)); CALL(pwrite(fd, bytes, 50, 100)));
	CHILD(set(RLIMIT_FSIZE, 100, 100); signal(SIGXFSZ, note); CALL(pwrite(fd, bytes, 100, 0)); CALL(pwrite(fd, bytes, 1, 100));
	      CALL(heard); CALL(ftruncate(fd, 101)); CALL(heard); CALL(ftruncate(fd, 100)); CALL(lseek(fd, 0, SEEK_END));
	      CALL(write(fd, bytes, 1)); CALL(write(fd, bytes, 0)); CALL(heard); CALL(posix_fallocate(fd, 0, 200)); CALL(heard));
	CHILD(set(RLIMIT_FSIZE, 10, 10); signal(SIGXFSZ, SIG_IGN); CALL(pwrite(fd, bytes, 5, 50)); CALL(pipe(pair));
	      CALL(write(pair[1], bytes, 50)); CALL(open("/dev/null", O_WRONLY) >= 0));
	close(fd);
}

static void *nothing(void *unused)
{
	return NULL;
}

static void tasks(void)
{
	pthread_t thread;

	CHILD(set(RLIMIT_NPROC, 1, 1); syscall(SETUID, 54321); CALL(fork()); CALL(pthread_create(&thread, NULL, nothing, NULL)));
	CHILD(set(RLIMIT_NPROC, 0, 0); pid_t pid = fork(); if (!pid) _exit(0); CLAIM(waitpid(pid, NULL, 0) == pid));
}

static int deep(int n)
{
	volatile char page[4096];

	page[0] = n;
	return n ? deep(n - 1) + page[0] : 0;
}

static void memory(void)
{
	CHILD(set(RLIMIT_AS, 64 << 20, 64 << 20); POINTER(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	      POINTER(mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	CHILD(set(RLIMIT_DATA, 8 << 20, 8 << 20); POINTER(sbrk(16 << 20)); POINTER(sbrk(1 << 20));
	      POINTER(mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
	CHILD(set(RLIMIT_STACK, 256 << 10, 256 << 10); deep(20); printf("not too deep\n"); fflush(stdout); deep(200));
}

static void signals(void)
{
	union sigval value = { 0 };
	sigset_t some;

	sigemptyset(&some);
	sigaddset(&some, SIGRTMIN);
	sigaddset(&some, SIGUSR1);
	CHILD(sigprocmask(SIG_BLOCK, &some, NULL); set(RLIMIT_SIGPENDING, 2, 2); syscall(SETUID, 54322);
	      CALL(sigqueue(getpid(), SIGRTMIN, value)); CALL(sigqueue(getpid(), SIGRTMIN, value));
	      CALL(sigqueue(getpid(), SIGRTMIN, value)); CALL(kill(getpid(), SIGUSR1)); CALL(kill(getpid(), SIGRTMIN)));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (int resource = 0; resource < 16; resource++) {
		printf("resource %d\n", resource);
		/* What is 0 at first, and what few descriptors would break. */
		if (resource != RLIMIT_NOFILE && resource != RLIMIT_NICE && resource != RLIMIT_RTPRIO)
			CHILD(bounds(resource));
	}
	of_others();
	processor();
	files();
	tasks();
	memory();
	signals();
	return 0;
}
