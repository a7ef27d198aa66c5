/* Who a process is: ids and how they change, groups, capabilities, and whom it may signal. Each part
   runs in a child: what is given up does not come back. The calls are raw: they change one thread. */
#include "claims.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifdef __i386__
#define ID(name) SYS_##name##32
#else
#define ID(name) SYS_##name
#endif

#define CHILD(statements) do { int status; pid_t child; fflush(stdout); \
	if (!(child = fork())) { statements; _exit(fflush(stdout)); } \
	waitpid(child, &status, 0); printf("child: %#x\n", status); } while (0)

/* The real, effective, saved and file system's ids; and the capabilities. */
static void ids(void)
{
	uid_t r, e, s;

	syscall(ID(getresuid), &r, &e, &s);
	printf("  uids %d %d %d %ld;", r, e, s, syscall(ID(setfsuid), -1));
	syscall(ID(getresgid), &r, &e, &s);
	printf(" gids %d %d %d %ld\n", r, e, s, syscall(ID(setfsgid), -1));
}

/* Without what this host may not give: only CAP_CHOWN to CAP_SETPCAP are looked at. */
static void caps(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &head, data);
	printf("  effective %x permitted %x inheritable %x bounding", data[0].effective & 0x1ff,
	       data[0].permitted & 0x1ff, data[0].inheritable & 0x1ff);
	for (int cap = 0; cap < 9; cap++)
		printf(" %d", prctl(PR_CAPBSET_READ, cap));
	printf(" ambient");
	for (int cap = 0; cap < 9; cap++)
		printf(" %d", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0));
	printf("\n");
}

static void set(unsigned effective, unsigned permitted, unsigned inheritable)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { effective, permitted, inheritable } };

	CALL(syscall(SYS_capset, &head, data));
	caps();
}

#define SHOWN(expression) do { CALL(expression); ids(); } while (0)

static void users(void)
{
	CHILD(SHOWN(syscall(ID(setuid), 100)); SHOWN(syscall(ID(setuid), 0)); caps();
	      SHOWN(syscall(ID(setuid), 100)); SHOWN(syscall(ID(setuid), -1)));
	CHILD(SHOWN(syscall(ID(setreuid), 100, 200)); SHOWN(syscall(ID(setreuid), 200, 100));
	      SHOWN(syscall(ID(setreuid), -1, 200)); SHOWN(syscall(ID(setreuid), 0, -1));
	      SHOWN(syscall(ID(setreuid), -1, 0)); caps());
	CHILD(SHOWN(syscall(ID(setreuid), -1, 200)); caps(); SHOWN(syscall(ID(setreuid), 200, 0)); caps();
	      SHOWN(syscall(ID(setreuid), -1, 0)));
	CHILD(SHOWN(syscall(ID(setresuid), 1, 2, 3)); SHOWN(syscall(ID(setresuid), 3, 1, 2));
	      SHOWN(syscall(ID(setresuid), -1, 3, -1)); SHOWN(syscall(ID(setresuid), 4, -1, -1));
	      SHOWN(syscall(ID(setresuid), -1, -1, 0)); SHOWN(syscall(ID(setuid), 2));
	      SHOWN(syscall(ID(setuid), 3)));
	CHILD(SHOWN(syscall(ID(setresuid), 0, 1, 0)); caps(); SHOWN(syscall(ID(setuid), 2));
	      SHOWN(syscall(ID(setuid), 0)); caps(); SHOWN(syscall(ID(setuid), 5)); caps());
	CHILD(SHOWN(syscall(ID(setfsuid), 7)); caps(); SHOWN(syscall(ID(setfsuid), 8)); caps();
	      SHOWN(syscall(ID(setfsuid), 0)); caps(); SHOWN(syscall(ID(setuid), 9));
	      SHOWN(syscall(ID(setfsuid), 0)); SHOWN(syscall(ID(setfsuid), 9)));
}

static void groups(void)
{
	gid_t some[] = { 30, 10, 20, 10 }, now[8] = { 0 };

	CHILD(SHOWN(syscall(ID(setgid), 100)); SHOWN(syscall(ID(setgid), 0));
	      SHOWN(syscall(ID(setregid), 5, 6)); SHOWN(syscall(ID(setresgid), 1, -1, 3));
	      SHOWN(syscall(ID(setfsgid), 77)); syscall(ID(setuid), 9);
	      SHOWN(syscall(ID(setgid), 3)); SHOWN(syscall(ID(setgid), 6)); SHOWN(syscall(ID(setgid), 1));
	      SHOWN(syscall(ID(setregid), 6, -1)); SHOWN(syscall(ID(setresgid), 3, 3, 3));
	      SHOWN(syscall(ID(setresgid), 1, 1, 1)); SHOWN(syscall(ID(setfsgid), 6)));
	CHILD(CALL(syscall(ID(setgroups), 4, some)); CALL(syscall(ID(getgroups), 8, now));
	      printf("  %d %d %d %d\n", now[0], now[1], now[2], now[3]);
	      CALL(syscall(ID(getgroups), 3, now)); CALL(syscall(ID(setgroups), -1, some));
	      CALL(syscall(ID(setgroups), 65537, some)); CALL(syscall(ID(setgroups), 1, 8));
	      CALL(syscall(ID(setgroups), 0, NULL)); CALL(syscall(ID(getgroups), 8, now));
	      some[0] = -1; CALL(syscall(ID(setgroups), 1, some)); syscall(ID(setuid), 9);
	      CALL(syscall(ID(setgroups), 1, some)); CALL(syscall(ID(setgroups), 0, NULL)));
}

#ifdef __i386__
static void of_16_bits(void)
{
	unsigned short r, e, s, list[3] = { 1, 65534, 65535 };
	gid_t now[3];

	CHILD(SHOWN(syscall(SYS_setresuid32, 70000, 5, 80000)); CALL(syscall(SYS_getuid));
	      CALL(syscall(SYS_geteuid)); CALL(syscall(SYS_getresuid, &r, &e, &s));
	      printf("  %d %d %d\n", r, e, s); SHOWN(syscall(SYS_setreuid, 0xffff, 70000));
	      SHOWN(syscall(SYS_setuid, 0x10005)); SHOWN(syscall(SYS_setuid, 0xffff));
	      SHOWN(syscall(SYS_setfsuid, 5)));
	CHILD(CALL(syscall(SYS_setgroups, 3, list)); CALL(syscall(SYS_getgroups32, 3, now));
	      printf("  %d %d %d\n", now[0], now[1], now[2]));
}
#endif

static void capabilities(void)
{
	struct __user_cap_header_struct head = { 0x12345678, 0 };
	struct __user_cap_data_struct data[2];

	CALL(syscall(SYS_capget, &head, data));
	printf("  %x\n", head.version);
	head.version = 0;
	CALL(syscall(SYS_capget, &head, NULL));
	CALL(syscall(SYS_capget, &head, NULL));
	head.version = 0;
	CALL(syscall(SYS_capset, &head, data));
	head.pid = -1;
	CALL(syscall(SYS_capget, &head, data));
	head.pid = 4000000;
	CALL(syscall(SYS_capget, &head, data));
	head.pid = getppid();
	CALL(syscall(SYS_capset, &head, data));
	CHILD(caps(); set(0xff, 0xff, 0); set(0x1, 0x3, 0); set(0x1, 0x7, 0); set(0x4, 0x3, 0);
	      set(3, 3, 0); set(1, 1, 3); set(1, 1, 1); set(0, 0, 1); set(0, 0, 2));
	CHILD(set(0x1ff, 0x1ff, 0x1ff); CALL(prctl(PR_CAPBSET_DROP, CAP_KILL)); caps();
	      CALL(prctl(PR_CAPBSET_DROP, 64)); set(0x1ff, 0x1ff, 0x1ff); set(0x1ff, 0x1ff, 0);
	      set(0x1ff, 0x1ff, 1 << CAP_KILL);
	      syscall(ID(setuid), 5); CALL(prctl(PR_CAPBSET_DROP, CAP_KILL)); caps());
	CHILD(CALL(prctl(PR_SET_KEEPCAPS, 2)); CALL(prctl(PR_GET_KEEPCAPS)); CALL(prctl(PR_SET_KEEPCAPS, 1));
	      CALL(prctl(PR_GET_KEEPCAPS)); CALL(prctl(PR_GET_SECUREBITS));
	      SHOWN(syscall(ID(setuid), 5)); caps(); set(0x40, 0x1ff, 0);
	      SHOWN(syscall(ID(setgid), 5)); set(0x80, 0x1ff, 0); SHOWN(syscall(ID(setuid), 0)); caps());
	CHILD(CALL(prctl(PR_SET_SECUREBITS, 1 << 12)); CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	      SHOWN(syscall(ID(setuid), 5)); caps();
	      CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_SETUID_FIXUP));
	      CALL(prctl(PR_SET_SECUREBITS, 0)); CALL(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP_LOCKED));
	      CALL(prctl(PR_SET_SECUREBITS, 0xff)); CALL(prctl(PR_GET_SECUREBITS));
	      CALL(prctl(PR_SET_KEEPCAPS, 0)); set(0, 0x1ff, 0); CALL(prctl(PR_SET_SECUREBITS, 0xff)));
	CHILD(CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)); set(0x1ff, 0x1ff, 0x1ff);
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0));
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 1, 0));
	      CALL(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0)); caps();
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0)); caps(); set(0x1ff, 0x1ff, 2);
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0));
	      CALL(prctl(PR_SET_KEEPCAPS, 1)); syscall(ID(setuid), 5); caps();
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	      CALL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)));
}

static char name[] = "/tmp/users-XXXXXX", directory[] = "/tmp/users-XXXXXX";
static char inside[40];

#define TRY(path, flags) do { int fd; errno = 0; show("open " #path " " #flags, \
	(fd = open(path, flags)) < 0 ? -1 : 0); close(fd); } while (0)

/* Files are judged by the file system's ids and by capabilities; access(2) by the real ids. */
static void files(void)
{
	struct stat s;

	close(mkstemp(name));
	mkdtemp(directory);
	sprintf(inside, "%s/f", directory);
	close(open(inside, O_CREAT | O_WRONLY, 0666));
	chmod(name, 0640);
	CALL(chown(name, 50, 60));
	CHILD(syscall(ID(setfsuid), 7); TRY(name, O_RDONLY); syscall(ID(setfsgid), 60);
	      TRY(name, O_RDONLY); TRY(name, O_WRONLY); syscall(ID(setfsuid), 50); TRY(name, O_WRONLY);
	      CALL(access(name, W_OK)); CALL(chmod(name, 0640)); syscall(ID(setfsuid), 0);
	      TRY(name, O_RDWR));
	CHILD(syscall(ID(setgroups), 1, &(gid_t){ 60 }); syscall(ID(setuid), 7); TRY(name, O_RDONLY);
	      TRY(name, O_WRONLY); TRY(inside, O_RDONLY); CALL(chmod(name, 0600)); CALL(chown(name, 7, 7)));
	CHILD(syscall(ID(setreuid), 50, 7); TRY(name, O_RDONLY); CALL(access(name, W_OK));
	      CALL(faccessat(AT_FDCWD, name, W_OK, AT_EACCESS)));
	CHILD(syscall(ID(setreuid), 0, 7); CALL(access(name, W_OK)); CALL(access(name, X_OK));
	      TRY(name, O_RDONLY); CALL(unlink(name)));
	CHILD(set(0, 0, 0); TRY(name, O_RDONLY); CALL(chmod(name, 0600)); CALL(chown(name, 0, 0)); TRY(inside, O_RDWR));
	CHILD(umask(0); chmod(directory, 0777); syscall(ID(setresgid), 5, 6, 7); syscall(ID(setresuid), 8, 9, 10);
	      unlink(inside); close(open(inside, O_CREAT | O_WRONLY, 0666)); stat(inside, &s);
	      printf("  owner %d %d\n", s.st_uid, s.st_gid));
	unlink(inside);
	unlink(name);
	rmdir(directory);
}

/* A child with the ids that waits to be killed, and whether somebody with others may do that. */
static void kills(uid_t real, uid_t effective, uid_t saved, uid_t own_real, uid_t own_effective)
{
	int ready[2], gone[2], status;
	pid_t target;
	char byte;

	pipe(ready);
	fflush(stdout);
	if (!(target = fork())) {
		syscall(ID(setresuid), real, effective, saved);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	read(ready[0], &byte, 1);
	CHILD(syscall(ID(setresuid), own_real, own_effective, own_effective);
	      printf("%d %d %d, by %d %d\n", real, effective, saved, own_real, own_effective);
	      CALL(kill(target, 0)); CALL(kill(target, SIGCONT));
	      CALL(syscall(SYS_tgkill, target, target, SIGCONT)));
	kill(target, SIGKILL);
	waitpid(target, &status, 0);
	close(ready[0]);
}

/* What a program finds that its owner lets others run as him. */
static void set_id(const char *self)
{
	char path[] = "/tmp/users-XXXXXX", buffer[4096];
	int from = open(self, O_RDONLY), to = mkstemp(path), size, status;
	struct { unsigned mode; uid_t uid; gid_t gid; int quiet; } cases[] = {
		{ 04755, 50, 60 }, { 02755, 50, 60 }, { 06755, 50, 60 }, { 02745, 50, 60 }, { 04755, 50, 60, 1 },
		{ 04755, 0, 60 }, { 0755, 50, 60 },
	};

	while ((size = read(from, buffer, sizeof buffer)) > 0)
		write(to, buffer, size);
	close(from);
	close(to);
	for (int i = 0; i < sizeof cases / sizeof *cases; i++) {
		chown(path, cases[i].uid, cases[i].gid);
		chmod(path, cases[i].mode);
		printf("mode %o owner %d quiet %d\n", cases[i].mode, cases[i].uid, cases[i].quiet);
		CHILD(prctl(PR_SET_PDEATHSIG, 0); syscall(ID(setgid), 7); syscall(ID(setuid), 8);
		      if (cases[i].quiet) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		      fflush(stdout); execl(path, "users", "who", NULL); _exit(9));
	}
	unlink(path);
}

#include <sys/auxv.h>

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc > 1) {
		ids();
		caps();
		printf("  secure %ld, told %ld %ld, dumpable %d\n", getauxval(AT_SECURE), getauxval(AT_UID),
		       getauxval(AT_EUID), prctl(PR_GET_DUMPABLE));
		return 0;
	}
	users();
	groups();
#ifdef __i386__
	of_16_bits();
#endif
	capabilities();
	files();
	kills(1, 2, 3, 4, 5);
	kills(1, 2, 3, 2, 5);
	kills(1, 2, 3, 1, 5);
	kills(1, 2, 3, 5, 3);
	kills(1, 2, 3, 0, 5);
	kills(1, 2, 3, 5, 0);
	kills(0, 0, 0, 5, 5);
	set_id(argv[0]);
	CHILD(CALL(prctl(PR_GET_DUMPABLE)); syscall(ID(setuid), 5); CALL(prctl(PR_GET_DUMPABLE)));
	CHILD(syscall(ID(setfsuid), 5); CALL(prctl(PR_GET_DUMPABLE)));
	CHILD(set(1, 1, 1); CALL(prctl(PR_GET_DUMPABLE)));
	return 0;
}
