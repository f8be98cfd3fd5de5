// SPDX-License-Identifier: GPL-2.0-only
/*
 * "swapmig move": migrate a process, show how far it is, and tell what came of it.
 *
 * The call ends early only if its caller is killed. So a child makes it, and an interrupt
 * kills the child; what was done by then is told nevertheless.
 */
#include <err.h>
#include <errno.h>
#include <numaif.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "swapmig.h"

#define TICK_MS		100
#define BAR		20
#define MANUAL		"Documentation/admin-guide/mm/swapmig.rst"

struct result {
	long left;
	int error;
};

struct migration {
	pid_t pid;
	const struct nodes *from;
	const struct nodes *to;
	struct call call;
	bool traced;
	bool counted;
	unsigned long long before[NR_COUNTERS];
	int signal;
	bool answered;
	struct result result;
};

/* The child. It makes the call when it is told to, and none if nobody is there to tell. */
static void make_call(const struct migration *m, pid_t parent, int go, int answer)
{
	struct result result = { 0 };
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || read(go, &byte, 1) != 1)
		_exit(0);
	result.left = migrate_pages(m->pid, MAX_NODES + 1, m->from->bits, m->to->bits);
	if (result.left < 0)
		result.error = errno;
	_exit(write(answer, &result, sizeof(result)) != sizeof(result));
}

static pid_t start_caller(const struct migration *m, int *go, int *answer)
{
	int to_child[2], to_us[2];
	pid_t parent = getpid(), child;

	if (pipe(to_child) || pipe(to_us))
		err(EXIT_REFUSED, "pipe");
	child = fork();
	if (child < 0)
		err(EXIT_REFUSED, "fork");
	if (!child) {
		close(to_child[1]);
		close(to_us[0]);
		make_call(m, parent, to_child[0], to_us[1]);
	}
	close(to_child[0]);
	close(to_us[1]);
	*go = to_child[1];
	*answer = to_us[0];
	return child;
}

/* The line is drawn over and over, so it must not be longer than the terminal is wide. */
static void draw_line(const char *text)
{
	struct winsize size = { 0 };
	int width = 80;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		width = size.ws_col;
	fprintf(stderr, "\r\033[K%.*s", width - 1, text);
	fflush(stderr);
}

static void draw(const struct migration *m)
{
	const struct call *call = &m->call;
	unsigned long done = call_done(call) + call->failed;
	char bar[BAR + 1], part[BAR + 32] = "", until[32] = "", text[256];
	double left = call_seconds_left(call);

	if (m->signal) {
		draw_line("[interrupted: pages on their way arrive first]");
		return;
	}
	if (call->sampling) {
		draw_line("[looking for what is in use]");
		return;
	}
	if (call->pages) {
		if (done > call->pages)
			done = call->pages;
		bar_text(bar, BAR, done, call->pages);
		snprintf(part, sizeof(part), "[%s] %3.0f %%  ", bar, 100.0 * done / call->pages);
	}
	if (left >= 0)
		snprintf(until, sizeof(until), ", %.0f s left", left);
	snprintf(text, sizeof(text), "%s%.1f MiB/s%s, to swap %lu, moved %lu", part,
		 mib(call_rate(call)), until, call->evicted, call->moved);
	draw_line(text);
}

static void read_trace(struct call *call)
{
	struct event event;

	while (trace_next(&event)) {
		call_event(call, &event);
		/* A call keeps the path that it began with: others need not take it any more. */
		if (event.type == EVENT_BEGIN)
			path_restore();
	}
}

/* Until the child has answered, or has been killed and is gone. */
static void follow(struct migration *m, pid_t child, int answer, int signals)
{
	bool show = m->traced && isatty(STDERR_FILENO), shown = false;
	bool ended = false;

	while (!ended) {
		struct pollfd fds[] = {
			{ .fd = answer, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		int number;

		poll(fds, 2, TICK_MS);
		read_trace(&m->call);
		number = signals_read(signals);
		if (number && !m->signal) {
			m->signal = number;
			kill(child, SIGKILL);
		}
		if (fds[0].revents) {
			m->answered = read(answer, &m->result, sizeof(m->result)) ==
				      sizeof(m->result);
			ended = true;
		} else if (show && m->call.since) {
			draw(m);
			shown = true;
		}
	}
	if (shown)
		fprintf(stderr, "\r\033[K");
	waitpid(child, NULL, 0);
	read_trace(&m->call);
}

static void refuse(const struct migration *m)
{
	char text[NODES_TEXT];

	switch (m->result.error) {
	case ESRCH:
		errx(EXIT_REFUSED, "no process has the ID %d", m->pid);
	case EPERM:
		errx(EXIT_REFUSED, "not permitted: process %d is not yours or may not use nodes %s",
		     m->pid, nodes_text(m->to, text));
	case EINVAL:
		errx(EXIT_REFUSED, "process %d has no memory, or you have none on nodes %s",
		     m->pid, nodes_text(m->to, text));
	case ENOMEM:
		errx(EXIT_REFUSED, "the kernel has no memory for the call");
	case ENOSYS:
		errx(EXIT_REFUSED, "this kernel has no migrate_pages(2)");
	default:
		errx(EXIT_REFUSED, "migrate_pages: %s", strerror(m->result.error));
	}
}

static void print_pages(const char *what, unsigned long pages)
{
	printf("%-14s %10lu page%s %8.1f MiB\n", what, pages, pages == 1 ? " " : "s", mib(pages));
}

static void print_reasons(const char *reasons)
{
	char name[NAME_LEN], what[NAME_LEN + 4];
	unsigned long pages;

	if (!*reasons)
		printf("  for the reasons that there are, see " MANUAL "\n");
	while (reason_next(&reasons, name, &pages)) {
		snprintf(what, sizeof(what), "  %s", name);
		print_pages(what, pages);
	}
}

/* Returns how many pages were left. */
static unsigned long report(struct migration *m)
{
	struct call *call = &m->call;
	char from[NODES_TEXT], to[NODES_TEXT], name[NAME_LEN];
	unsigned long long after[NR_COUNTERS];
	unsigned long left = m->answered ? (unsigned long)m->result.left : call->failed;

	process_name(m->pid, name);
	name_printable(name);
	printf("process %d (%s), nodes %s to %s", m->pid, name, nodes_text(m->from, from),
	       nodes_text(m->to, to));
	if (call->begin.path[0])
		printf(", path %s", call->begin.path);
	printf(", %.1f s\n", now() - call->since);
	if (!m->traced && m->counted && counters_read(after)) {
		printf("counted on the whole machine meanwhile:\n");
		call->evicted = after[EVICTED] - m->before[EVICTED];
		call->moved = after[MOVED] - m->before[MOVED];
		if (!m->answered)
			left = after[FAILED] - m->before[FAILED];
	}
	if (m->traced || m->counted) {
		print_pages("went to swap", call->evicted);
		print_pages("moved", call->moved);
	}
	print_pages("left behind", left);
	if (left)
		print_reasons(call->reasons);
	if (!m->answered)
		printf("interrupted: pages that the call had not come to are where they were\n");
	return left;
}

static void clean_up(void)
{
	trace_close();
	path_restore();
}

static void choose_path(const char *path)
{
	int error = path_choose(path);

	if (error == -ENOENT)
		errx(EXIT_REFUSED, "--path: this kernel has no swap migration");
	if (error)
		errx(EXIT_REFUSED, "--path: only root may choose it: " PATH_FILE ": %s",
		     strerror(-error));
}

int migrate(const char *path, pid_t pid, const struct nodes *from, const struct nodes *to)
{
	struct migration m = { .pid = pid, .from = from, .to = to };
	int signals, go, answer, error;
	struct residency residency;
	char current[PATH_NAME];
	unsigned long left;
	const char *why;
	pid_t child;

	signals = signals_open();
	m.counted = counters_read(m.before);
	child = start_caller(&m, &go, &answer);
	atexit(clean_up);
	if (path)
		choose_path(path);
	why = trace_open(child);
	m.traced = !why;
	if (why)
		warnx("no progress is shown: %s", why);
	error = maps_read(pid, &residency);
	if (!error && path_read(current))
		m.call.pages = maps_to_go(&residency, from, to, current);

	m.call.since = now();
	if (write(go, "", 1) != 1)
		err(EXIT_REFUSED, "pipe");
	follow(&m, child, answer, signals);
	clean_up();

	if (m.answered && m.result.left < 0)
		refuse(&m);
	if (!m.answered && !m.signal)
		warnx("somebody killed the caller, process %d", child);
	left = report(&m);
	if (fflush(stdout))
		err(EXIT_REFUSED, "stdout");
	if (m.signal)
		return 128 + m.signal;
	if (!m.answered)
		return EXIT_REFUSED;
	return left ? EXIT_LEFT : 0;
}
