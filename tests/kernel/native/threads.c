/* What threads ask of the kernel: clone, thread ids, robust lists, scheduling, barriers, rseq. */
#include "claims.h"
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct robust { struct robust *next; };
struct robust_head { struct robust *next; long offset; struct robust *pending; };
struct lock { struct robust link; uint32_t word; };

static int status;
static uint32_t ids[2];

static long raw_clone(unsigned long flags)
{
	long child = syscall(SYS_clone, flags, NULL, ids, ids + 1, NULL);
	if (child == 0)
		_exit(0);
	if (child > 0) {
		waitpid((pid_t)child, &status, __WALL);
		return 0;
	}
	return child;
}

static void clones(void)
{
	CALL(raw_clone(SIGCHLD));
	CALL(raw_clone(0));
	CALL(raw_clone(CLONE_FILES | CLONE_FS | SIGCHLD));
	CALL(raw_clone(CLONE_SIGHAND | SIGCHLD));
	CALL(raw_clone(CLONE_THREAD | SIGCHLD));
	CALL(raw_clone(CLONE_THREAD | CLONE_VM | SIGCHLD));
	CALL(raw_clone(CLONE_THREAD | CLONE_SIGHAND | SIGCHLD));
	CALL(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD));
	CALL(raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD));
	CLAIM(ids[0] != 0);
	CALL(raw_clone(CLONE_PARENT_SETTID | CLONE_PIDFD | SIGCHLD));
}

static long raw_clone3(struct clone_args arguments, size_t size)
{
	long child = syscall(SYS_clone3, &arguments, size);
	if (child == 0)
		_exit(0);
	if (child > 0) {
		waitpid((pid_t)child, &status, __WALL);
		return 0;
	}
	return child;
}

#define ARGS(...) ((struct clone_args){__VA_ARGS__})

static void clones_of_the_third_kind(void)
{
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD), sizeof(struct clone_args)));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD), 63));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD), 0));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD), 5000));
	CALL(raw_clone3(ARGS(.exit_signal = 65), 64));
	CALL(raw_clone3(ARGS(.exit_signal = 0x100 | SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.flags = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD, .stack = 4096), 64));
	CALL(raw_clone3(ARGS(.exit_signal = SIGCHLD, .stack_size = 4096), 64));
	CALL(raw_clone3(ARGS(.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM,
		.exit_signal = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.flags = CLONE_SIGHAND, .exit_signal = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM,
		.exit_signal = SIGCHLD), 64));
	CALL(raw_clone3(ARGS(.flags = 1ull << 40, .exit_signal = SIGCHLD), 64));
	CALL(syscall(SYS_clone3, NULL, 64));
}

/* ---- what a task leaves behind */

static void *shared(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int end_at_once(void *unused)
{
	return unused != NULL;
}

static void thread_ids(void)
{
	static char stack[16384];
	uint32_t *word = shared();
	int *address = NULL;
	CLAIM(syscall(SYS_set_tid_address, word) == syscall(SYS_gettid));
	CLAIM(syscall(SYS_gettid) == getpid());
	CALL(prctl(PR_GET_TID_ADDRESS, &address));
	CLAIM((uint32_t *)address == word);
	syscall(SYS_set_tid_address, NULL);
	*word = 7;
	if (!fork()) {
		syscall(SYS_set_tid_address, word);
		_exit(0);
	}
	wait(&status);
	CALL(*word); /* nobody shares the memory of the child: it is not cleared */
	clone(end_at_once, stack + sizeof stack, CLONE_CHILD_CLEARTID | CLONE_VM | SIGCHLD, NULL, NULL,
		NULL, word);
	wait(&status);
	CALL(*word);
}

static uint32_t after_death(uint32_t before, int pending)
{
	struct lock *lock = shared();
	if (!fork()) {
		static struct robust_head head;
		head.next = pending ? (struct robust *)&head : &lock->link;
		lock->link.next = (struct robust *)&head;
		head.offset = offsetof(struct lock, word);
		head.pending = pending ? &lock->link : NULL;
		syscall(SYS_set_robust_list, &head, sizeof head);
		lock->word = before == 1 ? (uint32_t)syscall(SYS_gettid) : before;
		if (before == 2)
			lock->word = (uint32_t)syscall(SYS_gettid) | FUTEX_WAITERS;
		_exit(0);
	}
	wait(&status);
	return lock->word;
}

static void robust_lists(void)
{
	struct robust_head head, *found = NULL;
	size_t size = 0;
	CALL(syscall(SYS_set_robust_list, &head, sizeof head + 1));
	CALL(syscall(SYS_set_robust_list, &head, 0));
	CALL(syscall(SYS_get_robust_list, 0, &found, &size));
	CLAIM(size == sizeof head);
	CALL(syscall(SYS_get_robust_list, -1, &found, &size));
	CALL(syscall(SYS_get_robust_list, 0, NULL, &size));
	CLAIM(after_death(1, 0) == FUTEX_OWNER_DIED);
	CLAIM(after_death(2, 0) == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
	CLAIM(after_death(1, 1) == FUTEX_OWNER_DIED);
	CLAIM(after_death(999999, 0) == 999999);
	CLAIM(after_death(0, 1) == 0);
}

/* ---- scheduling */

static void policies(void)
{
	struct sched_param none = {0}, some = {1}, much = {100}, found = {9};
	CALL(sched_yield());
	CALL(sched_getscheduler(0));
	CALL(sched_getscheduler(-1));
	CALL(sched_getscheduler(4000000));
	CALL(sched_setscheduler(0, SCHED_BATCH, &none));
	CALL(sched_getscheduler(0));
	CALL(sched_setscheduler(0, SCHED_IDLE, &none));
	CALL(sched_setscheduler(0, SCHED_OTHER, &none));
	CALL(sched_setscheduler(0, SCHED_OTHER, &some));
	CALL(sched_setscheduler(0, SCHED_FIFO, &none));
	CALL(sched_setscheduler(0, SCHED_FIFO, &much));
	CALL(sched_setscheduler(0, 77, &none));
	CALL(sched_setscheduler(0, SCHED_OTHER, NULL));
	CALL(sched_setscheduler(-1, SCHED_OTHER, &none));
	CALL(sched_setscheduler(4000000, SCHED_OTHER, &none));
	CALL(sched_getparam(0, &found));
	CALL(found.sched_priority);
	CALL(sched_getparam(0, NULL));
	CALL(sched_getparam(-1, &found));
	CALL(sched_setparam(0, &none));
	CALL(sched_setparam(0, &some));
	CALL(sched_setparam(0, NULL));
	CALL(sched_get_priority_max(SCHED_FIFO));
	CALL(sched_get_priority_min(SCHED_RR));
	CALL(sched_get_priority_max(SCHED_OTHER));
	CALL(sched_get_priority_min(SCHED_IDLE));
	CALL(sched_get_priority_max(SCHED_DEADLINE));
	CALL(sched_get_priority_min(99));
}

static void processors(void)
{
	unsigned char mask[256] = {0};
	unsigned processor = 99, node = 99;
	CLAIM(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) >= 4);
	CLAIM(mask[0] & 1);
	CALL(syscall(SYS_sched_getaffinity, 0, 0, mask));
	CALL(syscall(SYS_sched_getaffinity, 0, 3, mask));
	CALL(syscall(SYS_sched_getaffinity, 4000000, sizeof mask, mask));
	CALL(syscall(SYS_sched_getaffinity, 0, sizeof mask, NULL));
	memset(mask, 0, sizeof mask);
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
	CALL(syscall(SYS_sched_setaffinity, 0, 0, mask));
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof mask, NULL));
	mask[0] = 1;
	CALL(syscall(SYS_sched_setaffinity, 4000000, sizeof mask, mask));
	CALL(syscall(SYS_sched_setaffinity, 0, 1, mask));
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
	CALL(syscall(SYS_getcpu, &processor, &node, NULL));
	CALL(processor);
	CALL(node);
	CALL(syscall(SYS_getcpu, NULL, NULL, NULL));
	CALL(syscall(SYS_getcpu, (void *)8, NULL, NULL));
}

static void barriers(void)
{
	CLAIM((syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & 0x19) == 0x19);
	CALL(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 1, 0));
	CALL(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	CALL(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	CALL(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	CALL(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	CALL(syscall(SYS_membarrier, 1 << 20, 0, 0));
	CALL(syscall(SYS_membarrier, -1, 0, 0));
}

int main(void)
{
	clones();
	clones_of_the_third_kind();
	thread_ids();
	robust_lists();
	policies();
	processors();
	barriers();
	return 0;
}
