/* Programs that ask for all there is: the argument says of what. Where the machine refuses, the
 * error is told; what no refusal ends, the machine must. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define MIB (1L << 20)
#define GIB (1L << 30)

static char *self;

static int refused(const char *what, int error)
{
	dprintf(1, "%s: %s\n", what, strerrorname_np(error));
	return 0;
}

static int forks(void)
{
	for (;;) {
		pid_t child = fork();
		if (child < 0)
			return refused("fork", errno);
		if (!child)
			for (;;)
				pause();
	}
}

static int fork_bomb(void)
{
	for (;;)
		fork();
}

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static int threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	for (;;) {
		int error = pthread_create(&thread, &attributes, sleep_on, NULL);
		if (error)
			return refused("pthread_create", error);
	}
}

static int heap(void)
{
	for (;;) {
		char *block = malloc(MIB);
		if (!block)
			return refused("malloc", errno);
		memset(block, 1, MIB);
	}
}

static int brk_loop(void)
{
	while (sbrk(16 * MIB) != (void *)-1)
		;
	return refused("sbrk", errno);
}

static int touch(char *start, long size, long step)
{
	if (start == MAP_FAILED)
		return refused("mmap", errno);
	for (long at = 0; at < size; at += step)
		start[at] = 1;
	return 9;
}

static char *map(long size, int flags, int file)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
}

static int unreserved(void)
{
	return touch(map(64 * GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1), 64 * GIB, PAGE);
}

static int tables(void)
{
	return touch(map(64 * GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1), 64 * GIB,
		2 * MIB);
}

static int shared(void)
{
	return touch(map(GIB, MAP_SHARED | MAP_ANONYMOUS, -1), GIB, PAGE);
}

static int sparse_file(void)
{
	int file = open("sparse", O_RDWR | O_CREAT, 0600);
	if (ftruncate(file, 64 * GIB))
		return refused("ftruncate", errno);
	return touch(map(64 * GIB, MAP_SHARED, file), 64 * GIB, PAGE);
}

static int maps(void)
{
	for (int i = 0;; i++)
		if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0) == MAP_FAILED)
			return refused("mmap", errno);
}

static int stack(int depth)
{
	volatile char block[16 * 1024];
	block[0] = (char)depth;
	return depth < 0 ? 0 : stack(depth + 1) + block[0];
}

static int stack_overflow(void)
{
	return stack(0);
}

static int file(void)
{
	static char block[MIB];
	int fd = open("victim", O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof block) > 0)
		;
	return refused("write", errno);
}

static int many_files(void)
{
	char name[32];
	for (int i = 0;; i++) {
		snprintf(name, sizeof name, "file%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			return refused("open", errno);
		close(fd);
	}
}

static int deep(void)
{
	for (int i = 0; i < 2000; i++)
		if (mkdir("directory", 0700) || chdir("directory"))
			return refused("mkdir", errno);
	char path[PAGE];
	return refused("getcwd", getcwd(path, sizeof path) ? 0 : errno);
}

static int maze(void)
{
	char name[32], target[64];
	symlink("end", "link0");
	for (int i = 1; i < 60; i++) {
		snprintf(name, sizeof name, "link%d", i);
		snprintf(target, sizeof target, "link%d/../link%d", i - 1, i - 1);
		symlink(target, name);
	}
	mkdir("end", 0700);
	refused("deep", open("link59", O_RDONLY) < 0 ? errno : 0);
	symlink("right", "left");
	symlink("left", "right");
	return refused("circle", open("left", O_RDONLY) < 0 ? errno : 0);
}

static int arguments(void)
{
	static char *words[40000];
	char *word = malloc(100 * 1024);
	memset(word, 'a', 100 * 1024 - 1);
	for (int i = 0; i < 39999; i++)
		words[i] = word;
	execv(self, words);
	return refused("execv", errno);
}

static int descriptors(void)
{
	while (dup(1) >= 0)
		;
	return refused("dup", errno);
}

static int full_pipe(void)
{
	int ends[2];
	char block[4096] = "";
	if (pipe2(ends, O_NONBLOCK))
		return refused("pipe", errno);
	while (write(ends[1], block, sizeof block) > 0)
		;
	return refused("write", errno);
}

/* Every process fills as many pipes as it may have. */
static int pipes(void)
{
	static char block[64 * 1024];
	for (int child = 0; child < 20; child++) {
		if (fork())
			continue;
		int ends[2];
		while (!pipe2(ends, O_NONBLOCK))
			write(ends[1], block, sizeof block);
		for (;;)
			pause();
	}
	sleep(1);
	return refused("pipes", 0);
}

static volatile int caught;

static void count(int signal)
{
	caught += signal > 0;
}

static int queued_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (!sigqueue(getpid(), SIGRTMIN, (union sigval){0}))
		;
	return refused("sigqueue", errno);
}

static int signal_storm(void)
{
	struct itimerval often = {{0, 1}, {0, 1}};
	signal(SIGALRM, count);
	setitimer(ITIMER_REAL, &often, NULL);
	while (caught < 2000)
		;
	return refused("enough", 0);
}

static int read_zeros(void)
{
	long size = 32 * MIB, got = 0;
	char *block = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int zero = open("/dev/zero", O_RDONLY), random = open("/dev/urandom", O_RDONLY);
	for (int i = 0; i < 4; i++) {
		got += read(zero, block, 2 * GIB);
		got += read(random, block, MIB);
	}
	return refused(got > 0 ? "read" : "nothing", 0);
}

static int exec_loop(int left)
{
	char number[16];
	if (!left)
		return refused("all done", 0);
	snprintf(number, sizeof number, "%d", left - 1);
	execl(self, self, "exec", number, NULL);
	return refused("exec", errno);
}

static unsigned long free_memory(void)
{
	struct sysinfo info;
	sysinfo(&info);
	return info.freeram * info.mem_unit / PAGE;
}

static void live_and_die(int times)
{
	while (times--) {
		if (!fork()) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		wait(NULL);
	}
}

/* What a process took comes back when it ends: page tables, kernel stack and all. */
static int frames(void)
{
	live_and_die(3);
	unsigned long before = free_memory();
	live_and_die(50);
	return refused(free_memory() == before ? "all came back" : "some were lost", 0);
}

static int poll_much(void)
{
	return refused("poll", poll((void *)PAGE, 1L << 40, 0) < 0 ? errno : 0);
}

static int leave_sleepers(void)
{
	for (int i = 0; i < 3; i++)
		if (!fork())
			for (;;)
				pause();
	return refused("done", 0);
}

static int nothing(void)
{
	return 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(void); } table[] = {
		{"forks", forks}, {"fork_bomb", fork_bomb}, {"threads", threads}, {"heap", heap},
		{"brk", brk_loop}, {"unreserved", unreserved}, {"tables", tables},
		{"shared", shared}, {"sparse_file", sparse_file}, {"maps", maps},
		{"stack", stack_overflow}, {"file", file}, {"many_files", many_files},
		{"deep", deep}, {"maze", maze}, {"arguments", arguments},
		{"descriptors", descriptors}, {"full_pipe", full_pipe}, {"pipes", pipes},
		{"queued_signals", queued_signals}, {"signal_storm", signal_storm},
		{"read_zeros", read_zeros}, {"frames", frames}, {"poll_much", poll_much},
		{"leave_sleepers", leave_sleepers}, {"nothing", nothing},
	};
	self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "exec"))
		return exec_loop(atoi(argv[2]));
	for (size_t i = 0; argc > 1 && i < sizeof table / sizeof *table; i++)
		if (!strcmp(argv[1], table[i].name))
			return table[i].run();
	return 99;
}
