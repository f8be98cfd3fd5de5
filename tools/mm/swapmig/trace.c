// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracepoints say, in an instance of tracefs of our own: other users of tracing
 * are not disturbed, and it is gone when we are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "swapmig.h"

#define INSTANCES	"/sys/kernel/tracing/instances"
#define PREFIX		"swapmig-"

static const char * const events[NR_EVENTS] = {
	[EVENT_BEGIN] = "swapmig_begin",
	[EVENT_SAMPLE] = "swapmig_sample",
	[EVENT_PROGRESS] = "swapmig_progress",
	[EVENT_END] = "swapmig_end",
};

static char instance[64];
static int fd = -1;
static char buffer[65536];
static size_t filled;

static bool write_to(const char *name, const char *text)
{
	char file[sizeof(instance) + 64];
	int out;
	bool ok;

	snprintf(file, sizeof(file), "%s/%s", instance, name);
	out = open(file, O_WRONLY | O_CLOEXEC);
	if (out < 0)
		return false;
	ok = write(out, text, strlen(text)) == (ssize_t)strlen(text);
	close(out);
	return ok;
}

/* One of us that was killed could not take its instance away. */
static void remove_stale(void)
{
	DIR *dir = opendir(INSTANCES);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *end;
		long pid;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			continue;
		pid = strtol(entry->d_name + strlen(PREFIX), &end, 10);
		if (*end || pid <= 0)
			continue;
		if (pid == getpid() || (kill(pid, 0) && errno == ESRCH))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}

static bool set_up(pid_t caller)
{
	char text[sizeof(instance) + 64];

	/* A few seconds of progress fit, also where there are hundreds of CPUs. */
	write_to("buffer_size_kb", "64");
	/* To know the names of tasks, or their children, the kernel would follow the scheduler. */
	write_to("options/record-cmd", "0");
	snprintf(text, sizeof(text), "common_pid == %d", caller);
	if (caller && !write_to("events/swapmig/filter", text))
		return false;
	for (int i = 0; i < NR_EVENTS; i++) {
		snprintf(text, sizeof(text), "events/swapmig/%s/enable", events[i]);
		if (!write_to(text, "1"))
			return false;
	}
	snprintf(text, sizeof(text), "%s/trace_pipe", instance);
	fd = open(text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0;
}

/* Follow the calls that @caller makes, or all if it is 0. Returns why it cannot, or NULL. */
const char *trace_open(pid_t caller)
{
	static char why[256];
	int err;

	remove_stale();
	snprintf(instance, sizeof(instance), INSTANCES "/" PREFIX "%d", getpid());
	if (mkdir(instance, 0700)) {
		snprintf(why, sizeof(why), INSTANCES ": %s", strerror(errno));
		instance[0] = '\0';
		return why;
	}
	if (set_up(caller))
		return NULL;
	err = errno;
	trace_close();
	snprintf(why, sizeof(why), "the tracepoints of swap migration: %s", strerror(err));
	return why;
}

/* Also called when we end, whatever for. */
void trace_close(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	if (instance[0])
		rmdir(instance);
	instance[0] = '\0';
}

/* "NAME-PID [CPU] ...": a name can be anything, so look from behind. */
static pid_t caller_of(const char *line, const char *end)
{
	const char *at = memrchr(line, '[', end - line);

	while (at && at > line && at[-1] == ' ')
		at--;
	while (at && at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at ? atoi(at) : 0;
}

/* A word KEY=VALUE. Words that come after those that we know are reasons. */
static void read_word(const char *key, const char *value, struct event *event)
{
	size_t len = strlen(event->reasons);
	char *end;

	if (!strcmp(key, "mm")) {
		snprintf(event->mm, sizeof(event->mm), "%s", value);
	} else if (!strcmp(key, "pid")) {
		event->pid = atoi(value);
	} else if (!strcmp(key, "from")) {
		nodes_from_hex(value, &event->from);
	} else if (!strcmp(key, "to")) {
		nodes_from_hex(value, &event->to);
	} else if (!strcmp(key, "path")) {
		snprintf(event->path, sizeof(event->path), "%s", value);
	} else if (!strcmp(key, "window_ms")) {
		event->window_ms = strtoul(value, NULL, 10);
	} else if (!strcmp(key, "evicted")) {
		event->evicted = strtoul(value, NULL, 10);
	} else if (!strcmp(key, "moved")) {
		event->moved = strtoul(value, NULL, 10);
	} else if (!strcmp(key, "failed")) {
		event->failed = strtoul(value, NULL, 10);
	} else if (event->type == EVENT_END && strtoul(value, &end, 10) && !*end) {
		snprintf(event->reasons + len, sizeof(event->reasons) - len, "%s%s=%s",
			 len ? " " : "", key, value);
	}
}

static bool read_event(char *line, struct event *event)
{
	char *at = NULL, *name, *args, *rest;

	for (char *next = line; (next = strstr(next, ": swapmig_")); next++)
		at = next;
	if (!at)
		return false;
	name = at + 2;
	args = strchr(name, ':');
	if (!args)
		return false;
	*args++ = '\0';

	memset(event, 0, sizeof(*event));
	for (event->type = 0; strcmp(name, events[event->type]);)
		if (++event->type == NR_EVENTS)
			return false;
	event->caller = caller_of(line, at);
	for (char *word = strtok_r(args, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (value) {
			*value++ = '\0';
			read_word(word, value, event);
		}
	}
	return true;
}

/* The next thing that has been said, false if there is nothing yet. */
bool trace_next(struct event *event)
{
	while (fd >= 0) {
		char line[1024], *end = memchr(buffer, '\n', filled);
		size_t len;
		ssize_t n;

		if (end) {
			len = end - buffer;
			snprintf(line, sizeof(line), "%.*s", (int)len, buffer);
			filled -= len + 1;
			memmove(buffer, end + 1, filled);
			if (read_event(line, event))
				return true;
			continue;
		}
		if (filled == sizeof(buffer))
			filled = 0;
		n = read(fd, buffer + filled, sizeof(buffer) - filled);
		if (n <= 0)
			return false;
		filled += n;
	}
	return false;
}
