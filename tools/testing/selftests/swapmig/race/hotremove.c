// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with blocks of memory that are emptied, go away, and come back.
 * See race.h.
 *
 * The base reads a zone's first page and its length without a lock. If both change in
 * between, CONFIG_DEBUG_VM believes that a page is not in its zone (bad_range(), a BUG)
 * when some task allocates it. So the start of a zone must not move while the zone has
 * pages: the first block of a node stays, and the first movable block of a node is the
 * first to become movable and the last to become normal again.
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

struct block {
	int nr, node;
};

struct memory {
	int log;
	char loud[16];		/* how the console was before */
	int may_go[MAX_BLOCKS], nr;
};

static struct block blocks[MAX_BLOCKS];	/* ascending */
static int nr_blocks;
static bool page_lost;	/* nobody can move it, and no file system holds it */

static int set_block(int nr, const char *state)
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

static bool is_movable(int nr)
{
	char path[64], zone[16];

	snprintf(path, sizeof(path), BLOCK "valid_zones", nr);
	return !sm_read_line(path, zone, sizeof(zone)) && !strcmp(zone, "Movable");
}

static int node_of(int nr)
{
	unsigned long nodes = sm_all_nodes();
	char path[64];
	int node;

	for (node = 0; nodes >> node; node++) {
		snprintf(path, sizeof(path), BLOCK "node%d", nr, node);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
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
		_exit(set_block(nr, "offline") ? errno : 0);
	}
	status = sm_reap(pid);
	if (WIFEXITED(status))
		errno = WEXITSTATUS(status);
	else
		errno = WTERMSIG(status) == SIGALRM ? EINTR : EIO;
	/* The signal may have come a moment too late. */
	return errno && !(errno == EINTR && is_offline(nr)) ? -1 : 0;
}

static bool make_movable(int nr)
{
	return !offline(nr) && !set_block(nr, "online_movable");
}

/* Nothing stays movable for good, except a block that is held and those below it. */
static void make_normal(void)
{
	int i, held = -1;

	for (i = nr_blocks - 1; i >= 0; i--) {
		if (blocks[i].node == held || !is_movable(blocks[i].nr))
			continue;
		if (offline(blocks[i].nr))
			held = blocks[i].node;
		else
			set_block(blocks[i].nr, "online_kernel");
	}
}

static bool has_movable(int node)
{
	int i;

	for (i = 0; i < nr_blocks; i++)
		if (blocks[i].node == node && is_movable(blocks[i].nr))
			return true;
	return false;
}

/* Make one block of each node movable: those after it may go. */
static void choose_blocks(struct memory *m)
{
	int i, node = -1;

	m->nr = 0;
	for (i = 0; i < nr_blocks; i++) {
		if (blocks[i].node == node)
			m->may_go[m->nr++] = blocks[i].nr;
		else if (is_movable(blocks[i].nr) ||
			 (!has_movable(blocks[i].node) && make_movable(blocks[i].nr)))
			node = blocks[i].node;
	}
}

/*
 * Those in which the kernel has nothing of its own; nor will it, once they have come
 * back as movable memory.
 */
static const char *lacks_hotremove(void)
{
	int nr, node, last = -1;
	struct memory m;

	if (speak_softly(&m))
		return "cannot tell the console what to show";
	for (nr = 0; nr < MAX_BLOCKS; nr++, last = node) {
		node = node_of(nr);
		if (node < 0 || node != last)
			continue;
		if (is_movable(nr) || make_movable(nr))
			blocks[nr_blocks++] = (struct block){ nr, node };
		else if (errno == EINTR && names_lost_page(m.log))
			page_lost = true;
	}
	choose_blocks(&m);
	make_normal();
	speak_up(&m);
	return m.nr || page_lost ? NULL : "no block of memory can be taken offline";
}

static int begin_hotremove(struct race_run *run)
{
	static struct memory m;

	RACE_CHECK(run, !page_lost);
	RACE_CHECK(run, !speak_softly(&m));
	run->data = &m;
	choose_blocks(&m);
	RACE_CHECK(run, m.nr);
	return 0;
}

static int round_hotremove(struct race_run *run, long round)
{
	struct memory *m = run->data;
	int nr = m->may_go[race_random(run, m->nr)];
	bool gone = !offline(nr);

	RACE_CHECK(run, gone || errno == EBUSY || errno == EINTR);
	RACE_CHECK(run, !gone || !set_block(nr, "online_movable"));
	RACE_CHECK(run, !warned(m->log));
	return gone;
}

static void end_hotremove(struct race_run *run)
{
	struct memory *m = run->data;

	make_normal();
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
