// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other processes, and programs. See processes.h.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "numa.h"
#include "pages.h"
#include "processes.h"

#define MAX_ARGS	15

pid_t sm_fork(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

int sm_reap(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* What /proc/PID/stat has after the name, or -1. */
static int scan_stat(pid_t pid, const char *format, void *value)
{
	char path[32];
	int n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	n = fscanf(f, format, value);
	fclose(f);
	return n == 1 ? 0 : -1;
}

char sm_state(pid_t pid)
{
	char state;

	return scan_stat(pid, "%*d (%*[^)]) %c", &state) ? 'X' : state;
}

long sm_major_faults(pid_t pid)
{
	long faults;

	return scan_stat(pid, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %ld",
			 &faults) ? -1 : faults;
}

void sm_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	sm_reap(pid);
}

int sm_become(uid_t uid)
{
	if (syscall(SYS_setgroups, 0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

int sm_peer_start(struct sm_peer *peer, long (*serve)(int what, void *arg),
		  void *arg)
{
	int ask[2], answer[2], what;
	long ret;

	if (pipe(ask) || pipe(answer))
		return -1;
	signal(SIGPIPE, SIG_IGN);
	peer->pid = sm_fork();
	if (peer->pid < 0)
		return -1;
	if (!peer->pid) {
		close(ask[1]);
		close(answer[0]);
		while (read(ask[0], &what, sizeof(what)) == sizeof(what)) {
			ret = serve(what, arg);
			if (write(answer[1], &ret, sizeof(ret)) != sizeof(ret))
				break;
		}
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	peer->ask = ask[1];
	peer->answer = answer[0];
	return 0;
}

int sm_peer_tell(struct sm_peer *peer, int what)
{
	if (write(peer->ask, &what, sizeof(what)) == sizeof(what))
		return 0;
	errno = ESRCH;
	return -1;
}

long sm_peer_hear(struct sm_peer *peer)
{
	long ret;

	if (read(peer->answer, &ret, sizeof(ret)) == sizeof(ret))
		return ret;
	errno = ESRCH;
	return -1;
}

long sm_peer_ask(struct sm_peer *peer, int what)
{
	return sm_peer_tell(peer, what) ? -1 : sm_peer_hear(peer);
}

void sm_peer_end(struct sm_peer *peer)
{
	if (peer->pid <= 0)
		return;
	sm_kill(peer->pid);
	close(peer->ask);
	close(peer->answer);
	peer->pid = 0;
}

long sm_serve_buffer(int what, void *arg)
{
	struct sm_buffer *buf = arg;

	switch (what) {
	case SM_PEER_FILL:
		if (sm_bind(buf->node))
			return -1;
		sm_fill(buf->addr, buf->len, buf->seed);
		return sm_unbind();
	case SM_PEER_BAD:
		return sm_bad(buf->addr, buf->len, buf->seed);
	case SM_PEER_TOUCH:
		sm_touch(buf->addr, buf->len);
		return 0;
	}
	return -1;
}

const char *sm_lacks_program(const char *name)
{
	static char why[128];
	char path[PATH_MAX], *all, *dir, *rest;

	all = strdup(getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin");
	for (dir = strtok_r(all, ":", &rest); dir;
	     dir = strtok_r(NULL, ":", &rest)) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (!access(path, X_OK))
			break;
	}
	free(all);
	if (dir)
		return NULL;
	snprintf(why, sizeof(why), "no program %s", name);
	return why;
}

int sm_run(char *out, size_t size, const char *program, ...)
{
	char *argv[MAX_ARGS + 1] = { (char *)program };
	int nr = 1;
	va_list args;
	size_t have = 0;
	char rest[256];
	ssize_t n;
	pid_t pid;
	int fd[2];

	va_start(args, program);
	while (nr < MAX_ARGS) {
		argv[nr] = va_arg(args, char *);
		if (!argv[nr++])
			break;
	}
	va_end(args);

	if (pipe(fd))
		return -1;
	pid = sm_fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	for (;;) {
		if (out && have + 1 < size)
			n = read(fd[0], out + have, size - 1 - have);
		else
			n = read(fd[0], rest, sizeof(rest));
		if (n <= 0)
			break;
		if (out && have + 1 < size)
			have += n;
	}
	if (out)
		out[have] = 0;
	close(fd[0]);
	return sm_reap(pid);
}
