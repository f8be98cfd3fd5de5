// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with blocks of memory that go away, with what is in them moved,
 * and come back. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"

#define BLOCK		"/sys/devices/system/memory/memory%d/"
#define MAX_BLOCKS	64
#define PRINTK		"/proc/sys/kernel/printk"
#define OFFLINE_LIMIT	10	/* seconds */

struct memory {
	int log;
	char loud[16];		/* how the console was before */
};

static int blocks[MAX_BLOCKS], nr_blocks;
static bool page_lost;	/* nobody can move it, and no file system holds it */

static int block(int nr, const char *state)
{
	char path[64];

	snprintf(path, sizeof(path), BLOCK "state", nr);
	return sm_write(path, state);
}

static bool is_offline(int nr)
{
	char path[64];

	snprintf(path, sizeof(path), BLOCK "online", nr);
	return !sm_read_long(path);
}

/*
 * The kernel has a lot to say about each page that it cannot take from a block,
 * even if it can a moment later. Only real trouble is for the console meanwhile.
 */
static int speak_softly(struct memory *m)
{
	m->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (m->log < 0 || lseek(m->log, 0, SEEK_END) < 0)
		return -1;
	snprintf(m->loud, sizeof(m->loud), "%ld", sm_read_long(PRINTK));
	return sm_set(PRINTK, "4");
}

static void speak_up(struct memory *m)
{
	sm_write(PRINTK, m->loud);
	close(m->log);
}

/* The next record of the kernel's log, if there is one. */
static bool next_record(int log, char *text, size_t size)
{
	ssize_t n;

	do {
		n = read(log, text, size - 1);
	} while (n < 0 && errno == EPIPE);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* A warning that the console has not shown. */
static bool warned(int log)
{
	char text[8192];

	while (next_record(log, text, sizeof(text)))
		if (strstr(text, "WARNING: ") || strstr(text, "BUG: "))
			return true;
	return false;
}

/*
 * A page could not be moved in the end, and is not one of a block device: that would
 * hold metadata of a file system, which keeps it where it is for as long as it likes.
 * Where no page is named, there was not enough time.
 */
static bool names_lost_page(int log)
{
	char text[8192];
	bool lost = false;

	while (next_record(log, text, sizeof(text))) {
		if (strstr(text, ";page:"))
			lost = true;
		if (strstr(text, ";aops:def_blk_aops"))
			lost = false;
	}
	return lost;
}

/* The kernel never gives up for a page, even one that is held for ever. */
static int offline(int nr)
{
	pid_t pid = sm_fork();
	int status;

	if (!pid) {
		alarm(OFFLINE_LIMIT * sm_slow());
		_exit(block(nr, "offline") ? errno : 0);
	}
	status = sm_reap(pid);
	if (WIFEXITED(status))
		errno = WEXITSTATUS(status);
	else
		errno = WTERMSIG(status) == SIGALRM ? EINTR : EIO;
	/* The signal may have come a moment too late. */
	return errno && !(errno == EINTR && is_offline(nr)) ? -1 : 0;
}

/*
 * Those in which the kernel has nothing of its own; nor will it, once they have come
 * back as movable memory.
 */
static const char *lacks_hotremove(void)
{
	struct memory m;
	int i;

	if (speak_softly(&m))
		return "cannot tell the console what to show";
	for (i = 0; i < MAX_BLOCKS; i++) {
		if (!offline(i) && !block(i, "online_movable"))
			blocks[nr_blocks++] = i;
		else if (errno == EINTR && names_lost_page(m.log))
			page_lost = true;
	}
	speak_up(&m);
	return nr_blocks || page_lost ? NULL :
	       "no block of memory can be taken offline";
}

static int begin_hotremove(struct race_run *run)
{
	static struct memory m;

	RACE_CHECK(run, !page_lost);
	RACE_CHECK(run, !speak_softly(&m));
	run->data = &m;
	return 0;
}

static int round_hotremove(struct race_run *run, long nr)
{
	int i = blocks[race_random(run, nr_blocks)];
	struct memory *m = run->data;
	bool gone = !offline(i);

	RACE_CHECK(run, gone || errno == EBUSY || errno == EINTR);
	RACE_CHECK(run, !gone || !block(i, "online_movable"));
	RACE_CHECK(run, !warned(m->log));
	return gone;
}

/* Nothing stays away, or movable, for good. */
static void end_hotremove(struct race_run *run)
{
	struct memory *m = run->data;
	int i;

	for (i = 0; i < nr_blocks; i++) {
		offline(blocks[i]);
		block(blocks[i], "online_kernel");
	}
	if (m)
		speak_up(m);
}

/*
 * Compaction of a zone goes on to the end that the zone had when it began, even if
 * that is offline meanwhile. That is a bug of the kernel, but none of migration.
 */
static const struct race race_hotremove = {
	.name = "hotremove", .lacks = lacks_hotremove, .outside = true,
	.not_with = "compaction", .begin = begin_hotremove, .round = round_hotremove,
	.end = end_hotremove, .rounds = 2,
};

const struct race * const races_of_hotremove[] = {
	&race_hotremove, NULL,
};
