/* A process by itself: ids, limits, names, scheduling, the system's name. */
#include "claims.h"
#include <linux/capability.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void ids(void)
{
	uid_t r, e, s;
	gid_t groups[65536];

	CLAIM(getpid() == syscall(SYS_gettid));
	CLAIM(getpgid(0) == getpgrp());
	CLAIM(getpgid(getpid()) == getpgrp());
	CLAIM(getsid(0) == getsid(getpid()));
	CALL(getpgid(-1));
	CALL(getsid(-1));
	CALL(setpgid(0, -1));
	CALL(setpgid(12345678, 0));
	CLAIM(!getresuid(&r, &e, &s) && r == getuid() && e == geteuid() && s == r);
	CLAIM(!getresgid(&r, &e, &s) && r == getgid() && e == getegid() && s == r);
	CALL(setuid(getuid()));
	CALL(setreuid(-1, getuid()));
	CALL(setresgid(-1, -1, getgid()));
	CALL(syscall(SYS_setuid, -1));
	CALL(syscall(SYS_getgroups, -1, groups));
	CLAIM(getgroups(0, NULL) == getgroups(65536, groups));
	CLAIM(syscall(SYS_set_tid_address, &r) == getpid());
}

static void children(void)
{
	siginfo_t info;

	CALL(wait4(-1, NULL, 0, NULL));
	CALL(wait4(-1, NULL, WNOHANG, NULL));
	CALL(wait4(-1, NULL, 0x100, NULL));
	CALL(wait4(12345, NULL, 0, NULL));
	CALL(waitid(P_ALL, 0, &info, WEXITED));
	CALL(waitid(P_ALL, 0, &info, 0));
	CALL(waitid(17, 0, &info, WEXITED));
}

static void names(void)
{
	char name[17] = "unchanged";
	struct utsname u;

	CALL(prctl(PR_SET_NAME, "a name that is too long"));
	CALL(prctl(PR_GET_NAME, name));
	printf("%s\n", name);
	CALL(prctl(PR_SET_NAME, NULL));
	CALL(prctl(PR_GET_NAME, 8));
	CALL(prctl(1000));
	CALL(prctl(PR_GET_DUMPABLE));
	CALL(prctl(PR_SET_DUMPABLE, 3));
	CALL(prctl(PR_SET_PDEATHSIG, 100));
	CALL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CALL(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	CALL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CALL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CALL(prctl(PR_GET_SECCOMP));
	CALL(prctl(PR_CAPBSET_READ, 0));
	CALL(prctl(PR_CAPBSET_READ, 1000));
	CALL(uname(&u));
	printf("%s %s\n", u.sysname, u.machine);
	CALL(syscall(SYS_uname, 8));
	CALL(personality(0xffffffff));
	CALL(personality(PER_LINUX32));
	CALL(uname(&u));
	printf("%s\n", u.machine);
	CALL(personality(0));
}

static void limits(void)
{
	struct rlimit l = { 10, 5 }, old;

	CALL(getrlimit(100, &l));
	CALL(setrlimit(RLIMIT_CORE, &l));
	l = (struct rlimit){ 0, 0 };
	CALL(setrlimit(RLIMIT_CORE, &l));
	CALL(getrlimit(RLIMIT_CORE, &old));
	CLAIM(old.rlim_cur == 0 && old.rlim_max == 0);
	CALL(getrlimit(RLIMIT_STACK, &old));
	CLAIM(old.rlim_cur == 8 << 20 && old.rlim_max == RLIM_INFINITY);
	l = (struct rlimit){ 100, 200 };
	CALL(prlimit(0, RLIMIT_NOFILE, &l, &old));
	CALL(prlimit(getpid(), RLIMIT_NOFILE, NULL, &old));
	CLAIM(old.rlim_cur == 100 && old.rlim_max == 200);
	CALL(prlimit(12345678, RLIMIT_NOFILE, NULL, &old));
	l = (struct rlimit){ 1 << 30, 1 << 30 };
	CALL(setrlimit(RLIMIT_NOFILE, &l));
	CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 8));
#ifdef __i386__
	unsigned int small[2];
	CALL(syscall(SYS_getrlimit, RLIMIT_STACK, small));
	printf("%x %x\n", small[0], small[1]);
	CALL(syscall(SYS_ugetrlimit, RLIMIT_STACK, small));
	printf("%x %x\n", small[0], small[1]);
#endif
}

static void use(void)
{
	struct rusage u;
	struct tms t;
	struct sysinfo s;

	CALL(getrusage(RUSAGE_SELF, &u));
	CLAIM(u.ru_maxrss > 0);
	CALL(getrusage(RUSAGE_CHILDREN, &u));
	CLAIM(u.ru_maxrss == 0 && u.ru_utime.tv_sec == 0);
	CALL(getrusage(17, &u));
	CALL(syscall(SYS_getrusage, RUSAGE_SELF, 8));
	CLAIM(times(&t) != (clock_t)-1 && t.tms_cutime == 0);
	CALL(sysinfo(&s));
	CLAIM(s.totalram >= s.freeram && s.freeram > 0 && s.mem_unit > 0);
	CLAIM(s.procs > 0 && s.uptime >= 0);
}

static void scheduling(void)
{
	struct sched_param p = { 0 };
	unsigned long mask[16];
	unsigned cpu = 7, node = 7;

	CALL(sched_yield());
	CALL(sched_getscheduler(0));
	CALL(sched_getscheduler(-1));
	CALL(sched_getscheduler(12345678));
	CALL(sched_setscheduler(0, SCHED_OTHER, &p));
	CALL(sched_setscheduler(0, 77, &p));
	CALL(sched_setscheduler(0, SCHED_BATCH, &p));
	CALL(sched_getscheduler(0));
	p.sched_priority = 5;
	CALL(sched_setscheduler(0, SCHED_OTHER, &p));
	CALL(sched_getparam(0, &p));
	CALL(p.sched_priority);
	CALL(sched_getparam(0, NULL));
	CALL(sched_get_priority_max(SCHED_FIFO));
	CALL(sched_get_priority_min(SCHED_RR));
	CALL(sched_get_priority_max(SCHED_OTHER));
	CALL(sched_get_priority_max(99));
	CALL(syscall(SYS_sched_getaffinity, 0, 0, mask));
	CALL(syscall(SYS_sched_getaffinity, 0, 3, mask));
	CALL(syscall(SYS_sched_getaffinity, 12345678, sizeof mask, mask));
	CALL(syscall(SYS_sched_getaffinity, 0, sizeof mask, NULL) == -1);
	CLAIM(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) >= 8 && mask[0] & 1);
	mask[0] = 0;
	memset(mask, 0, sizeof mask);
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
	mask[0] = 1;
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
	CLAIM(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu == 0 && node == 0);
	CALL(setpriority(PRIO_PROCESS, 0, 19)); /* not what the tests were started with */
	CALL(getpriority(PRIO_PROCESS, 0));
	CALL(getpriority(7, 0));
	CALL(getpriority(PRIO_PROCESS, 12345678));
	CALL(setpriority(PRIO_PROCESS, 0, 100));
	CALL(getpriority(PRIO_PROCESS, 0));
}

static void others(void)
{
	struct __user_cap_header_struct h = { 0x1234, 0 };
	struct __user_cap_data_struct d[2];
	char bytes[16] = { 0 };

	CALL(syscall(SYS_capget, &h, NULL));
	CLAIM(h.version == 0x20080522);
	CALL(syscall(SYS_capget, &h, d));
	h.version = 0x1234;
	CALL(syscall(SYS_capget, &h, d));
	h.pid = -1;
	CALL(syscall(SYS_capget, &h, d));
	CALL(syscall(SYS_getrandom, bytes, 16, 0));
	CLAIM(memcmp(bytes, (char[16]){ 0 }, 16) != 0);
	CALL(syscall(SYS_getrandom, bytes, 16, 64));
	CALL(syscall(SYS_getrandom, bytes, 16, 6));
	CALL(syscall(SYS_getrandom, 8, 16, 0));
	CALL(syscall(SYS_getrandom, NULL, 0, 0));
	CALL(syscall(SYS_set_robust_list, bytes, 3));
	CALL(syscall(SYS_get_robust_list, 12345678, bytes, bytes));
}

int main(void)
{
	ids();
	children();
	names();
	limits();
	use();
	scheduling();
	others();
	return 0;
}
